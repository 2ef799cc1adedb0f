//! What is said before anybody is let in.

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Banner {
    pub version: String,
    /// `a`, `b`, or empty.
    pub slot: String,
    pub name: String,
    pub state: String,
    pub addresses: Vec<String>,
    pub last_start: String,
    pub certificate: String,
}

impl Banner {
    /// The last one among these lines.
    pub(crate) fn find(lines: &[String]) -> Option<Self> {
        let begin = lines.iter().rposition(|line| Self::first(line).is_some())?;
        let (_, rest) = lines.split_at(begin);
        let mut banner = Self::first(rest.first()?)?;
        let mut addresses = false;
        for line in &rest[1..] {
            let Some(line) = line.strip_prefix("  ") else {
                continue;
            };
            let (label, value) = line.split_at_checked(12).unwrap_or((line, ""));
            let value = value.trim().to_owned();
            addresses = addresses && label.trim().is_empty();
            match label.trim() {
                "state" => banner.state = value,
                "addresses" => {
                    addresses = true;
                    banner.addresses.push(value);
                }
                "" if addresses => banner.addresses.push(value),
                "last start" => banner.last_start = value,
                "certificate" => banner.certificate = value,
                _ => {}
            }
        }
        // Its state is never missing; a line of a log may begin alike.
        (!banner.state.is_empty()).then_some(banner)
    }

    /// `Causeway 0.1.0, slot a - front-desk`
    fn first(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("Causeway ")?;
        let (version, name) = rest.split_once(" - ")?;
        let (version, slot) = version.split_once(", slot ").unwrap_or((version, ""));
        let good = version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains(' ');
        good.then(|| Self {
            version: version.to_owned(),
            slot: slot.to_owned(),
            name: name.trim_end().to_owned(),
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_is_found_among_messages_of_the_kernel() {
        let text = "\
[    1.0] Causeway is a word
Causeway 0.1.0, slot a - front-desk
  state       well
  addresses   192.0.2.10
              2001:db8::10
[    9.1] eth0: link up
  last start  power on
  certificate 3F:A8";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let banner = Banner::find(&lines).unwrap();
        assert_eq!(banner.version, "0.1.0");
        assert_eq!(
            (banner.slot.as_str(), banner.name.as_str()),
            ("a", "front-desk")
        );
        assert_eq!(banner.addresses, ["192.0.2.10", "2001:db8::10"]);
        assert_eq!(
            (banner.last_start.as_str(), banner.certificate.as_str()),
            ("power on", "3F:A8")
        );
        assert_eq!(Banner::find(&lines[..2]), None);
    }
}
