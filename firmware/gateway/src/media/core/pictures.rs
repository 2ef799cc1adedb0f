//! What is done for a packet of video: from a datagram to the way of the peer, and whole pictures asked for.

use super::super::counters::Counters;
use super::super::leg::{End, Leg, RTCP_EVERY};
use super::super::video::{Asking, Picture, PictureEnd, PictureFormat};
use super::super::{Event, LegKey, bridge};
use super::{Core, take};
use causeway_media::path::{Gate, OutputIdentity};
use causeway_media::plan::Direction;
use causeway_media::rtp;
use causeway_media::video::TranscodeJob;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Core {
    /// One datagram on the sockets of a trunk leg's picture.
    pub fn on_trunk_video(
        &mut self,
        key: LegKey,
        on_rtcp: bool,
        source: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let Some(picture) = &mut leg.picture else {
            return;
        };
        let PictureEnd::Trunk(trunk) = &mut picture.end else {
            return;
        };
        let Some((is_rtcp, opened)) = take(&self.counters, trunk, on_rtcp, source, datagram) else {
            return;
        };
        let datagram = opened.as_deref().unwrap_or(datagram);
        if is_rtcp {
            if leg.on_video_rtcp(datagram, now) {
                self.ask_for_picture(key, now);
            } else {
                Counters::add(&self.counters.dropped_not_rtp, 1);
            }
            return;
        }
        let Ok(packet) = rtp::read(datagram) else {
            return Counters::add(&self.counters.dropped_not_rtp, 1);
        };
        if !trunk.may_speak(source, now) {
            return Counters::add(&self.counters.dropped_source, 1);
        }
        picture.note_received(&packet.header, now);
        let agreed = picture.format.map(|format| format.payload_type());
        if let Some(peer) = leg.peer
            && agreed == Some(packet.header.payload_type)
        {
            self.show(peer, datagram, now);
        }
    }

    /// Lets the far side of `to` see one packet of its peer's.
    pub(super) fn show(&mut self, to: LegKey, datagram: &[u8], now: Instant) {
        let way = self
            .legs
            .get_mut(&to)
            .and_then(|leg| leg.picture.as_mut()?.way.as_mut());
        if let Some(way) = way {
            way.handle_rtp(datagram, now, &mut self.pictures);
            self.ship_picture(to, now);
        }
    }

    /// Work on the picture towards a leg's far side was done. What it made of a leg that is gone goes with it.
    pub fn transcoded(&mut self, to: LegKey, job: TranscodeJob, now: Instant) {
        let way = self
            .legs
            .get_mut(&to)
            .and_then(|leg| leg.picture.as_mut()?.way.as_mut());
        if let Some(way) = way {
            way.finish(job, now, &mut self.pictures);
            self.ship_picture(to, now);
        }
    }

    /// Sends what the way of `to` has made, gives its work away, and asks for what it lacks.
    fn ship_picture(&mut self, to: LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(&to) else {
            return self.pictures.clear();
        };
        let way = leg.picture.as_mut().and_then(|p| p.way.as_mut());
        if let Some(job) = way.and_then(|way| way.poll_job(now)) {
            self.transcoders.take(to, job);
        }
        let mut fault = None;
        for packet in self.pictures.packets() {
            match leg.send_video(now, &packet, &mut self.outbound) {
                Ok(true) => {
                    if let End::Trunk(_) = leg.end {
                        Counters::add(&self.counters.trunk_datagrams_out, 1);
                    }
                }
                Ok(false) => Counters::add(&self.counters.send_refused, 1),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        self.pictures.clear();
        self.note_restless(to);
        if let Some(fault) = fault {
            return self.on_fault(to, fault);
        }
        self.ask_for_picture(to, now);
        self.reschedule(to, now);
    }

    pub(super) fn note_restless(&mut self, key: LegKey) {
        if let Some(Leg {
            end: End::Web(web), ..
        }) = self.legs.get(&key)
            && web.leg.is_restless()
        {
            self.restless.push(key);
        }
    }

    /// Asks the peer's far side for a whole picture when that of `to` lacks one.
    pub(super) fn ask_for_picture(&mut self, to: LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(&to) else {
            return;
        };
        let (Some(picture), Some(source)) = (&mut leg.picture, leg.peer) else {
            return;
        };
        if !picture.take_key_frame_request(now) {
            return;
        }
        let Some(leg) = self.legs.get_mut(&source) else {
            return;
        };
        let (name, Some(picture)) = leg.picture() else {
            return;
        };
        // Not the common buffer: the packet being shown may lie in it.
        let mut compound = Vec::with_capacity(128);
        match picture.ask(name, &mut compound) {
            Asking::Signalling => self.tell(Event::KeyFrameWanted { leg: source }),
            Asking::Rtcp => match leg.send_video_rtcp(now, &compound, &mut self.outbound) {
                Ok(_) => self.note_restless(source),
                Err(fault) => self.on_fault(source, fault),
            },
        }
    }

    /// The far side of a leg wants a whole picture.
    pub fn key_frame(&mut self, key: LegKey, now: Instant) {
        let picture = self.legs.get_mut(&key).and_then(|leg| leg.picture.as_mut());
        if let Some(picture) = picture {
            picture.request_key_frame(now);
            self.ask_for_picture(key, now);
            self.reschedule(key, now);
        }
    }

    /// What is due for a leg's picture.
    pub(super) fn picture_due(&mut self, key: LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let (name, Some(picture)) = leg.picture() else {
            return;
        };
        if let Some(way) = &mut picture.way {
            way.handle_timeout(now, &mut self.pictures);
        }
        if picture.ask_again(now, name, &mut self.scratch)
            && let Err(fault) = leg.send_video_rtcp(now, &self.scratch, &mut self.outbound)
        {
            return self.on_fault(key, fault);
        }
        let (name, Some(picture)) = leg.picture() else {
            return;
        };
        if picture.rtcp_due.is_some_and(|due| due <= now) {
            picture.rtcp_due = Some(now + RTCP_EVERY);
            count(&self.counters, picture);
            picture.report(now, name, &mut self.scratch);
            if let Err(fault) = leg.send_video_rtcp(now, &self.scratch, &mut self.outbound) {
                return self.on_fault(key, fault);
            }
        }
        self.ship_picture(key, now);
    }

    /// Brings the picture towards a leg's far side in line with both legs.
    pub(super) fn plan_picture(&mut self, key: LegKey, now: Instant) {
        let direction = |leg: &Leg| {
            let picture = leg.picture.as_ref().filter(|p| p.format.is_some())?;
            Some(leg.direction.intersect(picture.direction))
        };
        let peer = self.legs.get(&key).and_then(|leg| leg.peer);
        let input = peer
            .and_then(|peer| self.legs.get(&peer))
            .and_then(direction);
        let format = peer.and_then(|peer| self.legs.get(&peer)?.picture.as_ref()?.format);
        let limit = format.and_then(|format| format.max_kbps());
        let from = format.map(|format| format.codec());
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let output = direction(leg).unwrap_or(Direction::Inactive);
        let open = leg.is_ready() && input.is_some() && bridge::gate(output, input) == Gate::Open;
        let Some(picture) = &mut leg.picture else {
            return;
        };
        count(&self.counters, picture);
        picture.plan(open, from, limit, now);
        self.ask_for_picture(key, now);
        self.reschedule(key, now);
    }

    /// What a browser has agreed on now; `fresh` is what a picture that begins is to it.
    pub fn show_web(&mut self, key: LegKey, fresh: Option<OutputIdentity>, now: Instant) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let End::Web(web) = &leg.end else {
            return;
        };
        let shown = web.leg.picture();
        let ssrc = shown.map(|shown| shown.ssrc);
        let format = shown.map(|shown| PictureFormat::of(&shown.video));
        let direction = shown.map_or(Direction::Inactive, |s| s.video.direction.reversed());
        if leg.picture.as_ref().map(|p| p.identity.ssrc) != ssrc {
            let fresh = fresh.filter(|fresh| Some(fresh.ssrc) == ssrc);
            let picture = fresh.map(|fresh| Picture::new(PictureEnd::Web, fresh, format));
            if let Some(ended) = &mut leg.picture {
                count(&self.counters, ended);
            }
            leg.put_picture(picture.map(Box::new));
        }
        if let Some(picture) = &mut leg.picture {
            (picture.format, picture.direction) = (format, direction);
        }
        self.replan_pictures(key, now);
    }

    /// A trunk leg's picture has ended: its sockets close.
    pub fn close_trunk_video(&mut self, key: LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        if let Some(ended) = &mut leg.picture {
            count(&self.counters, ended);
        }
        leg.put_picture(None);
        self.replan_pictures(key, now);
    }

    fn replan_pictures(&mut self, key: LegKey, now: Instant) {
        self.plan_picture(key, now);
        if let Some(peer) = self.legs.get(&key).and_then(|leg| leg.peer) {
            self.plan_picture(peer, now);
        }
    }

    /// Legs that have another peer see a new source.
    pub(super) fn restart_pictures(&mut self, keys: &[LegKey]) {
        for key in keys {
            let picture = self.legs.get_mut(key).and_then(|leg| leg.picture.as_mut());
            if let Some(picture) = picture {
                picture.restart();
            }
        }
    }
}

/// Counts what became of the picture towards a leg's far side.
pub(super) fn count(counters: &Counters, picture: &mut Picture) {
    let done = picture.take_progress();
    for (counter, value) in [
        (&counters.video_packets_in, done.packets_in),
        (&counters.video_packets_lost, done.lost),
        (&counters.video_frames_out, done.frames),
        (&counters.video_key_frames_out, done.key_frames),
        (&counters.video_transcode_frames_in, done.frames_in),
        (
            &counters.video_transcode_frames_dropped,
            done.frames_dropped,
        ),
        (&counters.video_transcode_us, done.transcode_us),
        (&counters.video_key_frame_requests, done.key_frame_requests),
    ] {
        counter.fetch_add(value, Ordering::Relaxed);
    }
}
