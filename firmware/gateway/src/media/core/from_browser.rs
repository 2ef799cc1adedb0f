//! What a browser sends: to the stack, past it, and on to the peer.

use super::super::LegKey;
use super::super::demux::Class;
use super::super::leg::{End, Leg};
use super::super::web::Unprotected;
use super::Core;
use crate::media::counters::Counters;
use causeway_media::rtp;
use std::net::SocketAddr;
use std::time::Instant;

impl Core {
    /// One datagram on the browsers' port, and whose it is.
    pub fn on_web(
        &mut self,
        (class, key): (Class, Option<LegKey>),
        source: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) {
        let Some(key) = key else {
            let counter = match class {
                Class::Other => &self.counters.dropped_malformed,
                Class::Stun | Class::Dtls | Class::Rtp | Class::Rtcp => {
                    &self.counters.dropped_foreign
                }
            };
            Counters::add(counter, 1);
            return;
        };
        let Some(Leg {
            end: End::Web(web), ..
        }) = self.legs.get_mut(&key)
        else {
            return;
        };
        if class == Class::Rtp {
            let unprotected = match web.leg.unprotect(source, datagram) {
                Ok(unprotected) => unprotected,
                Err(fault) => return self.on_fault(key, fault),
            };
            if !matches!(unprotected, Unprotected::Unkeyed) {
                let back = web.liveness.heard(now);
                match unprotected {
                    Unprotected::Packet(packet) => self.take_from_browser(key, &packet, now),
                    Unprotected::Refused | Unprotected::Unkeyed => self.drop_refused(key),
                }
                return self.on_change(key, back, now);
            }
        }
        if class == Class::Rtcp {
            self.yielded.feedback.clear();
            let asked = &mut self.yielded.feedback;
            let taken = match web.leg.unprotect_rtcp(source, datagram, asked) {
                Ok(taken) => taken,
                Err(fault) => return self.on_fault(key, fault),
            };
            if let Some(taken) = taken {
                let back = web.liveness.heard(now);
                if taken {
                    self.take_feedback(key, now);
                } else {
                    self.drop_refused(key);
                }
                return self.on_change(key, back, now);
            }
        }
        if let Err(fault) = web.leg.receive(now, source, class, datagram) {
            self.on_fault(key, fault);
            return;
        }
        // A check counts as a sign of life when it has passed; see `collect`.
        let back = (class != Class::Stun)
            .then(|| web.liveness.heard(now))
            .flatten();
        if web.leg.is_restless() {
            self.restless.push(key);
        } else {
            self.collect(key, now);
            if class == Class::Rtp && self.yielded.rtp.is_empty() {
                self.drop_refused(key);
            }
        }
        self.on_change(key, back, now);
    }

    /// What a browser reports and asks for.
    pub(super) fn take_feedback(&mut self, key: LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let mut fault = None;
        for feedback in &self.yielded.feedback {
            leg.on_feedback(feedback, now);
            let again = leg.send_again(feedback, now, &mut self.outbound);
            fault = again.err().or(fault);
        }
        self.yielded.feedback.clear();
        if let Some(fault) = fault {
            return self.on_fault(key, fault);
        }
        self.ask_for_picture(key, now);
        self.speak_anew(key, now);
        self.reschedule(key, now);
    }

    /// One RTP packet of a browser, sound or picture.
    pub(super) fn take_from_browser(&mut self, key: LegKey, datagram: &[u8], now: Instant) {
        let (Some(leg), Ok(packet)) = (self.legs.get_mut(&key), rtp::read(datagram)) else {
            return self.drop_refused(key);
        };
        let peer = leg.peer;
        let picture = leg.picture.as_mut().filter(|picture| {
            let format = picture.format.map(|format| format.payload_type());
            format == Some(packet.header.payload_type)
        });
        if let Some(picture) = picture {
            picture.note_received(&packet.header, now);
            if let Some(peer) = peer {
                self.show(peer, datagram, now);
            }
            self.ask_for_picture(key, now);
            self.note_restless(key);
            return self.reschedule(key, now);
        }
        let changed = leg.hears(packet.header.payload_type);
        let waits = leg.either.as_ref().is_some_and(|e| e.is_pending());
        leg.note_received(&packet.header, datagram.len(), now);
        if changed {
            self.heard_anew(peer, now);
        }
        if let Some(peer) = peer {
            self.play(key, peer, datagram, now);
        }
        if waits {
            self.speak_anew(key, now);
        }
    }
}
