//! Where a PBX sends a placed call on to with 301, 302 or another 3xx (RFC 3261 section 8.1.3.4).
//!
//! | Contact | the call goes |
//! |---|---|
//! | `sip:` with one of the trunk's own addresses, or its `domain` | there, to the user part |
//! | `sip:` elsewhere, `tel:`, with a number of the trunk's `numbers` | to that number at the trunk |
//! | anything else; where the call has been before; after [`MAX_HOPS`] | nowhere |
//!
//! So a redirection never leads away from the trunk, and its credentials with it.

use causeway_directory::{Destination, Located, Trunk};
use causeway_sip::message::{Uri, UriKind};
use std::net::SocketAddr;

/// Redirections of one call.
pub const MAX_HOPS: usize = 5;
/// Characters of a user part.
const MAX_USER: usize = 64;

/// One way on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The user part at the trunk, as the PBX writes it.
    pub user: String,
    /// The address of the trunk that was named.
    pub at: Option<SocketAddr>,
}

/// How a call has been sent on so far.
#[derive(Clone, Debug, Default)]
pub struct Redirection {
    /// Users the call was at.
    been: Vec<String>,
}

impl Redirection {
    /// Who is called now, when it is not who was called first.
    pub fn user(&self) -> Option<&str> {
        self.been.get(1..)?.last().map(String::as_str)
    }

    /// Takes the first way on that may be taken; `located` is where the trunk's addresses lead, `first` the user that was
    /// called first. `None`: the call ends.
    pub fn follow(
        &mut self,
        trunk: &Trunk,
        located: &[Located],
        first: &str,
        contacts: &[String],
    ) -> Option<Way> {
        if self.been.is_empty() {
            self.been.push(first.to_owned());
        }
        if self.been.len() > MAX_HOPS {
            return None;
        }
        let way = contacts
            .iter()
            .filter_map(|contact| way(trunk, located, contact))
            .find(|way| !self.been.contains(&way.user))?;
        self.been.push(way.user.clone());
        Some(way)
    }
}

fn way(trunk: &Trunk, located: &[Located], contact: &str) -> Option<Way> {
    let uri = Uri::read(contact.as_bytes()).ok()?;
    let user = uri.user();
    let plain = |c: char| c.is_ascii_alphanumeric() || "+*#-_.".contains(c);
    if user.is_empty() || user.len() > MAX_USER || !user.chars().all(plain) {
        return None;
    }
    let at = match uri.kind() {
        UriKind::Sip(sip) => own_address(trunk, located, &sip.host.to_string(), sip.port),
        UriKind::Tel { .. } => None,
        UriKind::Other { .. } => return None,
    };
    if let Some(at) = at {
        return Some(Way { user, at });
    }
    let number = match &trunk.numbering {
        Some(numbering) => numbering.get_ref().inward(&user),
        None => user.clone(),
    };
    let number = Destination::parse(&number).ok()?;
    let reached = trunk.numbers.iter().any(|pattern| pattern.allows(&number));
    let is_number = matches!(number, Destination::Number(_));
    (reached && is_number).then_some(Way { user, at: None })
}

/// `Some` when the host is this trunk; inside, the very address when it names one.
#[allow(clippy::option_option)]
fn own_address(
    trunk: &Trunk,
    located: &[Located],
    host: &str,
    port: Option<u16>,
) -> Option<Option<SocketAddr>> {
    let named = |name: &str| name.eq_ignore_ascii_case(host);
    if trunk.domain.as_deref().is_some_and(named)
        || trunk.places().filter_map(|place| place.name()).any(named)
    {
        return Some(None);
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let ip: std::net::IpAddr = bare.parse().ok()?;
    let own = located.iter().map(|located| located.address);
    let mut own = own.filter(|address| address.ip() == ip);
    match port {
        // One of several targets at a host is not told apart without its port.
        None => own.next().map(|_| None),
        Some(port) => own.find(|address| address.port() == port).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_directory::Directory;

    fn trunk(keys: &str) -> (Trunk, Vec<Located>) {
        let text = format!(
            "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\n[sip]\nudp = \"127.0.0.1:5060\"\n\
             [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n\
             [[trunk]]\nname = \"pbx\"\naddress = \"10.0.0.2:5070\"\ntargets = [\"10.0.0.3:5060\"]\n{keys}\n"
        );
        let config = causeway_directory::Config::parse(&text).unwrap();
        let directory = Directory::new(config);
        let trunk = directory.trunks().next().unwrap();
        (trunk.clone(), directory.located(trunk).to_vec())
    }

    fn first(keys: &str, contact: &str) -> Option<Way> {
        let mut redirection = Redirection::default();
        let (trunk, located) = trunk(keys);
        redirection.follow(&trunk, &located, "100", &[contact.to_owned()])
    }

    fn to(user: &str, at: Option<&str>) -> Option<Way> {
        Some(Way {
            user: user.to_owned(),
            at: at.map(|at| at.parse().unwrap()),
        })
    }

    #[test]
    fn the_table_of_the_module() {
        let keys = "numbers = [\"+49*\"]\ndomain = \"pbx.example\"";
        for (contact, way) in [
            ("sip:200@10.0.0.3:5060", to("200", Some("10.0.0.3:5060"))),
            ("sip:200@10.0.0.2", to("200", None)),
            ("sip:200@PBX.example;user=phone", to("200", None)),
            // Elsewhere, but a number of the trunk: it goes to the trunk.
            ("sip:+4930@198.51.100.1", to("+4930", None)),
            ("tel:+4930", to("+4930", None)),
            ("sip:200@10.0.0.2:9", None),
            ("sip:200@198.51.100.1", None),
            ("tel:+33145678900", None),
            ("sip:10.0.0.2", None),
            ("sip:a%40evil@10.0.0.2", None),
            ("mailto:200@10.0.0.2", None),
            ("nonsense", None),
        ] {
            assert_eq!(first(keys, contact), way, "{contact}");
        }
        let written =
            "numbers = [\"+49*\"]\nnumbering = { format = \"national\", country = \"49\" }";
        assert_eq!(
            first(written, "sip:030123456@198.51.100.1"),
            to("030123456", None)
        );
    }

    #[test]
    fn the_first_that_may_be_taken_and_none_twice() {
        let (trunk, located) = trunk("numbers = [\"*\"]");
        let contacts = ["mailto:x@y", "sip:100@10.0.0.2", "sip:200@10.0.0.2"].map(str::to_owned);
        let mut redirection = Redirection::default();
        assert_eq!(redirection.user(), None);
        let way = redirection.follow(&trunk, &located, "100", &contacts);
        assert_eq!(way.map(|way| way.user).as_deref(), Some("200"));
        assert_eq!(redirection.user(), Some("200"));
        assert_eq!(redirection.follow(&trunk, &located, "100", &contacts), None);
    }

    #[test]
    fn five_times_at_most() {
        let (trunk, located) = trunk("");
        let mut redirection = Redirection::default();
        let mut hops = 0;
        for number in 200.. {
            let contact = format!("sip:{number}@10.0.0.2");
            match redirection.follow(&trunk, &located, "100", &[contact]) {
                Some(_) => hops += 1,
                None => break,
            }
        }
        assert_eq!(hops, MAX_HOPS);
    }
}
