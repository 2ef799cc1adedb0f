//! `Replaces` and `Refer-To`: which dialog a call takes the place of, and where a call shall go
//! (RFC 3891 §6.1, RFC 3515 §2.1).

use super::params::Params;
use super::syntax;
use super::uri::{Uri, UriKind};
use super::views::{BadValue, NameAddr};

/// A dialog as its other side names it (RFC 3891 §6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Call-ID.
    pub call_id: String,
    /// The tag of who is sent this header.
    pub to_tag: String,
    /// The tag of the third party.
    pub from_tag: String,
    /// Only while it is not answered.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value.
    ///
    /// # Errors
    /// No Call-ID, not both tags, or broken parameters.
    pub fn read(value: &[u8]) -> Result<Self, BadValue> {
        let (call_id, params) = syntax::split_once(value, b';').ok_or(BadValue)?;
        let call_id = call_id.trim_ascii();
        let params = Params::read(params).ok_or(BadValue)?;
        let tag = |name| {
            let tag = params.text(name).filter(|tag| !tag.is_empty());
            tag.ok_or(BadValue)
        };
        if call_id.is_empty() || call_id.iter().any(|b| *b <= b' ' || *b == b',') {
            return Err(BadValue);
        }
        Ok(Self {
            call_id: syntax::lossy(call_id),
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: params.has("early-only"),
        })
    }
}

impl std::fmt::Display for Replaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (call_id, to, from) = (&self.call_id, &self.to_tag, &self.from_tag);
        write!(f, "{call_id};to-tag={to};from-tag={from}")?;
        if self.early_only {
            f.write_str(";early-only")?;
        }
        Ok(())
    }
}

/// The target of a REFER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTo {
    /// Without what is behind `?`.
    pub uri: Uri,
    /// The dialog that the new call takes the place of.
    pub replaces: Option<Replaces>,
    /// Further headers wished for, decoded, in order.
    pub headers: Vec<(String, String)>,
}

/// The most headers of a `Refer-To` that are looked at.
const MAX_HEADERS: usize = 16;

impl ReferTo {
    /// Reads the value. The brackets that belong around a URI with `?` may be missing.
    ///
    /// # Errors
    /// No URI, a method other than INVITE, or a `Replaces` that cannot be read.
    pub fn read(value: &[u8]) -> Result<Self, BadValue> {
        let whole = match NameAddr::read(value) {
            Ok(address) => address.uri,
            Err(BadValue) => Uri::read(value.trim_ascii()).map_err(|_| BadValue)?,
        };
        let mut headers = Vec::new();
        let mut replaces = None;
        if let UriKind::Sip(sip) = whole.kind() {
            let method = sip.params.text("method");
            if method.is_some_and(|method| !method.eq_ignore_ascii_case("INVITE")) {
                return Err(BadValue);
            }
            let list = sip.headers.as_deref().unwrap_or_default();
            for header in list.split(|b| *b == b'&').take(MAX_HEADERS) {
                let (name, value) = syntax::split_once(header, b'=').unwrap_or((header, b""));
                let name = syntax::lossy(&syntax::percent_decode(name));
                let value = syntax::percent_decode(value);
                if name.eq_ignore_ascii_case("Replaces") {
                    replaces = Some(Replaces::read(&value)?);
                } else if !name.is_empty() {
                    headers.push((name, syntax::lossy(&value)));
                }
            }
        }
        Ok(Self {
            uri: whole.without_headers(),
            replaces,
            headers,
        })
    }

    /// The value as it is written.
    pub fn to_value(&self) -> Vec<u8> {
        let mut value = b"<".to_vec();
        value.extend_from_slice(self.uri.as_bytes());
        if let Some(replaces) = &self.replaces {
            value.extend_from_slice(b"?Replaces=");
            for byte in replaces.to_string().bytes() {
                if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
                    value.push(byte);
                } else {
                    value.extend_from_slice(format!("%{byte:02X}").as_bytes());
                }
            }
        }
        value.push(b'>');
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_in_every_dress() {
        for (text, uri, replaces) in [
            ("<sip:200@pbx>", "sip:200@pbx", None),
            ("tel:+49301", "tel:+49301", None),
            ("\"B\" <tel:+4930;ext=1>", "tel:+4930;ext=1", None),
            (
                "<sip:200@pbx;user=phone?Replaces=a%40b%3Bto-tag%3Dx%3Bfrom-tag%3Dy&Require=replaces>",
                "sip:200@pbx;user=phone",
                Some("a@b;to-tag=x;from-tag=y"),
            ),
            (
                "sip:200@pbx?Replaces=c%3Bfrom-tag%3Dy%3Bto-tag%3Dx%3Bearly-only",
                "sip:200@pbx",
                Some("c;to-tag=x;from-tag=y;early-only"),
            ),
        ] {
            let read = ReferTo::read(text.as_bytes()).expect(text);
            assert_eq!(read.uri.to_string(), uri, "{text}");
            let found = read.replaces.as_ref().map(ToString::to_string);
            assert_eq!(found.as_deref(), replaces, "{text}");
            let again = ReferTo::read(&read.to_value()).expect(text);
            assert_eq!((again.uri, again.replaces), (read.uri, read.replaces));
        }
        for bad in [
            "",
            "<>",
            "<sip:a@b;method=BYE>",
            "<sip:a@b?Replaces=x>",
            "<sip:a@b?Replaces=x%3Bto-tag%3D%3Bfrom-tag%3Dy>",
        ] {
            assert!(ReferTo::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
