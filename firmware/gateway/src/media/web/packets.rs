//! Packets from a browser and to it: past the stack once the keys of the handshake are known (`keying`), through it before
//! and where they never are.

use super::super::batch::Outbound;
use super::super::feedback::{self, Feedback};
use super::{Fault, Unprotected, WebLeg, guard};
use bytes::{Bytes, BytesMut};
use causeway_media::path::OutPacket;
use causeway_media::rtcp;
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::sansio::Protocol;
use std::net::SocketAddr;
use std::time::Instant;

impl WebLeg {
    /// The RTP packet in a datagram from an admitted address.
    ///
    /// # Errors
    /// [`Fault`] when the library panicked.
    pub fn unprotect(&mut self, from: SocketAddr, datagram: &[u8]) -> Result<Unprotected, Fault> {
        let Some((_, receiver)) = self.srtp.as_deref_mut() else {
            return Ok(Unprotected::Unkeyed);
        };
        let Ok(packet) = guard(|| receiver.unprotect_rtp(datagram))? else {
            return Ok(Unprotected::Refused);
        };
        // After a restart browsers send from the pair they have chosen up to a second before they
        // nominate it; it has passed its check, and this packet is authentic.
        self.nominated.get_or_insert(from);
        Ok(Unprotected::Packet(packet))
    }

    /// Reads an RTCP compound from an admitted address, appending what matters of it; false when it is refused, none when
    /// the keys are not known and the stack is to be asked.
    ///
    /// # Errors
    /// [`Fault`] when the library panicked.
    pub fn unprotect_rtcp(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut Vec<Feedback>,
    ) -> Result<Option<bool>, Fault> {
        let Some((_, receiver)) = self.srtp.as_deref_mut() else {
            return Ok(None);
        };
        let Ok(packet) = guard(|| receiver.unprotect_rtcp(datagram))? else {
            return Ok(Some(false));
        };
        self.nominated.get_or_insert(from);
        let Ok(compound) = rtcp::read(&packet) else {
            return Ok(Some(false));
        };
        feedback::read_compound(&compound, out);
        Ok(Some(true))
    }

    /// Sends one packet to the browser; dropped before the connection is up.
    ///
    /// # Errors
    /// [`Fault`] when the stack panicked.
    pub fn send_rtp(
        &mut self,
        now: Instant,
        packet: &OutPacket<'_>,
        outbound: &mut Outbound<BytesMut>,
    ) -> Result<bool, Fault> {
        if !self.connected {
            return Ok(false);
        }
        if let Some((sender, _)) = self.srtp.as_deref_mut() {
            let Some(to) = self.nominated.or(self.selected) else {
                return Ok(false);
            };
            let Ok(protected) = guard(|| sender.protect_rtp(packet.bytes))? else {
                return Ok(false);
            };
            outbound.push(to, protected.into());
            return Ok(true);
        }
        let header = rtc::rtp::Header {
            version: 2,
            marker: packet.header.marker,
            payload_type: packet.header.payload_type,
            sequence_number: packet.header.sequence,
            timestamp: packet.header.timestamp,
            ssrc: packet.header.ssrc,
            ..Default::default()
        };
        let payload = Bytes::copy_from_slice(packet.payload());
        // The sender's own `write_rtp` checks again what the answer has settled, at the price of
        // an allocation a packet.
        self.send(
            now,
            RTCMessage::RtpPacket(String::new(), rtc::rtp::Packet { header, payload }),
        )
    }

    /// Sends one RTCP compound to the browser; dropped before the connection is up.
    ///
    /// # Errors
    /// [`Fault`] when the stack panicked.
    pub fn send_rtcp(
        &mut self,
        now: Instant,
        compound: &[u8],
        outbound: &mut Outbound<BytesMut>,
    ) -> Result<bool, Fault> {
        if !self.connected {
            return Ok(false);
        }
        if let Some((sender, _)) = self.srtp.as_deref_mut() {
            let Some(to) = self.nominated.or(self.selected) else {
                return Ok(false);
            };
            let Ok(protected) = guard(|| sender.protect_rtcp(compound))? else {
                return Ok(false);
            };
            outbound.push(to, protected.into());
            return Ok(true);
        }
        let raw = rtc::rtcp::raw_packet::RawPacket(Bytes::copy_from_slice(compound));
        self.send(
            now,
            RTCMessage::RtcpPacket(String::new(), vec![Box::new(raw)]),
        )
    }

    fn send(&mut self, now: Instant, message: RTCMessage) -> Result<bool, Fault> {
        self.owed += 1;
        guard(|| {
            self.connection
                .handle_write(TaggedRTCMessage { now, message })
                .is_ok()
        })
    }
}
