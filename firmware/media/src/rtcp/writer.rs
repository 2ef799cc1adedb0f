use super::xr::{VOIP_METRICS, VoipMetrics};
use super::{
    APPLICATION_LAYER, EXTENDED_REPORT, FULL_INTRA, GENERIC_NACK, GOODBYE, PAYLOAD_FEEDBACK,
    PICTURE_LOSS, RECEIVER_REPORT, ReportBlock, SENDER_REPORT, SOURCE_DESCRIPTION, SenderInfo,
    TRANSPORT_FEEDBACK,
};

/// Report blocks that the five-bit count of a header can tell.
const MAX_REPORTS: usize = 31;

/// Numbers in one generic NACK.
const MAX_LOST: usize = 64;

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
        let start = self.begin(SENDER_REPORT, reports.len().min(MAX_REPORTS));
        self.word(ssrc);
        self.buffer.extend_from_slice(&info.ntp.to_be_bytes());
        self.word(info.rtp_timestamp);
        self.word(info.packets);
        self.word(info.octets);
        self.reports(reports);
        self.finish(start);
    }

    /// Appends an RR; only the first 31 reports fit.
    pub fn receiver_report(&mut self, ssrc: u32, reports: &[ReportBlock]) {
        let start = self.begin(RECEIVER_REPORT, reports.len().min(MAX_REPORTS));
        self.word(ssrc);
        self.reports(reports);
        self.finish(start);
    }

    /// Appends an SDES packet with one canonical name, cut at 255 octets.
    pub fn canonical_name(&mut self, ssrc: u32, name: &str) {
        let start = self.begin(SOURCE_DESCRIPTION, 1);
        self.word(ssrc);
        self.buffer.push(1);
        self.text(name);
        // At least one zero ends the items; `finish` fills the word.
        self.buffer.push(0);
        self.finish(start);
    }

    /// Appends a BYE for one source; the reason is cut at 255 octets.
    pub fn goodbye(&mut self, ssrc: u32, reason: Option<&str>) {
        let start = self.begin(GOODBYE, 1);
        self.word(ssrc);
        if let Some(reason) = reason {
            self.text(reason);
        }
        self.finish(start);
    }

    /// Appends a PLI (RFC 4585 section 6.3.1).
    pub fn picture_loss(&mut self, sender_ssrc: u32, media_ssrc: u32) {
        let start = self.begin(PAYLOAD_FEEDBACK, usize::from(PICTURE_LOSS));
        self.word(sender_ssrc);
        self.word(media_ssrc);
        self.finish(start);
    }

    /// Appends a FIR (RFC 5104 section 4.3.1). `sequence` is one more with each new request.
    pub fn full_intra_request(&mut self, sender_ssrc: u32, media_ssrc: u32, sequence: u8) {
        let start = self.begin(PAYLOAD_FEEDBACK, usize::from(FULL_INTRA));
        self.word(sender_ssrc);
        // The header's media SSRC is 0: whom it is meant for stands in the entry.
        self.word(0);
        self.word(media_ssrc);
        self.buffer.extend_from_slice(&[sequence, 0, 0, 0]);
        self.finish(start);
    }

    /// Appends what its sender may send at most, in bits a second (REMB, draft-alvestrand-rmcat-remb-03 section 2.2):
    /// what browsers take for it.
    pub fn bitrate_limit(&mut self, sender_ssrc: u32, media_ssrc: u32, bits_per_second: u64) {
        let start = self.begin(PAYLOAD_FEEDBACK, usize::from(APPLICATION_LAYER));
        self.word(sender_ssrc);
        self.word(0);
        self.buffer.extend_from_slice(b"REMB");
        // One source, then an exponent of 6 bits and a mantissa of 18.
        let exponent = (64 - bits_per_second.leading_zeros()).saturating_sub(18);
        let mantissa = u32::try_from(bits_per_second >> exponent).unwrap_or(0x3_FFFF);
        self.word((1 << 24) | (exponent << 18) | (mantissa & 0x3_FFFF));
        self.word(media_ssrc);
        self.finish(start);
    }

    /// Appends a generic NACK (RFC 4585 section 6.2.1) for packets in the order of their numbers; at most 64 of them.
    pub fn nack(&mut self, sender_ssrc: u32, media_ssrc: u32, lost: &[u16]) {
        let start = self.begin(TRANSPORT_FEEDBACK, usize::from(GENERIC_NACK));
        self.word(sender_ssrc);
        self.word(media_ssrc);
        let mut lost = lost.iter().take(MAX_LOST).copied().peekable();
        while let Some(first) = lost.next() {
            let mut following = 0_u16;
            // One bit for each of the sixteen behind the first.
            while let Some(behind) = lost.next_if(|next| next.wrapping_sub(first) <= 16) {
                following |= 1 << (behind.wrapping_sub(first).max(1) - 1);
            }
            self.word((u32::from(first) << 16) | u32::from(following));
        }
        self.finish(start);
    }

    /// Appends an extended report of one VoIP metrics block (RFC 3611 sections 2 and 4.7).
    pub fn voip_metrics(&mut self, sender_ssrc: u32, metrics: &VoipMetrics) {
        let start = self.begin(EXTENDED_REPORT, 0);
        self.word(sender_ssrc);
        let block = metrics.to_bytes();
        let words = (block.len() / 4) as u16;
        let [l0, l1] = words.to_be_bytes();
        self.buffer.extend_from_slice(&[VOIP_METRICS, 0, l0, l1]);
        self.buffer.extend_from_slice(&block);
        self.finish(start);
    }

    fn begin(&mut self, packet_type: u8, count: usize) -> usize {
        let start = self.buffer.len();
        self.buffer
            .extend_from_slice(&[0x80 | count as u8, packet_type, 0, 0]);
        start
    }

    fn word(&mut self, word: u32) {
        self.buffer.extend_from_slice(&word.to_be_bytes());
    }

    fn reports(&mut self, reports: &[ReportBlock]) {
        for report in reports.iter().take(MAX_REPORTS) {
            self.word(report.ssrc);
            let lost = report.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
            self.word((u32::from(report.fraction_lost) << 24) | lost);
            self.word(report.highest_sequence);
            self.word(report.jitter);
            self.word(report.last_sr);
            self.word(report.delay_since_last_sr);
        }
    }

    /// A length octet and text, cut between characters.
    fn text(&mut self, text: &str) {
        let mut end = text.len().min(255);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.buffer.push(end as u8);
        self.buffer
            .extend_from_slice(text.as_bytes().get(..end).unwrap_or_default());
    }

    /// Fills the last word and writes the length of the packet begun at `start`.
    fn finish(&mut self, start: usize) {
        while !(self.buffer.len() - start).is_multiple_of(4) {
            self.buffer.push(0);
        }
        let words = ((self.buffer.len() - start) / 4 - 1) as u16;
        if let Some(length) = self.buffer.get_mut(start + 2..start + 4) {
            length.copy_from_slice(&words.to_be_bytes());
        }
    }
}
