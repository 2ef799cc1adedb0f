//! Every time limit of a call in one table.

use std::time::Duration;

/// How long a call waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the INVITE, or from the first ring in a browser, to an answer.
    pub ring: Duration,
    /// From the box's SDP answer to connected media (ICE and DTLS) with the browser.
    pub media_connect: Duration,
    /// From the loss of the WebSocket to its return; PROTOCOL.md `resume_s`.
    pub session_resume: Duration,
    /// The same while the browser sends no media either: the page is gone.
    pub page_gone: Duration,
    /// From the browser's last packet being missed to giving up, while its WebSocket is there.
    pub media_lost: Duration,
    /// From a page's transfer to the far side's last word of it.
    pub transfer: Duration,
    /// For an account with no device left to ring, or none yet, to come (back).
    pub device_wait: Duration,
    /// From the answer of a test number to the box's hanging up: an echo that nobody listens to holds a line.
    pub echo: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            ring: Duration::from_secs(180),
            media_connect: Duration::from_secs(15),
            session_resume: Duration::from_secs(30),
            page_gone: Duration::from_secs(5),
            media_lost: Duration::from_secs(30),
            transfer: Duration::from_secs(240),
            device_wait: Duration::from_secs(5),
            echo: Duration::from_secs(600),
        }
    }
}
