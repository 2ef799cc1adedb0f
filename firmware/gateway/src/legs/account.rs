//! A trunk that registers: one account for one number or for many.
//!
//! | a call in | its number |
//! |---|---|
//! | Request-URI with another user than the account | that user, as on any trunk |
//! | Request-URI with the account | the first that is not the account and leads to a `[[number]]`: `P-Called-Party-ID` (RFC 7315), `To`, the newest `Diversion` (RFC 5806), the last but one of `History-Info` (RFC 7044); else the account itself |
//!
//! | a call out | From and the identity header |
//! |---|---|
//! | of a number in `range` | that number, at the registrar's domain |
//! | of any other | the account, at the registrar's domain |

use super::trunk::{self, dialled};
use causeway_directory::{Destination, Directory, SipAddress, Trunk};
use causeway_sip::endpoint::Transport;
use causeway_sip::message::NameAddr;
use causeway_sip::registration::RegistrationConfig;
use std::net::SocketAddr;

/// What the registration of a trunk is made of; `None` when it is peered statically.
pub fn registration(
    directory: &Directory,
    trunk: &Trunk,
    seed: [u8; 32],
) -> Option<RegistrationConfig> {
    let registration = trunk.registration.as_ref()?.get_ref();
    let user = trunk.account()?;
    let registrar = match registrar(trunk) {
        Some(registrar) => registrar.to_owned(),
        None => trunk.address.get_ref().to_string(),
    };
    let (registrars, transport) = registrars(directory, trunk);
    Some(RegistrationConfig {
        registrars,
        transport,
        request_uri: format!("sip:{registrar}"),
        account: format!("sip:{user}@{}", domain(trunk)?),
        contact_user: user.to_owned(),
        expires_s: registration.expires_s,
        credentials: trunk::credentials(directory, trunk),
        seed,
    })
}

/// Where the registrars of a trunk are now, and how they are spoken to: those that are spoken to as the first.
pub fn registrars(directory: &Directory, trunk: &Trunk) -> (Vec<SocketAddr>, Transport) {
    let located = directory.located(trunk);
    let transport = located
        .first()
        .map_or(trunk.transport(), |first| first.transport);
    let registrars = located.iter().filter(|l| l.transport == transport);
    (
        registrars.map(|l| l.address).collect(),
        trunk::transport(transport),
    )
}

fn registrar(trunk: &Trunk) -> Option<&str> {
    let registration = trunk.registration.as_ref()?.get_ref();
    registration
        .registrar
        .as_deref()
        .or(trunk.domain.as_deref())
}

/// The domain of a trunk's account; `None` when it does not register.
pub fn domain(trunk: &Trunk) -> Option<String> {
    trunk.registration.as_ref()?;
    let host = |place: &SipAddress| {
        let host = place.host.clone();
        SipAddress { host, port: None }.to_string()
    };
    Some(match registrar(trunk) {
        Some(registrar) => registrar.to_owned(),
        None => host(trunk.address.get_ref()),
    })
}

/// The user part that shows who calls: `written` is `number` as the trunk wants it.
pub fn shown(trunk: &Trunk, number: &str, written: String) -> String {
    let (Some(registration), Some(account)) = (&trunk.registration, trunk.account()) else {
        return written;
    };
    let in_range = Destination::parse(number).is_ok_and(|number| {
        let range = &registration.get_ref().range;
        range.iter().any(|pattern| pattern.allows(&number))
    });
    if in_range {
        written
    } else {
        account.to_owned()
    }
}

/// The numbers a call in may be for, the likeliest first. The last is what an unknown one is refused as.
pub fn called(
    trunk: &Trunk,
    request_uri: &str,
    to: &str,
    headers: &[(String, String)],
) -> Vec<String> {
    let number = dialled(request_uri);
    let Some(account) = trunk.account().filter(|account| *account == number) else {
        return vec![number];
    };
    let values = |name: &'static str| {
        headers
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .flat_map(|(_, value)| super::caller::elements(value))
            .filter_map(|value| NameAddr::read(value.as_bytes()).ok())
            .map(|address| dialled(&address.uri.to_string()))
    };
    let history: Vec<String> = values("History-Info").collect();
    let last_but_one = history.iter().rev().nth(1).cloned();
    let mut called: Vec<String> = values("P-Called-Party-ID")
        .take(1)
        .chain([dialled(to)])
        .chain(values("Diversion").take(1))
        .chain(last_but_one)
        .filter(|found| !found.is_empty() && found != account)
        .collect();
    called.push(number);
    called
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(keys: &str) -> Directory {
        let text = format!(
            "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\n[sip]\nudp = \"127.0.0.1:5060\"\n\
             [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n\
             [[trunk]]\nname = \"carrier\"\naddress = \"192.0.2.1:5070\"\n{keys}\n"
        );
        Directory::new(causeway_directory::Config::parse(&text).unwrap())
    }

    const ACCOUNT: &str = "registration = { user = \"4930555\", registrar = \"carrier.example\", range = [\"+4930555*\"] }\n\
         username = \"box\"\npassword = \"geheim\"";

    #[test]
    fn the_registration_is_what_the_trunk_says() {
        let directory = directory(ACCOUNT);
        let trunk = directory.trunks().next().unwrap();
        let config = registration(&directory, trunk, [1; 32]).unwrap();
        assert_eq!(config.request_uri, "sip:carrier.example");
        assert_eq!(config.account, "sip:4930555@carrier.example");
        assert_eq!(config.contact_user, "4930555");
        assert_eq!(config.expires_s, 300);
        assert_eq!(
            config.registrars,
            [SocketAddr::from(([192, 0, 2, 1], 5070))]
        );
        assert_eq!(config.credentials.unwrap().username, "box");

        let plain = "registration = {}\nusername = \"box\"\npassword = \"geheim\"";
        let directory = self::directory(plain);
        let trunk = directory.trunks().next().unwrap();
        let config = registration(&directory, trunk, [1; 32]).unwrap();
        assert_eq!(config.request_uri, "sip:192.0.2.1:5070");
        assert_eq!(config.account, "sip:box@192.0.2.1");

        let directory = self::directory("");
        let trunk = directory.trunks().next().unwrap();
        assert_eq!(registration(&directory, trunk, [1; 32]), None);
        assert_eq!(domain(trunk), None);
    }

    #[test]
    fn a_number_of_the_range_is_shown_and_another_is_the_account() {
        let directory = directory(ACCOUNT);
        let trunk = directory.trunks().next().unwrap();
        for (number, shows) in [
            ("+493055512", "03055512"),
            ("+4940123", "4930555"),
            ("12", "4930555"),
        ] {
            let written = number.replace("+49", "0");
            assert_eq!(shown(trunk, number, written), shows, "{number}");
        }
        let plain = self::directory("");
        let trunk = plain.trunks().next().unwrap();
        assert_eq!(shown(trunk, "12", "12".to_owned()), "12");
    }

    #[test]
    fn the_number_called_is_found_where_the_registrar_puts_it() {
        let directory = directory(ACCOUNT);
        let trunk = directory.trunks().next().unwrap();
        let account = "sip:4930555@192.0.2.9:5060";
        for (uri, to, headers, expected) in [
            (
                "sip:+493055512@box",
                "sip:4930555@c",
                &[][..],
                &["+493055512"][..],
            ),
            (account, "sip:+493055512@c", &[], &["+493055512", "4930555"]),
            (account, account, &[], &["4930555"]),
            (
                account,
                "sip:4930555@c",
                &[("P-Called-Party-ID", "<sip:+493055513@c>")],
                &["+493055513", "4930555"],
            ),
            (
                account,
                "tel:+493055514",
                &[
                    ("p-called-party-id", "\"A, B\" <sip:+493055513@c>"),
                    ("Diversion", "<sip:+493055515@c>;reason=unconditional"),
                    (
                        "History-Info",
                        "<sip:+493055516@c>;index=1, <sip:4930555@c>;index=1.1",
                    ),
                ],
                &[
                    "+493055513",
                    "+493055514",
                    "+493055515",
                    "+493055516",
                    "4930555",
                ],
            ),
            (
                account,
                "sip:4930555@c",
                &[("Diversion", "\"")],
                &["4930555"],
            ),
        ] {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(called(trunk, uri, to, &headers), expected, "{uri} {to}");
        }
    }
}
