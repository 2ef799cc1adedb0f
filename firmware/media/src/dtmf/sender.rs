/// One event packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtmfPacket {}

/// Sends queued digits.
#[derive(Debug)]
pub struct DtmfSender {}
