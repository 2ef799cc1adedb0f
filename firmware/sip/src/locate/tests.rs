//! The table of the module, against small zones.

use super::*;
use std::collections::HashMap;

/// A zone: what it answers to whom.
#[derive(Default)]
struct Zone(HashMap<(&'static str, &'static str), Vec<Record>>);

impl Zone {
    fn naptr(mut self, order: u16, preference: u16, services: &str, to: &str) -> Self {
        let records = self.0.entry(("NAPTR", "pbx.example")).or_default();
        records.push(Record::Naptr {
            order,
            preference,
            flags: "s".to_owned(),
            services: services.to_owned(),
            replacement: to.to_owned(),
        });
        self
    }

    fn srv(mut self, name: &'static str, priority: u16, weight: u16, to: &str) -> Self {
        let (target, port) = to.split_once(':').unwrap();
        self.0.entry(("SRV", name)).or_default().push(Record::Srv {
            priority,
            weight,
            port: port.parse().unwrap(),
            target: target.to_owned(),
        });
        self
    }

    fn host(mut self, name: &'static str, ip: &str) -> Self {
        let ip: IpAddr = ip.parse().unwrap();
        let kind = if ip.is_ipv4() { "A" } else { "AAAA" };
        let records = self.0.entry((kind, name)).or_default();
        records.push(Record::Address(ip));
        self
    }

    /// Answers a search to its end; gives the questions in their order, too.
    fn search(&self, wish: Wish) -> (Vec<String>, Result<Located, LocateError>) {
        self.search_but(wish, |_| None)
    }

    fn search_but(
        &self,
        wish: Wish,
        other: impl Fn(&Question) -> Option<Answer>,
    ) -> (Vec<String>, Result<Located, LocateError>) {
        let mut locator = Locator::new(wish);
        let mut asked = Vec::new();
        while let Some(question) = locator.poll_question() {
            let kind = question.kind.as_str();
            asked.push(format!("{kind} {}", question.name));
            assert!(asked.len() <= 1 + 8 + 32, "{asked:?}");
            let records = self
                .0
                .iter()
                .find(|((k, name), _)| *k == kind && *name == question.name)
                .map(|(_, records)| records.clone())
                .unwrap_or_default();
            let answer = Answer::Records {
                records,
                ttl: Duration::from_secs(if kind == "SRV" { 60 } else { 300 }),
            };
            locator.handle_answer(&question, other(&question).unwrap_or(answer));
        }
        let outcome = locator.outcome().expect("a search ends").clone();
        (asked, outcome)
    }
}

fn wish(transports: &[Transport], port: Option<u16>) -> Wish {
    Wish {
        name: "pbx.example".to_owned(),
        port,
        transports: transports.to_vec(),
        v4: true,
        v6: false,
    }
}

/// Address, priority, weight in sixteenths.
fn shown(outcome: &Result<Located, LocateError>) -> Vec<String> {
    let Ok(located) = outcome else {
        return vec![format!("{outcome:?}")];
    };
    let target = |t: &TargetSpec| {
        format!(
            "{} {} {} {}",
            located.transport, t.address, t.priority, t.weight
        )
    };
    located.targets.iter().map(target).collect()
}

use Transport::{Tcp, Tls, Udp};

#[test]
fn a_port_means_that_only_addresses_count() {
    let zone = Zone::default()
        .naptr(1, 1, "SIP+D2T", "_sip._tcp.pbx.example")
        .srv("_sip._udp.pbx.example", 1, 1, "a.example:5070")
        .host("pbx.example", "192.0.2.1");
    let (asked, outcome) = zone.search(wish(&[Udp, Tcp], Some(5080)));
    assert_eq!(asked, ["A pbx.example"]);
    assert_eq!(shown(&outcome), ["UDP 192.0.2.1:5080 0 0"]);
}

#[test]
fn naptr_chooses_the_transport_among_ours() {
    let zone = Zone::default()
        .naptr(10, 50, "SIPS+D2T", "_sips._tcp.pbx.example.")
        .naptr(20, 60, "SIP+D2U", "_sip._udp.pbx.example.")
        .naptr(20, 50, "sip+d2t", "elsewhere.example.")
        .srv("_sips._tcp.pbx.example", 1, 1, "a.example:5061")
        .srv("elsewhere.example", 1, 1, "b.example:5070")
        .srv("_sip._udp.pbx.example", 1, 1, "a.example:5060")
        .host("a.example", "192.0.2.1")
        .host("b.example", "192.0.2.2");
    let (asked, outcome) = zone.search(wish(&[Udp, Tcp], None));
    assert_eq!(
        asked,
        ["NAPTR pbx.example", "SRV elsewhere.example", "A b.example"]
    );
    assert_eq!(shown(&outcome), ["TCP 192.0.2.2:5070 1 16"]);
    let (_, outcome) = zone.search(wish(&[Udp, Tcp, Tls], None));
    assert_eq!(shown(&outcome), ["TLS 192.0.2.1:5061 1 16"]);
    assert_eq!(outcome.unwrap().ttl, Duration::from_secs(60));
    // A transport that is fixed does not ask.
    let (asked, outcome) = zone.search(wish(&[Udp], None));
    assert_eq!(asked, ["SRV _sip._udp.pbx.example", "A a.example"]);
    assert_eq!(shown(&outcome), ["UDP 192.0.2.1:5060 1 16"]);
}

#[test]
fn a_naptr_service_without_servers_leads_to_the_next() {
    let zone = Zone::default()
        .naptr(1, 1, "SIP+D2T", "_sip._tcp.gone.example")
        .naptr(2, 1, "SIP+D2U", "_sip._udp.pbx.example")
        .srv("_sip._udp.pbx.example", 0, 0, "a.example:5060")
        .host("a.example", "192.0.2.1");
    let (_, outcome) = zone.search(wish(&[Udp, Tcp], None));
    assert_eq!(shown(&outcome), ["UDP 192.0.2.1:5060 0 0"]);
}

#[test]
fn without_naptr_the_usual_services_are_tried_and_then_the_name_itself() {
    let zone = Zone::default()
        .srv("_sip._tcp.pbx.example", 0, 5, "a.example:5070")
        .host("a.example", "192.0.2.1");
    let (asked, outcome) = zone.search(wish(&[Udp, Tcp], None));
    assert_eq!(
        asked,
        [
            "NAPTR pbx.example",
            "SRV _sip._udp.pbx.example",
            "SRV _sip._tcp.pbx.example",
            "A a.example"
        ]
    );
    assert_eq!(shown(&outcome), ["TCP 192.0.2.1:5070 0 80"]);

    let zone = Zone::default().host("pbx.example", "192.0.2.9");
    for (transports, expected) in [
        (&[Udp, Tcp][..], "UDP 192.0.2.9:5060 0 0"),
        (&[Tcp], "TCP 192.0.2.9:5060 0 0"),
        (&[Tls], "TLS 192.0.2.9:5061 0 0"),
    ] {
        let (asked, outcome) = zone.search(wish(transports, None));
        assert_eq!(asked.last().unwrap(), "A pbx.example");
        assert_eq!(shown(&outcome), [expected]);
    }
}

#[test]
fn servers_come_in_order_and_share_their_weight_among_their_addresses() {
    let mut both = wish(&[Udp], None);
    both.v6 = true;
    let zone = Zone::default()
        .srv("_sip._udp.pbx.example", 20, 0, "c.example.:5060")
        .srv("_sip._udp.pbx.example", 10, 3, "a.example.:5070")
        .srv("_sip._udp.pbx.example", 10, 1, "b.example.:5080")
        .host("a.example", "192.0.2.1")
        .host("a.example", "2001:db8::1")
        .host("b.example", "192.0.2.2")
        .host("c.example", "192.0.2.3");
    let (_, outcome) = zone.search(both);
    assert_eq!(
        shown(&outcome),
        [
            "UDP [2001:db8::1]:5070 10 24",
            "UDP 192.0.2.1:5070 10 24",
            "UDP 192.0.2.2:5080 10 16",
            "UDP 192.0.2.3:5060 20 0",
        ]
    );
    let (asked, outcome) = zone.search(wish(&[Udp], None));
    assert!(!asked.iter().any(|q| q.starts_with("AAAA")), "{asked:?}");
    assert_eq!(shown(&outcome).len(), 3);
}

#[test]
fn a_denied_service_is_no_reason_to_guess() {
    let zone = Zone::default()
        .srv("_sip._udp.pbx.example", 0, 0, ".:0")
        .host("pbx.example", "192.0.2.1");
    let (asked, outcome) = zone.search(wish(&[Udp], None));
    assert_eq!(asked, ["SRV _sip._udp.pbx.example"]);
    assert_eq!(
        outcome,
        Err(LocateError::NoService("pbx.example".to_owned()))
    );
}

#[test]
fn silence_ends_a_search_and_a_refused_naptr_does_not() {
    let zone = Zone::default()
        .srv("_sip._udp.pbx.example", 0, 0, "a.example:5060")
        .srv("_sip._udp.pbx.example", 0, 0, "b.example:5060")
        .host("a.example", "192.0.2.1")
        .host("b.example", "192.0.2.2");
    let refuses = |of: Kind, with: Answer| move |q: &Question| (q.kind == of).then(|| with.clone());
    let (_, outcome) = zone.search_but(
        wish(&[Udp, Tcp], None),
        refuses(Kind::Naptr, Answer::Refused),
    );
    assert_eq!(shown(&outcome).len(), 2);
    for (kind, answer) in [
        (Kind::Naptr, Answer::Silent),
        (Kind::Srv, Answer::Refused),
        (Kind::A, Answer::Silent),
    ] {
        let (_, outcome) = zone.search_but(wish(&[Udp, Tcp], None), refuses(kind, answer));
        assert!(
            matches!(&outcome, Err(LocateError::Silent(q)) if q.kind == kind),
            "{outcome:?}"
        );
    }
    // One host of two that is silent: half an answer is none.
    let (_, outcome) = zone.search_but(wish(&[Udp], None), |q| {
        (q.name == "b.example").then_some(Answer::Silent)
    });
    assert!(
        matches!(outcome, Err(LocateError::Silent(_))),
        "{outcome:?}"
    );
}

#[test]
fn nothing_is_told_as_nothing() {
    let (asked, outcome) = Zone::default().search(wish(&[Udp, Tcp], None));
    assert_eq!(asked.len(), 4);
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "the DNS knows no address for pbx.example"
    );
    let (asked, outcome) = Zone::default().search(wish(&[], None));
    assert!(asked.is_empty() && outcome.is_err());
    let useless = Zone::default()
        .host("pbx.example", "0.0.0.0")
        .host("pbx.example", "224.0.0.1");
    assert!(useless.search(wish(&[Udp], Some(5060))).1.is_err());
}

#[test]
fn a_huge_answer_stays_small() {
    let mut zone = Zone::default();
    for n in 0..200_u16 {
        let host: &'static str = Box::leak(format!("h{n}.example").into_boxed_str());
        zone = zone.srv(
            "_sip._udp.pbx.example",
            200 - n,
            1,
            &format!("{host}.:{}", 5000 + n),
        );
        for last in 0..40 {
            zone = zone.host(host, &format!("192.0.2.{last}"));
        }
    }
    let (asked, outcome) = zone.search(wish(&[Udp], None));
    assert_eq!(asked.len(), 1 + MOST_HOSTS);
    let located = outcome.unwrap();
    assert_eq!(located.targets.len(), MOST_TARGETS);
    assert_eq!(located.targets[0].address.port(), 5199);
}

#[test]
fn answers_nobody_asked_for_change_nothing() {
    let mut locator = Locator::new(wish(&[Udp], Some(5060)));
    let question = locator.poll_question().unwrap();
    let of = |kind, name: &str| Question {
        kind,
        name: name.to_owned(),
    };
    let records = Answer::Records {
        records: vec![Record::Address("192.0.2.66".parse().unwrap())],
        ttl: Duration::ZERO,
    };
    locator.handle_answer(&of(Kind::A, "evil.example"), records.clone());
    locator.handle_answer(&of(Kind::Srv, "pbx.example"), records.clone());
    assert!(locator.outcome().is_none());
    let wrong = Answer::Records {
        records: vec![Record::Address("2001:db8::66".parse().unwrap())],
        ttl: Duration::ZERO,
    };
    locator.handle_answer(&question, wrong);
    assert!(matches!(
        locator.outcome(),
        Some(Err(LocateError::NoAddress(_)))
    ));
    locator.handle_answer(&question, records);
    assert!(matches!(locator.outcome(), Some(Err(_))));
}
