//! Who calls, as a PBX says it: in one of four headers, perhaps not to be shown, perhaps on the way
//! from somebody else.
//!
//! | asked | taken |
//! |---|---|
//! | who | `P-Asserted-Identity` (RFC 3325), else `Remote-Party-ID`, else `From` |
//! | hidden | `Privacy` with `id`, `user`, `header` or `critical` (RFC 3323), `Remote-Party-ID` with `privacy=full`, or an anonymous `From` |
//! | diverted from | the newest `Diversion` (RFC 5806), else the last but one of `History-Info` (RFC 7044) |
//! | context | the token in `User-to-User` (RFC 7433), whatever its dialect |

use super::said;
use causeway_call::context::ContextToken;
use causeway_call::user_to_user;
use causeway_directory::Numbering;
use causeway_sip::endpoint::Party;
use causeway_sip::message::NameAddr;

/// What is known of an incoming call's caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// As the box writes numbers; kept in the record even when hidden.
    pub number: String,
    pub name: Option<String>,
    /// The person called must not be shown the number and the name.
    pub hidden: bool,
    pub diverted_from: Option<String>,
    pub context: Option<ContextToken>,
}

impl Caller {
    /// Reads what an INVITE says; `headers` have canonical long names.
    pub fn read(
        from: &Party,
        asserted: Option<&Party>,
        headers: &[(String, String)],
        numbering: Option<&Numbering>,
    ) -> Self {
        let values = |name: &'static str| {
            headers
                .iter()
                .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
                .flat_map(|(_, value)| elements(value))
        };
        let remote_party = values("Remote-Party-ID")
            .find_map(|value| NameAddr::read(value.as_bytes()).ok())
            .filter(|_| asserted.is_none());
        let (user, name) = match (asserted, &remote_party) {
            (Some(party), _) => (party.user.clone(), party.display.clone()),
            (None, Some(party)) => (party.uri.user(), party.display.clone()),
            (None, None) => (from.user.clone(), from.display.clone()),
        };
        let asks = values("Privacy").any(|value| {
            value.split(';').any(|word| {
                let word = word.trim();
                ["id", "user", "header", "critical"]
                    .iter()
                    .any(|known| word.eq_ignore_ascii_case(known))
            })
        });
        let full = remote_party.as_ref().is_some_and(|party| {
            party
                .params
                .raw("privacy")
                .is_some_and(|level| level.eq_ignore_ascii_case(b"full"))
        });
        let inward = |number: String| {
            let number = said::plain(&number, said::NUMBER);
            match numbering {
                Some(numbering) => numbering.inward(&number),
                None => number,
            }
        };
        let diverted = values("Diversion")
            .next()
            .or_else(|| values("History-Info").rev_but_one())
            .and_then(|value| NameAddr::read(value.as_bytes()).ok())
            .map(|party| inward(party.uri.user()))
            .filter(|number| !number.is_empty());
        Self {
            hidden: asks || full || from.uri.to_ascii_lowercase().contains("anonymous.invalid"),
            number: inward(user),
            name: name
                .map(|name| said::plain(&name, said::NAME))
                .filter(|name| !name.is_empty()),
            diverted_from: diverted,
            context: values("User-to-User").find_map(|value| user_to_user::read(&value)),
        }
    }
}

/// The last element but one.
trait RevButOne: Iterator {
    fn rev_but_one(self) -> Option<Self::Item>;
}

impl<I: Iterator> RevButOne for I {
    fn rev_but_one(self) -> Option<Self::Item> {
        let mut last_two = (None, None);
        for item in self {
            last_two = (last_two.1, Some(item));
        }
        last_two.0
    }
}

/// Splits a header's value at the commas outside quotes and brackets.
pub(super) fn elements(value: &str) -> Vec<String> {
    let mut elements = vec![String::new()];
    let (mut quoted, mut bracket, mut escaped) = (false, false, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracket = true,
            '>' if !quoted => bracket = false,
            ',' if !quoted && !bracket => {
                elements.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(element) = elements.last_mut() {
            element.push(c);
        }
    }
    elements
        .into_iter()
        .map(|element| element.trim().to_owned())
        .filter(|element| !element.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(user: &str, uri: &str) -> Party {
        Party {
            display: Some(format!("name of {user}")),
            user: user.to_owned(),
            uri: uri.to_owned(),
        }
    }

    fn read(asserted: Option<&Party>, headers: &[(&str, &str)]) -> Caller {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Caller::read(&party("100", "sip:100@pbx"), asserted, &headers, None)
    }

    #[test]
    fn who_calls() {
        assert_eq!(read(None, &[]).number, "100");
        let rpid = ("Remote-Party-ID", "\"A, B\" <sip:200@pbx>;party=calling");
        let caller = read(None, &[rpid]);
        assert_eq!(
            (caller.number.as_str(), caller.name.as_deref()),
            ("200", Some("A, B"))
        );
        let asserted = party("300", "sip:300@pbx");
        assert_eq!(read(Some(&asserted), &[rpid]).number, "300");
    }

    #[test]
    fn what_a_caller_calls_himself_is_plain_text() {
        let rpid = (
            "Remote-Party-ID",
            "\"\u{1b}[31m\u{202e}<b>\" <sip:%0d%0a1%1b2@pbx>;party=calling",
        );
        let caller = read(None, &[rpid, ("Diversion", "<sip:%0d%0a3@pbx>")]);
        assert_eq!(caller.name.as_deref(), Some("[31m<b>"));
        assert_eq!(caller.number, "12");
        assert_eq!(caller.diverted_from.as_deref(), Some("3"));
    }

    #[test]
    fn who_wants_to_be_hidden() {
        for (headers, hidden) in [
            (&[][..], false),
            (&[("Privacy", "none")], false),
            (&[("Privacy", "id")], true),
            (&[("Privacy", "session; ID;critical")], true),
            (
                &[("Remote-Party-ID", "<sip:1@pbx>;privacy=full;screen=yes")],
                true,
            ),
            (&[("Remote-Party-ID", "<sip:1@pbx>;privacy=off")], false),
        ] {
            assert_eq!(read(None, headers).hidden, hidden, "{headers:?}");
        }
        let anonymous = party("anonymous", "sip:anonymous@Anonymous.invalid");
        assert!(Caller::read(&anonymous, None, &[], None).hidden);
    }

    #[test]
    fn who_was_called_first() {
        let diversion = (
            "Diversion",
            "\"Desk\" <sip:400@pbx>;reason=no-answer, <sip:500@pbx>",
        );
        let history = (
            "History-Info",
            "<sip:600@pbx?Reason=SIP%3Bcause%3D302>;index=1, <sip:700@pbx>;index=1.1",
        );
        let of = |headers: &[_]| read(None, headers).diverted_from;
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[diversion, history]).as_deref(), Some("400"));
        assert_eq!(of(&[history]).as_deref(), Some("600"));
        assert_eq!(of(&[("History-Info", "<sip:600@pbx>;index=1")]), None);
        assert_eq!(of(&[("Diversion", "<<<,,,\"")]), None);
    }

    #[test]
    fn the_context_comes_back() {
        let uui = ("User-to-User", "0123456789abcdef01234567;encoding=hex");
        assert_eq!(
            read(None, &[uui]).context,
            ContextToken::parse("0123456789abcdef01234567")
        );
    }
}
