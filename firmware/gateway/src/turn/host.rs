//! What the URLs of a page name (RFC 7065).

use causeway_directory::WebHost;

/// The port of a page whose address names none.
const HTTPS: u16 = 443;

/// UDP first where there is a port for it. A host that names no port has the one the page `asked` for.
pub fn urls(host: &WebHost, udp: Option<u16>, asked: Option<&WebHost>) -> Vec<String> {
    let name = &host.name;
    let port = host
        .port
        .or_else(|| asked.and_then(|asked| asked.port))
        .unwrap_or(HTTPS);
    let udp = udp.map(|port| format!("turn:{name}:{port}?transport=udp"));
    udp.into_iter()
        .chain([
            format!("turn:{name}:{port}?transport=tcp"),
            format!("turns:{name}:{port}?transport=tcp"),
        ])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_what_the_page_asked_for() {
        let host = WebHost::parse("box.example:8443").unwrap();
        assert_eq!(
            urls(&host, Some(3478), None),
            [
                "turn:box.example:3478?transport=udp",
                "turn:box.example:8443?transport=tcp",
                "turns:box.example:8443?transport=tcp",
            ]
        );
        let six = WebHost::parse("[2001:db8::1]").unwrap();
        assert_eq!(
            urls(&six, None, None)[1],
            "turns:[2001:db8::1]:443?transport=tcp"
        );
        let named = WebHost::parse("turn.example").unwrap();
        assert_eq!(
            urls(&named, None, Some(&host))[0],
            "turn:turn.example:8443?transport=tcp"
        );
    }
}
