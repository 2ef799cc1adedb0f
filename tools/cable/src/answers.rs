//! What the questions of the first start are answered with.
//!
//! From a file of TOML (`password = "…"`, `ipv4 = "192.0.2.10/24"`), or of lines (`password …`): whoever can write one of
//! them should not have to know which.

use serde::Deserialize;
use std::fmt;

/// What is absent is answered as the box offers it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// The administrator's; needed by a box that has none.
    pub password: Option<String>,
    /// `dhcp`, `none` or `192.0.2.10/24`.
    pub ipv4: Option<String>,
    pub ipv4_gateway: Option<String>,
    /// `auto`, `none` or `2001:db8::10/64`.
    pub ipv6: Option<String>,
    pub ipv6_gateway: Option<String>,
    /// With blanks between them.
    pub name_servers: Option<String>,
    pub time_servers: Option<String>,
    pub time_zone: Option<String>,
    /// `none`, or where the PBX takes SIP.
    pub pbx: Option<String>,
    pub transport: Option<String>,
    pub user: Option<String>,
    pub secret: Option<String>,
    pub test_number: Option<String>,
}

impl fmt::Debug for Answers {
    /// Two of them are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("ipv4", &self.ipv4)
            .field("ipv6", &self.ipv6)
            .field("pbx", &self.pbx)
            .finish_non_exhaustive()
    }
}

impl Answers {
    /// Reads a file's text.
    ///
    /// # Errors
    /// A line that says what is wrong with it; never a value of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        if lines.clone().all(|line| line.contains('=')) {
            // The text itself may be a secret, so that the fault is told without it.
            return toml::from_str(text).map_err(|fault| fault.message().to_owned());
        }
        let mut table = toml::Table::new();
        lines.try_for_each(|line| {
            let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let value = toml::Value::String(value.trim().to_owned());
            match table.insert(key.to_owned(), value) {
                None => Ok(()),
                Some(_) => Err(format!("`{key}` stands there twice")),
            }
        })?;
        let answers = toml::Value::Table(table).try_into();
        answers.map_err(|fault: toml::de::Error| fault.message().to_owned())
    }

    /// The answer to a question as the console asks it.
    pub(crate) fn to(&self, question: &str) -> Option<&str> {
        match question {
            "Password" | "The same again" => self.password.as_deref(),
            "IPv4 address" => self.ipv4.as_deref(),
            "IPv4 gateway" => self.ipv4_gateway.as_deref(),
            "IPv6 address" => self.ipv6.as_deref(),
            "IPv6 gateway" => self.ipv6_gateway.as_deref(),
            "Name servers" => self.name_servers.as_deref(),
            "Time servers" => self.time_servers.as_deref(),
            "Time zone" => self.time_zone.as_deref(),
            "PBX address" => self.pbx.as_deref(),
            "Transport" => self.transport.as_deref(),
            "User" => self.user.as_deref(),
            "Secret" => self.secret.as_deref(),
            "Number to call" => self.test_number.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_and_lines_say_the_same() {
        let toml = Answers::parse("# a box\npassword = \"battery staple\"\npbx = \"192.0.2.20\"\n");
        let lines = Answers::parse("# a box\npassword battery staple\npbx   192.0.2.20\n");
        assert_eq!(toml, lines);
        let answers = toml.unwrap();
        assert_eq!(answers.to("The same again"), Some("battery staple"));
        assert_eq!(answers.to("Transport"), None);
    }

    #[test]
    fn faults_are_told_without_the_secrets_beside_them() {
        for bad in [
            "password = \"hunter2\"\nwhat = 1",
            "password hunter2\nwhat 1",
            "password hunter2\npassword hunter2",
            "password = hunter2",
        ] {
            let why = Answers::parse(bad).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
