//! Request methods.

use std::fmt;

use super::syntax;

macro_rules! methods {
    ($($variant:ident $text:literal,)*) => {
        /// A method. Case matters (RFC 3261 §7.1).
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Method {
            $(#[doc = $text] $variant,)*
            /// Any other token.
            Other(String),
        }

        impl Method {
            /// Reads a token; `None` when it is none.
            pub fn read(text: &[u8]) -> Option<Self> {
                $(if text == $text.as_bytes() {
                    return Some(Self::$variant);
                })*
                syntax::is_token(text).then(|| Self::Other(syntax::lossy(text)))
            }

            /// As it is written.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }
        }
    };
}

methods! {
    Invite "INVITE",
    Ack "ACK",
    Bye "BYE",
    Cancel "CANCEL",
    Options "OPTIONS",
    Prack "PRACK",
    Update "UPDATE",
    Info "INFO",
    Register "REGISTER",
    Refer "REFER",
    Subscribe "SUBSCRIBE",
    Notify "NOTIFY",
    Message "MESSAGE",
    Publish "PUBLISH",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
