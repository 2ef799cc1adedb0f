//! What the box tells whoever listens at `GET /api/v1/events`.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Events that wait for one listener; who has more waiting loses its stream.
pub const EVENT_QUEUE: usize = 256;
/// Listeners at once.
pub const MAX_LISTENERS: usize = 16;

/// Something changed. States are `up`, `degraded`, `down` and `unknown`; a trunk that another document does not have is `removed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BoxEvent {
    /// A trunk can carry calls, or no longer.
    Trunk {
        trunk: String,
        /// Before; none in the report a listener begins with.
        from: Option<String>,
        to: String,
        /// Milliseconds since 1970.
        at: i64,
    },
    /// One address of a trunk answers, or no longer.
    Target {
        trunk: String,
        /// Address and port.
        target: String,
        from: Option<String>,
        to: String,
        at: i64,
    },
    /// Somebody asks on a page to be called: most often because their network leaves no way for a call.
    Callback {
        /// Names the wish; its page was told the same.
        id: String,
        /// Digits, perhaps behind a `+`.
        number: String,
        name: Option<String>,
        /// Whom they wanted to speak to.
        to: Option<String>,
        app: String,
        account: Option<String>,
        /// Address of the page.
        page: Option<String>,
        /// What the page sent along.
        #[schema(value_type = Object)]
        context: Map<String, Value>,
        /// The call that did not come about.
        call: Option<String>,
        at: i64,
    },
}

impl BoxEvent {
    /// The event's name in the stream.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Trunk { .. } => "trunk",
            Self::Target { .. } => "target",
            Self::Callback { .. } => "callback",
        }
    }
}
