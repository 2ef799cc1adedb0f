/// One digit the far side pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    pub digit: char,
    pub duration_ms: u32,
}

/// Finds digits in a stream of event packets.
#[derive(Debug, Default)]
pub struct DtmfReceiver {}
