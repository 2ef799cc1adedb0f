//! What the facts mean: findings in plain words. Pure.

use super::facts::{Exchange, Sdp, UserToUser};
use causeway_api::doctor::{Finding, Verdict};

/// Everything a check came to know. What was not tried is `None`.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub trunk: Configured,
    /// By UDP and by TCP.
    pub udp: Option<Exchange>,
    pub tcp: Option<Exchange>,
    /// An ordinary call, with what was heard in it.
    pub call: Option<Exchange>,
    pub sound: Option<Sound>,
    /// A call that demands PRACK.
    pub reliable: Option<Exchange>,
    /// A call without an offer.
    pub offerless: Option<Exchange>,
    /// A call that offers SRTP only.
    pub srtp: Option<Exchange>,
}

/// The trunk as it is configured.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    pub name: String,
    pub address: String,
    pub tcp: bool,
    pub has_credentials: bool,
    pub realm: Option<String>,
    pub user_to_user: bool,
    pub ptime_ms: u8,
}

/// What came to our RTP port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    pub packets: u32,
    /// Milliseconds from the answer to the first packet.
    pub first_ms: Option<u64>,
    /// Where the first came from.
    pub from: Option<String>,
    /// That is the address and port of the answer.
    pub as_negotiated: bool,
}

/// The findings, in the order of a call.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Findings::default();
    transport(facts, &mut found);
    options(facts, &mut found);
    credentials(facts, &mut found);
    match &facts.call {
        Some(call) => {
            ordinary_call(call, &mut found);
            if call.answered() {
                media(facts, call, &mut found);
                within(call, &mut found);
            }
        }
        None if reached(facts).is_some() => found.add(
            "call",
            Verdict::Notice,
            "No call was tried: name a number that answers by itself with --number.",
        ),
        None => {}
    }
    reliable(facts, &mut found);
    offerless(facts, &mut found);
    srtp(facts, &mut found);
    found.0
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, about: &'static str, verdict: Verdict, sentence: impl Into<String>) {
        self.0.push(Finding {
            about,
            verdict,
            sentence: sentence.into(),
        });
    }
}

/// The OPTIONS exchange that says most: that of the trunk's own transport first.
pub(super) fn reached(facts: &Facts) -> Option<&Exchange> {
    let (own, other) = if facts.trunk.tcp {
        (&facts.tcp, &facts.udp)
    } else {
        (&facts.udp, &facts.tcp)
    };
    [own, other]
        .into_iter()
        .flatten()
        .find(|e| e.status.is_some())
}

fn transport(facts: &Facts, found: &mut Findings) {
    for (name, own, exchange) in [
        ("UDP", !facts.trunk.tcp, &facts.udp),
        ("TCP", facts.trunk.tcp, &facts.tcp),
    ] {
        let Some(exchange) = exchange else { continue };
        match (exchange.status, own) {
            (Some(_), true) => found.add(
                "transport",
                Verdict::Ok,
                format!(
                    "The PBX answers over {name}, after {} ms.",
                    exchange.first_ms.unwrap_or(0)
                ),
            ),
            (Some(_), false) => found.add(
                "transport",
                Verdict::Notice,
                format!("It would answer over {name} too."),
            ),
            (None, true) => found.add(
                "transport",
                Verdict::Problem,
                format!(
                    "Nothing comes back over {name} from {}: is the address right, does a firewall stand between, and does the PBX know this box?",
                    facts.trunk.address
                ),
            ),
            (None, false) => {}
        }
        if own && exchange.repeated > 0 && exchange.status.is_some() {
            found.add(
                "transport",
                Verdict::Notice,
                format!("The request had to be repeated {} times: the network loses packets, or the PBX is slow.", exchange.repeated),
            );
        }
    }
}

fn options(facts: &Facts, found: &mut Findings) {
    let Some(options) = reached(facts) else {
        return;
    };
    let status = options.status.unwrap_or(0);
    match status {
        200..=299 => found.add("OPTIONS", Verdict::Ok, format!("OPTIONS is answered with {}.", options.outcome())),
        401 | 407 => found.add("OPTIONS", Verdict::Notice, "OPTIONS is answered with a challenge; that shows well enough that the PBX lives."),
        403 => found.add("OPTIONS", Verdict::Problem, format!("OPTIONS is refused with {}: the PBX does not take this box for a trunk of its own.", options.outcome())),
        404..=599 => found.add("OPTIONS", Verdict::Notice, format!("OPTIONS is answered with {}; any answer shows that the PBX lives.", options.outcome())),
        _ => {}
    }
    if let Some(software) = &options.software {
        found.add(
            "software",
            Verdict::Ok,
            format!("It calls itself {}.", short(software)),
        );
    }
    if !options.allow.is_empty() {
        let methods: Vec<String> = options
            .allow
            .iter()
            .map(|m| m.to_ascii_uppercase())
            .collect();
        found.add(
            "methods",
            Verdict::Ok,
            format!("It takes {}.", short(&methods.join(", "))),
        );
    }
    if !options.supported.is_empty() {
        found.add(
            "extensions",
            Verdict::Ok,
            format!("It supports {}.", short(&options.supported.join(", "))),
        );
    }
    if !options.accept.is_empty()
        && !options
            .accept
            .iter()
            .any(|a| a.starts_with("application/sdp") || a.starts_with("*/*"))
    {
        found.add(
            "bodies",
            Verdict::Notice,
            format!(
                "It says that it accepts {} and no SDP.",
                short(&options.accept.join(", "))
            ),
        );
    }
}

fn credentials(facts: &Facts, found: &mut Findings) {
    let call = facts.call.as_ref();
    let Some(challenge) = call
        .and_then(|c| c.challenges.first())
        .or_else(|| reached(facts).and_then(|o| o.challenges.first()))
    else {
        if let Some(call) = call
            && call.status.is_some()
            && facts.trunk.has_credentials
        {
            found.add(
                "credentials",
                Verdict::Notice,
                "The PBX did not ask for credentials, though the trunk has some.",
            );
        }
        return;
    };
    let (realm, algorithm) = (short(&challenge.realm), &challenge.algorithm);
    let ended_challenged = call.is_some_and(|c| matches!(c.status, Some(401 | 407)));
    match (call, facts.trunk.has_credentials) {
        (_, false) => found.add("credentials", Verdict::Problem, format!("The PBX asks for credentials of the realm \"{realm}\" ({algorithm}), and the trunk has none.")),
        (Some(call), true) if ended_challenged && call.challenges.len() > 1 => found.add("credentials", Verdict::Problem, format!("The PBX refuses the trunk's credentials for the realm \"{realm}\" ({algorithm}).")),
        (_, true) if facts.trunk.realm.as_ref().is_some_and(|r| *r != challenge.realm) => found.add("credentials", Verdict::Problem, format!("The PBX asks for credentials of the realm \"{realm}\" ({algorithm}); the trunk is set to answer another one only.")),
        (Some(_), true) if ended_challenged => found.add("credentials", Verdict::Problem, format!("The PBX asks for credentials of the realm \"{realm}\" ({algorithm}) and the box gave none: the algorithm is not known.")),
        (Some(call), true) if call.status.is_some() => found.add("credentials", Verdict::Ok, format!("The PBX asks for credentials of the realm \"{realm}\" ({algorithm}) and takes the trunk's.")),
        (_, true) => found.add("credentials", Verdict::Notice, format!("The PBX asks for credentials of the realm \"{realm}\" ({algorithm}); whether it takes the trunk's shows in a call.")),
    }
}

fn ordinary_call(call: &Exchange, found: &mut Findings) {
    match call.status {
        Some(200..=299) => found.add(
            "call",
            Verdict::Ok,
            format!(
                "The number answers after {} ms.",
                call.answered_ms.unwrap_or(0)
            ),
        ),
        Some(401 | 407) => {}
        Some(486 | 600 | 480) => found.add(
            "call",
            Verdict::Notice,
            format!("The number does not answer now: {}.", call.outcome()),
        ),
        Some(404 | 484 | 604) => found.add(
            "call",
            Verdict::Problem,
            format!("The PBX does not know the number: {}.", call.outcome()),
        ),
        Some(403) => found.add(
            "call",
            Verdict::Problem,
            format!(
                "The PBX does not let this box call the number: {}.",
                call.outcome()
            ),
        ),
        Some(488 | 606 | 415) => found.add(
            "call",
            Verdict::Problem,
            format!("The PBX refuses the offered media: {}.", call.outcome()),
        ),
        Some(_) => found.add(
            "call",
            Verdict::Problem,
            format!("The PBX refuses the call: {}.", call.outcome()),
        ),
        None => found.add(
            "call",
            Verdict::Problem,
            format!("The call came to nothing: {}.", call.outcome()),
        ),
    }
    let early = call.provisional.iter().find(|p| p.sdp);
    match early {
        Some(early) => found.add(
            "early media",
            Verdict::Ok,
            format!(
                "It can be heard before the answer: the {} has a session description.",
                early.status
            ),
        ),
        None if call.answered() && call.provisional.iter().any(|p| p.status == 183) => found.add(
            "early media",
            Verdict::Notice,
            "It sends 183 without a session description: before the answer nothing is heard of it.",
        ),
        None if call.answered() => found.add(
            "early media",
            Verdict::Ok,
            "Before the answer nothing is to be heard: the page plays its own ringing.",
        ),
        None => {}
    }
    if call.user_to_user == UserToUser::Echoed {
        found.add(
            "User-to-User",
            Verdict::Ok,
            "User-to-User comes back in the responses.",
        );
    } else if call.user_to_user == UserToUser::Silent && call.answered() {
        found.add("User-to-User", Verdict::Notice, "User-to-User was taken and does not come back; whether the contact centre sees it, only the contact centre can say.");
    } else if breaks_on_user_to_user(call) {
        found.add("User-to-User", Verdict::Problem, format!("The INVITE had a User-to-User header and was refused: {}. Try user_to_user = false.", call.outcome()));
    }
    if call.they_hung_up {
        found.add(
            "call",
            Verdict::Notice,
            "The number hung up by itself during the check.",
        );
    }
}

/// Whether the header may be why the call was refused.
pub(super) fn breaks_on_user_to_user(call: &Exchange) -> bool {
    call.user_to_user == UserToUser::Silent && matches!(call.status, Some(400 | 420))
}

fn media(facts: &Facts, call: &Exchange, found: &mut Findings) {
    match &call.sdp {
        Some(sdp) => codecs(facts, sdp, found),
        None => found.add(
            "codecs",
            Verdict::Problem,
            "The call was answered without a session description: it cannot be heard.",
        ),
    }
    let Some(sound) = &facts.sound else { return };
    match (sound.first_ms, &sound.from) {
        (Some(ms), Some(_)) if sound.as_negotiated => found.add("sound", Verdict::Ok, format!("Sound comes {ms} ms after the answer, from the address that was agreed ({} packets in the time of the check).", sound.packets)),
        (Some(ms), Some(from)) => found.add("sound", Verdict::Notice, format!("Sound comes {ms} ms after the answer, from {from}, which is not what was agreed: the PBX is behind a NAT, or another machine plays it.")),
        _ => found.add("sound", Verdict::Problem, "No sound comes: does a firewall stand between the PBX and the box's RTP ports, or is the number silent until it is spoken to?"),
    }
}

fn codecs(facts: &Facts, sdp: &Sdp, found: &mut Findings) {
    if sdp.refused || sdp.codecs.is_empty() {
        found.add("codecs", Verdict::Problem, "The answer refuses the audio.");
        return;
    }
    found.add(
        "codecs",
        Verdict::Ok,
        format!("It answers with {}.", sdp.codecs.join(", ")),
    );
    match sdp.ptime_ms {
        Some(ms) if ms != facts.trunk.ptime_ms => found.add(
            "packet time",
            Verdict::Notice,
            format!(
                "It wants packets of {ms} ms; the trunk is set to {} ms.",
                facts.trunk.ptime_ms
            ),
        ),
        Some(ms) => found.add("packet time", Verdict::Ok, format!("Packets have {ms} ms.")),
        None => {}
    }
    match &sdp.telephone_event {
        Some(pt) => found.add("digits", Verdict::Ok, format!("Digits go as telephone-event, payload type {pt}.")),
        None => found.add("digits", Verdict::Problem, "The answer has no telephone-event: digits pressed in the page will not reach menus. Allow RFC 4733 (RFC 2833) for this trunk in the PBX."),
    }
}

fn within(call: &Exchange, found: &mut Findings) {
    let answer = call.within.iter().find(|(method, _)| method == "INVITE");
    match answer {
        Some((_, 200..=299)) => found.add(
            "hold",
            Verdict::Ok,
            "A re-INVITE that holds the call is answered.",
        ),
        Some((_, status)) => found.add(
            "hold",
            Verdict::Problem,
            format!(
                "A re-INVITE that holds the call is refused with {status}: hold will not work."
            ),
        ),
        None => {}
    }
    if call.allows("UPDATE") {
        found.add("UPDATE", Verdict::Ok, "It takes UPDATE.");
    } else if !call.allow.is_empty() {
        found.add(
            "UPDATE",
            Verdict::Notice,
            "It does not name UPDATE among its methods: sessions are refreshed by re-INVITE.",
        );
    }
    match (&call.session_expires, call.timer_asked) {
        (Some(value), _) => found.add("session timer", Verdict::Ok, format!("It keeps a session timer: {}.", short(value))),
        (None, true) => found.add("session timer", Verdict::Notice, "It did not take the session timer that was offered: a dead call is noticed by its silence only."),
        (None, false) if call.supports("timer") => found.add("session timer", Verdict::Ok, "It knows session timers and wants none."),
        (None, false) => found.add("session timer", Verdict::Notice, "It does not speak of session timers."),
    }
    if let Some(least) = &call.min_se {
        found.add(
            "session timer",
            Verdict::Notice,
            format!("It wants at least {} s between refreshes.", short(least)),
        );
    }
    if call.theirs.iter().any(|m| m == "INVITE") {
        found.add(
            "re-INVITE",
            Verdict::Notice,
            "It sends re-INVITEs of its own soon after the answer; the box answers them.",
        );
    }
}

fn reliable(facts: &Facts, found: &mut Findings) {
    let used = facts
        .call
        .iter()
        .chain(&facts.reliable)
        .any(|c| c.provisional.iter().any(|p| p.reliable));
    match &facts.reliable {
        _ if used => found.add("PRACK", Verdict::Ok, "Provisional responses are sent reliably (100rel) and PRACK is taken."),
        Some(call) if call.status == Some(420) => found.add("PRACK", Verdict::Notice, "It refuses a call that demands PRACK (420): leave reliable at \"supported\" or \"off\"."),
        Some(call) if call.answered() => found.add("PRACK", Verdict::Notice, "A call that demands PRACK is answered, without any reliable response before."),
        Some(call) => found.add("PRACK", Verdict::Notice, format!("A call that demands PRACK came to nothing: {}.", call.outcome())),
        None => {}
    }
}

fn offerless(facts: &Facts, found: &mut Findings) {
    let Some(call) = &facts.offerless else { return };
    match (&call.sdp, call.answered()) {
        (Some(_), true) => found.add(
            "offerless INVITE",
            Verdict::Ok,
            "A call without an offer is answered with one.",
        ),
        (None, true) => found.add(
            "offerless INVITE",
            Verdict::Problem,
            "A call without an offer is answered without one: nobody could be heard.",
        ),
        (_, false) => found.add(
            "offerless INVITE",
            Verdict::Notice,
            format!(
                "A call without an offer is not taken: {}. The box always makes an offer.",
                call.outcome()
            ),
        ),
    }
}

fn srtp(facts: &Facts, found: &mut Findings) {
    let Some(call) = &facts.srtp else { return };
    match (&call.sdp, call.answered()) {
        (Some(sdp), true) if sdp.has_keys && !sdp.refused => found.add("SRTP", Verdict::Ok, "It takes SRTP with keys in the SDP (SDES)."),
        (_, true) => found.add("SRTP", Verdict::Problem, "A call that offers SRTP only is answered without keys: the PBX would send unencrypted sound, or none."),
        (_, false) => found.add("SRTP", Verdict::Notice, format!("It does not take SRTP: {}.", call.outcome())),
    }
}

fn short(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    match clean.char_indices().nth(160) {
        Some((at, _)) => format!("{}…", clean.get(..at).unwrap_or_default()),
        None => clean,
    }
}
