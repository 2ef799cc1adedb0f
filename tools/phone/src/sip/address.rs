//! Names and addresses as they stand in From, To, Contact and Via (RFC 3261 section 20.10).

/// A name-addr or addr-spec, split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name without quotes, empty when there is none.
    pub display: &'a str,
    /// The URI without angle brackets.
    pub uri: &'a str,
}

/// Splits the value of a From-like header.
pub fn name_addr(value: &str) -> NameAddr<'_> {
    let value = value.trim();
    let open = angle_start(value);
    match (
        open,
        open.and_then(|start| value[start..].find('>').map(|end| start + end)),
    ) {
        (Some(start), Some(end)) => NameAddr {
            display: value[..start].trim().trim_matches('"'),
            uri: &value[start + 1..end],
        },
        _ => NameAddr {
            display: "",
            uri: value.split(';').next().unwrap_or(value),
        },
    }
}

/// The first `<` outside a quoted string.
fn angle_start(value: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (index, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return Some(index),
            _ => {}
        }
    }
    None
}

/// A header parameter (after the URI) such as `tag` or `branch`.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let after = match angle_start(value) {
        Some(start) => value[start..].split_once('>').map_or("", |(_, rest)| rest),
        None => value,
    };
    after.split(';').skip(1).find_map(|part| {
        let (key, found) = part.split_once('=').unwrap_or((part, ""));
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| found.trim().trim_matches('"'))
    })
}

/// The user part of a sip, sips or tel URI, without its parameters.
pub fn user(uri: &str) -> &str {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let user = match rest.split_once('@') {
        Some((user, _)) => user,
        None if scheme.eq_ignore_ascii_case("tel") => rest,
        None => "",
    };
    user.split([';', ':']).next().unwrap_or(user)
}

/// Host and port (5060 when it names none) of a SIP URI, and its `transport` parameter.
pub fn host_port(uri: &str) -> Option<(&str, u16, Option<&str>)> {
    let (_, rest) = uri.split_once(':')?;
    let rest = rest.split_once('@').map_or(rest, |(_, host)| host);
    let mut parts = rest.split([';', '?']);
    let host = parts.next()?;
    let transport = parts.find_map(|part| part.strip_prefix("transport="));
    let (host, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') && !port.ends_with(']') => {
            (name, port.parse().ok()?)
        }
        _ => (host, 5060),
    };
    (!host.is_empty()).then_some((host.trim_matches(['[', ']']), port, transport))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_parameters_are_told_apart() {
        let value = "\"A <b>; C\" <sip:+49@h:5061;transport=tcp>;tag=77";
        let parsed = name_addr(value);
        assert_eq!(
            (parsed.display, parsed.uri),
            ("A <b>; C", "sip:+49@h:5061;transport=tcp")
        );
        assert_eq!(parameter(value, "TAG"), Some("77"));
        assert_eq!(parameter(value, "transport"), None);
        assert_eq!(
            parameter("SIP/2.0/UDP h;rport;branch=z9", "branch"),
            Some("z9")
        );
        assert_eq!(name_addr("sip:a@b;tag=1").uri, "sip:a@b");
    }

    #[test]
    fn users_and_hosts() {
        assert_eq!(user("sip:+49;ext=1@h"), "+49");
        assert_eq!(user("tel:+49;phone-context=x"), "+49");
        assert_eq!(user("sip:h"), "");
        assert_eq!(
            host_port("sip:a@h:5061;transport=tcp"),
            Some(("h", 5061, Some("tcp")))
        );
        assert_eq!(host_port("sip:127.0.0.1"), Some(("127.0.0.1", 5060, None)));
        assert_eq!(host_port("sip:a@[::1]:7"), Some(("::1", 7, None)));
        assert_eq!(host_port("sip:a@h:x"), None);
    }
}
