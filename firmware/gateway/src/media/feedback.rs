//! RTCP from a browser, and what we take from it: read here once the keys are known, and let through the WebRTC stack
//! to us before and where they never are.
//!
//! The stack ends inbound RTCP inside its chain unless an interceptor marks it for delivery. This
//! one marks it; it changes nothing else, and it is the only one in the chain: reports are made
//! from our own figures, what was lost is asked for and given again by the picture itself, and bandwidth is the far
//! side's to say.

use causeway_media::rtcp::{self, Compound, ReportBlock, Request, SenderInfo};
use rtc::interceptor::{Attribute, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::VecDeque;
use std::time::Instant;

/// Between the report generators and the end of the chain.
pub const SLOT: usize = 11_500;

/// See the module.
#[derive(Default)]
pub struct Deliver {
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl std::fmt::Debug for Deliver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deliver")
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Deliver {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(_) = &packet.message.packet {
            packet.message.add(Attribute::DeliverToApplication);
        }
        self.inbound.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.outbound.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }
}

impl Interceptor for Deliver {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

/// RTCP from the browser, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub enum Feedback {
    Sender {
        ssrc: u32,
        info: SenderInfo,
    },
    Report(ReportBlock),
    /// It wants a whole picture of this source of ours (PLI or FIR).
    KeyFrame {
        ssrc: u32,
    },
    /// It can take so many bits a second of this source of ours, among others (REMB).
    Estimate {
        ssrc: u32,
        bits: u64,
    },
    /// It has lost this packet of ours, and those of the sixteen behind whose bits are set.
    Lost {
        ssrc: u32,
        first: u16,
        behind: u16,
    },
}

/// Appends what matters of a compound.
pub fn read_compound(compound: &Compound<'_>, out: &mut Vec<Feedback>) {
    for packet in compound.packets() {
        let reports = match packet {
            rtcp::Packet::SenderReport {
                ssrc,
                info,
                reports,
            } => {
                out.push(Feedback::Sender { ssrc, info });
                reports
            }
            rtcp::Packet::ReceiverReport { reports, .. } => reports,
            rtcp::Packet::SourceDescription(_) | rtcp::Packet::Goodbye(_) => continue,
            rtcp::Packet::Other { .. } => {
                rtcp::requests(&packet, |request| out.push(asked(request)));
                continue;
            }
        };
        out.extend(reports.iter().map(Feedback::Report));
    }
}

const fn asked(request: Request) -> Feedback {
    match request {
        Request::KeyFrame { ssrc } => Feedback::KeyFrame { ssrc },
        Request::Estimate { ssrc, bits } => Feedback::Estimate { ssrc, bits },
        Request::Lost {
            ssrc,
            first,
            behind,
        } => Feedback::Lost {
            ssrc,
            first,
            behind,
        },
    }
}

/// Appends what matters of one RTCP packet that the stack has read.
pub fn read(packet: &dyn rtc::rtcp::Packet, out: &mut Vec<Feedback>) {
    use rtc::rtcp::payload_feedbacks::{
        full_intra_request::FullIntraRequest, picture_loss_indication::PictureLossIndication,
        receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate,
    };
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
    use rtc::rtcp::{receiver_report::ReceiverReport, sender_report::SenderReport};
    let any = packet.as_any();
    if let Some(loss) = any.downcast_ref::<PictureLossIndication>() {
        out.push(Feedback::KeyFrame {
            ssrc: loss.media_ssrc,
        });
        return;
    }
    if let Some(lost) = any.downcast_ref::<TransportLayerNack>() {
        out.extend(lost.nacks.iter().map(|pair| Feedback::Lost {
            ssrc: lost.media_ssrc,
            first: pair.packet_id,
            behind: pair.lost_packets,
        }));
        return;
    }
    if let Some(estimate) = any.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
        // The stack reads it into a float; what is no number becomes 0.
        let bits = estimate.bitrate as u64;
        let sources = estimate.ssrcs.iter();
        out.extend(sources.map(|ssrc| Feedback::Estimate { ssrc: *ssrc, bits }));
        return;
    }
    if let Some(request) = any.downcast_ref::<FullIntraRequest>() {
        let asked = request.fir.iter().map(|entry| entry.ssrc);
        out.extend(asked.map(|ssrc| Feedback::KeyFrame { ssrc }));
        return;
    }
    let reports = if let Some(report) = any.downcast_ref::<SenderReport>() {
        out.push(Feedback::Sender {
            ssrc: report.ssrc,
            info: SenderInfo {
                ntp: report.ntp_time,
                rtp_timestamp: report.rtp_time,
                packets: report.packet_count,
                octets: report.octet_count,
            },
        });
        &report.reports
    } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
        &report.reports
    } else {
        return;
    };
    out.extend(reports.iter().map(|block| {
        Feedback::Report(ReportBlock {
            ssrc: block.ssrc,
            fraction_lost: block.fraction_lost,
            // 24 bits, signed (RFC 3550 section 6.4.1).
            cumulative_lost: ((block.total_lost << 8) as i32) >> 8,
            highest_sequence: block.last_sequence_number,
            jitter: block.jitter,
            last_sr: block.last_sender_report,
            delay_since_last_sr: block.delay,
        })
    }));
}
