//! What an answer must look like. Each check says in one phrase what is wanted; whether a thing exists is found out by whoever
//! carries the setting out.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(crate) type Checked<T = ()> = Result<T, &'static str>;

/// Letters, digits and hyphens in parts of 63 at most (RFC 1123 section 2.1), or an address.
pub(crate) fn host(text: &str) -> Checked {
    const WANTED: &str = "neither an address nor a host name";
    if let Ok(ip) = text.parse::<IpAddr>() {
        let somebody = !ip.is_unspecified() && !ip.is_multicast();
        return somebody.then_some(()).ok_or("nobody's own address");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let bare = text.strip_suffix('.').unwrap_or(text);
    // A name that ends in digits alone is a misspelt IPv4 address.
    let last = bare.rsplit('.').next().unwrap_or_default();
    let good = bare.len() <= 253
        && bare.split('.').all(label)
        && !last.bytes().all(|b| b.is_ascii_digit());
    good.then_some(()).ok_or(WANTED)
}

/// `192.0.2.20`, `192.0.2.20:5060`, `[2001:db8::1]:5060`, `pbx.example` or `pbx.example:5060`.
pub(crate) fn place(text: &str) -> Checked {
    if text.parse::<Ipv6Addr>().is_ok() {
        return host(text);
    }
    let (at, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((ip, rest)) => {
            ip.parse::<Ipv6Addr>()
                .map_err(|_| "no IPv6 address in the brackets")?;
            match rest.strip_prefix(':') {
                None if rest.is_empty() => (ip, None),
                None => return Err("only :port may follow the brackets"),
                port => (ip, port),
            }
        }
        None => match text.split_once(':') {
            Some((at, port)) => (at, Some(port)),
            None => (text, None),
        },
    };
    host(at)?;
    match port.map(str::parse::<u16>) {
        None => Ok(()),
        Some(Ok(port)) if port > 0 => Ok(()),
        Some(Ok(_) | Err(_)) => Err("the port is a number of 1 to 65535"),
    }
}

/// An address of the box with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network<A> {
    pub(crate) address: A,
    pub(crate) prefix: u32,
}

/// `192.0.2.10/24`, an address a machine can have.
pub(crate) fn network_v4(text: &str) -> Checked<Network<Ipv4Addr>> {
    let (address, prefix) = text
        .split_once('/')
        .ok_or("write address/prefix, as 192.0.2.10/24")?;
    let address: Ipv4Addr = address
        .parse()
        .map_err(|_| "no IPv4 address before the slash")?;
    let prefix = number(prefix, 1, 31).map_err(|_| "behind the slash goes a number of 1 to 31")?;
    if address.is_loopback()
        || address.is_multicast()
        || address.is_unspecified()
        || address.is_broadcast()
    {
        return Err("no machine can have this address");
    }
    let hosts = u32::MAX.checked_shr(prefix).unwrap_or(0);
    let host = address.to_bits() & hosts;
    if prefix < 31 && (host == 0 || host == hosts) {
        return Err("this address means the whole network, not one machine in it");
    }
    Ok(Network { address, prefix })
}

/// `2001:db8::10/64`, an address a machine can have and others can reach.
pub(crate) fn network_v6(text: &str) -> Checked<Network<Ipv6Addr>> {
    let (address, prefix) = text
        .split_once('/')
        .ok_or("write address/prefix, as 2001:db8::10/64")?;
    let address: Ipv6Addr = address
        .parse()
        .map_err(|_| "no IPv6 address before the slash")?;
    let prefix =
        number(prefix, 1, 127).map_err(|_| "behind the slash goes a number of 1 to 127")?;
    if address.is_loopback() || address.is_multicast() || address.is_unspecified() {
        return Err("no machine can have this address");
    }
    if address.is_unicast_link_local() {
        return Err("a link-local address (fe80::) comes by itself; write one that others reach");
    }
    Ok(Network { address, prefix })
}

/// The gateway of `of`: in its network, and somebody else.
pub(crate) fn gateway_v4(text: &str, of: Network<Ipv4Addr>) -> Checked {
    let gateway: Ipv4Addr = text.parse().map_err(|_| "no IPv4 address")?;
    let net = |ip: Ipv4Addr| ip.to_bits().checked_shr(32 - of.prefix).unwrap_or(0);
    if net(gateway) != net(of.address) {
        return Err("not in the network of the box's own address");
    }
    (gateway != of.address)
        .then_some(())
        .ok_or("this is the box itself")
}

/// The same for IPv6, where routers are usually known by their link-local address.
pub(crate) fn gateway_v6(text: &str, of: Network<Ipv6Addr>) -> Checked {
    let gateway: Ipv6Addr = text.parse().map_err(|_| "no IPv6 address")?;
    let net = |ip: Ipv6Addr| ip.to_bits().checked_shr(128 - of.prefix).unwrap_or(0);
    if !gateway.is_unicast_link_local() && net(gateway) != net(of.address) {
        return Err("neither link-local nor in the network of the box's own address");
    }
    (gateway != of.address)
        .then_some(())
        .ok_or("this is the box itself")
}

/// Where the box listens: `192.0.2.10:8443`, `0.0.0.0:8443`, `[::]:443`.
pub(crate) fn socket(text: &str) -> Checked {
    let socket: SocketAddr = text
        .parse()
        .map_err(|_| "write address:port, as 192.0.2.10:8443 or [::]:443")?;
    if socket.port() == 0 {
        return Err("the port is a number of 1 to 65535");
    }
    let own = !socket.ip().is_multicast();
    own.then_some(()).ok_or("no machine can have this address")
}

/// `20000-20999`: the first even, the last not before its neighbour, since a call takes two.
pub(crate) fn ports(text: &str) -> Checked {
    const WANTED: &str = "write first-last, as 20000-20999";
    let (first, last) = text.split_once('-').ok_or(WANTED)?;
    let port = |text| number(text, 1024, 65_535).map_err(|_| "ports go from 1024 to 65535");
    let (first, last) = (port(first)?, port(last)?);
    if first % 2 != 0 {
        return Err("the first port is even");
    }
    (first < last).then_some(()).ok_or(WANTED)
}

/// `https://` with a host, and no blanks.
pub(crate) fn url(text: &str) -> Checked {
    const WANTED: &str = "write https:// and where it is";
    let rest = text.strip_prefix("https://").ok_or(WANTED)?;
    let at = rest.split('/').next().unwrap_or_default();
    let plain = text.len() <= 200 && rest.bytes().all(|b| b.is_ascii_graphic());
    plain.then_some(()).ok_or(WANTED)?;
    place(at)
}

/// `dhcp`, `none` or address/prefix.
pub(crate) fn ipv4(text: &str) -> Checked {
    match text {
        "dhcp" | "none" => Ok(()),
        _ => network_v4(text).map(drop),
    }
}

/// `auto`, `none` or address/prefix.
pub(crate) fn ipv6(text: &str) -> Checked {
    match text {
        "auto" | "none" => Ok(()),
        _ => network_v6(text).map(drop),
    }
}

/// `UTC` or `Europe/Berlin`, as the zone database writes it; whether it exists is not known here.
pub(crate) fn zone(text: &str) -> Checked {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    let good = text.len() <= 40 && text.split('/').count() <= 3 && text.split('/').all(part);
    good.then_some(())
        .ok_or("write a zone as Europe/Berlin, or UTC")
}

/// 1 to 32 digits with a `+` before them if need be, `*` and `#` allowed.
pub(crate) fn phone(text: &str) -> Checked {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let good = (1..=32).contains(&digits.len())
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#'))
        && digits.bytes().any(|b| b.is_ascii_digit());
    good.then_some(())
        .ok_or("a number is 1 to 32 digits, with + before it if need be")
}

/// A number of `least` to `most`, in digits alone.
pub(crate) fn number(text: &str, least: u32, most: u32) -> Checked<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number
        .filter(|n| (least..=most).contains(n))
        .ok_or("out of range")
}

/// The name of a thing: it stands in paths.
pub(crate) fn name(text: &str) -> Checked {
    let good = (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    good.then_some(())
        .ok_or("a name is 1 to 32 letters, digits, - and _, a letter first")
}

/// Words that every list of common passwords begins with.
const COMMON: [&str; 8] = [
    "password", "passwort", "causeway", "qwerty", "123456", "letmein", "welcome", "admin",
];

/// The rules for the admin's password: length and variety, since rules about kinds of characters make people append `1!`.
pub(crate) fn password(text: &str) -> Checked {
    let length = text.chars().count();
    if length < 10 {
        return Err("at least 10 characters");
    }
    if length > 64 {
        return Err("at most 64 characters");
    }
    let repeats = |(at, c): &(usize, char)| !text.chars().take(*at).any(|before| before == *c);
    if text.chars().enumerate().filter(repeats).count() < 6 {
        return Err("at least 6 different characters");
    }
    let begins = |word: &&str| {
        text.get(..word.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(word))
    };
    if COMMON
        .iter()
        .find(|w| begins(w))
        .is_some_and(|word| length < word.len() + 8)
    {
        return Err("this is among the first that are tried; another one, or a longer one");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_machines() {
        for good in [
            "192.0.2.10/24",
            "10.0.0.1/31",
            "10.0.0.0/31",
            "198.51.100.129/25",
        ] {
            assert!(network_v4(good).is_ok(), "{good}");
        }
        for bad in [
            "192.0.2.10",
            "192.0.2.0/24",
            "192.0.2.255/24",
            "127.0.0.1/8",
            "224.0.0.1/4",
            "0.0.0.0/8",
            "192.0.2.10/0",
            "192.0.2.10/32",
            "192.0.2.10/+4",
            "192.0.2.300/24",
            "/24",
            "198.51.100.128/25",
        ] {
            assert!(network_v4(bad).is_err(), "{bad}");
        }
        assert!(network_v6("2001:db8::10/64").is_ok());
        for bad in [
            "2001:db8::10",
            "fe80::1/64",
            "::1/128",
            "ff02::1/64",
            "2001:db8::10/128",
            "192.0.2.1/24",
        ] {
            assert!(network_v6(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn gateways_are_in_reach() {
        let of = network_v4("192.0.2.10/24").unwrap();
        assert_eq!(gateway_v4("192.0.2.1", of), Ok(()));
        for bad in ["192.0.3.1", "192.0.2.10", "x"] {
            assert!(gateway_v4(bad, of).is_err(), "{bad}");
        }
        let of = network_v6("2001:db8::10/64").unwrap();
        for good in ["fe80::1", "2001:db8::1"] {
            assert_eq!(gateway_v6(good, of), Ok(()), "{good}");
        }
        for bad in ["2001:db8:1::1", "2001:db8::10", "192.0.2.1"] {
            assert!(gateway_v6(bad, of).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_and_places() {
        for good in [
            "pbx.example",
            "pbx.example.",
            "3com.example",
            "192.0.2.1",
            "a_b.example",
        ] {
            assert_eq!((host(good), place(good)), (Ok(()), Ok(())), "{good}");
        }
        for good in [
            "pbx.example:5060",
            "192.0.2.1:1",
            "[2001:db8::1]:5061",
            "[2001:db8::1]",
            "2001:db8::1",
        ] {
            assert_eq!(place(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-a.example",
            "192.0.2.300",
            "192.0.2",
            "a b",
            "0.0.0.0",
            "224.0.0.1",
            "pbx:0",
            "pbx:70000",
            "pbx:",
            "[2001:db8::1",
            "[pbx]:5060",
            "[2001:db8::1]x",
            "sip:pbx.example",
            "a..b",
        ] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sockets_ports_and_addresses_of_the_web() {
        for good in ["192.0.2.10:8443", "0.0.0.0:443", "[::]:443"] {
            assert_eq!(socket(good), Ok(()), "{good}");
        }
        for bad in [
            "192.0.2.10",
            "0.0.0.0:0",
            "pbx.example:1",
            "224.0.0.1:5",
            "",
        ] {
            assert!(socket(bad).is_err(), "{bad}");
        }
        assert_eq!(ports("20000-20999"), Ok(()));
        for bad in [
            "20000",
            "20001-20999",
            "20000-20000",
            "80-90",
            "20000-70000",
            "a-b",
        ] {
            assert!(ports(bad).is_err(), "{bad}");
        }
        for good in [
            "https://updates.example/box",
            "https://192.0.2.1:8443/x?y=1",
        ] {
            assert_eq!(url(good), Ok(()), "{good}");
        }
        for bad in [
            "http://updates.example",
            "https://",
            "https://a b",
            "ftp://x",
            "https:///x",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_zones_and_names() {
        assert_eq!((phone("+4930555002"), phone("*43#")), (Ok(()), Ok(())));
        assert!(
            ["", "+", "12a", "*#", "1 2"]
                .iter()
                .all(|bad| phone(bad).is_err())
        );
        assert_eq!(
            (zone("Europe/Berlin"), zone("UTC"), zone("Etc/GMT+3")),
            (Ok(()), Ok(()), Ok(()))
        );
        assert!(
            ["", "../../etc", "Europe/", "a b"]
                .iter()
                .all(|bad| zone(bad).is_err())
        );
        assert!(
            ["", "9a", "a b", "a.b"]
                .iter()
                .all(|bad| name(bad).is_err())
        );
        assert_eq!(name("pbx-1"), Ok(()));
    }

    #[test]
    fn passwords() {
        for good in [
            "correct horse",
            "Grüße aus Köln",
            "admin of the third floor",
        ] {
            assert_eq!(password(good), Ok(()), "{good}");
        }
        for bad in [
            "short",
            "aaaaaaaaaaaa",
            "abababababab",
            "Password123",
            "causeway2026",
        ] {
            assert!(password(bad).is_err(), "{bad}");
        }
    }
}
