//! Header names: known ones as variants, their compact forms, and anything else as it came.

use std::fmt;

use super::syntax;

macro_rules! header_names {
    ($($variant:ident $text:literal $(| $compact:literal)?,)*) => {
        /// The name of a header. Compared without regard to case (RFC 3261 §7.3.1).
        #[derive(Debug, Clone, Eq)]
        #[non_exhaustive]
        pub enum HeaderName {
            $(#[doc = $text] $variant,)*
            /// Any other token, in the case it came in.
            Other(String),
        }

        impl HeaderName {
            /// The long form.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }

            /// Reads a long or compact name. `None` when it is no token.
            pub fn from_bytes(name: &[u8]) -> Option<Self> {
                $(
                    if name.eq_ignore_ascii_case($text.as_bytes()) {
                        return Some(Self::$variant);
                    }
                    $(if name.eq_ignore_ascii_case($compact.as_bytes()) {
                        return Some(Self::$variant);
                    })?
                )*
                if !syntax::is_token(name) {
                    return None;
                }
                String::from_utf8(name.to_vec()).ok().map(Self::Other)
            }
        }
    };
}

// The ones of nearly every message come first: names are looked up in this order.
header_names! {
    Via "Via" | "v",
    From "From" | "f",
    To "To" | "t",
    CallId "Call-ID" | "i",
    CSeq "CSeq",
    MaxForwards "Max-Forwards",
    Contact "Contact" | "m",
    ContentType "Content-Type" | "c",
    ContentLength "Content-Length" | "l",
    Route "Route",
    RecordRoute "Record-Route",
    Allow "Allow",
    Supported "Supported" | "k",
    Require "Require",
    ProxyRequire "Proxy-Require",
    Unsupported "Unsupported",
    UserAgent "User-Agent",
    Server "Server",
    RSeq "RSeq",
    RAck "RAck",
    Reason "Reason",
    UserToUser "User-to-User",
    PAssertedIdentity "P-Asserted-Identity",
    Warning "Warning",
    RetryAfter "Retry-After",
    Authorization "Authorization",
    ProxyAuthorization "Proxy-Authorization",
    WwwAuthenticate "WWW-Authenticate",
    ProxyAuthenticate "Proxy-Authenticate",
    Accept "Accept",
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    ContentEncoding "Content-Encoding" | "e",
    ContentDisposition "Content-Disposition",
    Expires "Expires",
    MinExpires "Min-Expires",
    SessionExpires "Session-Expires" | "x",
    MinSe "Min-SE",
    Subject "Subject" | "s",
    Date "Date",
    Event "Event" | "o",
    AllowEvents "Allow-Events" | "u",
    ReferTo "Refer-To" | "r",
    ReferredBy "Referred-By" | "b",
    Replaces "Replaces",
    AcceptContact "Accept-Contact" | "a",
    RejectContact "Reject-Contact" | "j",
    RequestDisposition "Request-Disposition" | "d",
    Identity "Identity" | "y",
    IdentityInfo "Identity-Info" | "n",
    Privacy "Privacy",
    Timestamp "Timestamp",
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(a), Self::Other(b)) => a.eq_ignore_ascii_case(b),
            (Self::Other(_), _) | (_, Self::Other(_)) => false,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_odd_case_are_the_same_name() {
        assert_eq!(HeaderName::from_bytes(b"m"), Some(HeaderName::Contact));
        assert_eq!(
            HeaderName::from_bytes(b"MaX-fOrWaRdS"),
            Some(HeaderName::MaxForwards)
        );
        assert_eq!(
            HeaderName::from_bytes(b"x-Thing"),
            Some(HeaderName::Other("X-THING".to_owned()))
        );
        // An escape is not decoded in a name (RFC 4475 §3.1.1.5).
        assert_ne!(
            HeaderName::from_bytes(b"C%6Fntact"),
            Some(HeaderName::Contact)
        );
        assert_eq!(HeaderName::from_bytes(b"no token"), None);
    }
}
