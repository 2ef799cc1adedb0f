//! PBXes of both IP families: each is shown our address of its own, and sound goes over sockets of its own.
//!
//! A leg has sockets of one family. Which it needs:
//!
//! | the leg | its family |
//! |---|---|
//! | of an INVITE with an offer | that of the offer's audio |
//! | of an INVITE without one | that of the PBX |
//! | of a call we place | that of its target; new sockets when the call goes on to a target of the other family |
//!
//! Without media of that family the leg has the other: a PBX of both may take what we offer, and an offer that cannot be
//! met is refused with 488.

use super::Switch;
use super::active::CallKey;
use crate::io::sip::SipSockets;
use crate::media::Command as Media;
use causeway_directory::{IpFamily, SipSettings, TrunkName};
use causeway_media::sdp::trunk::wants_audio_at;
use causeway_sip::endpoint::Transport;
use std::net::SocketAddr;
use std::time::Instant;

/// What PBXes of the family that is not the first are shown.
pub(super) fn contacts(sip: &SipSettings, sockets: &SipSockets) -> Vec<(Transport, SocketAddr)> {
    let (Some(listen), Some(at)) = (sip.listens().nth(1), sockets.further()) else {
        return Vec::new();
    };
    let mut contacts = vec![(Transport::Udp, at.udp), (Transport::Tcp, at.tcp)];
    contacts.extend(at.tls.map(|tls| (Transport::Tls, tls)));
    for (_, address) in &mut contacts {
        address.set_ip(listen.public);
    }
    contacts
}

/// The family of the sockets that an INVITE needs.
pub(super) fn family_of_offer(offer: Option<&[u8]>, remote: SocketAddr) -> IpFamily {
    let wanted = offer.and_then(wants_audio_at);
    IpFamily::of(wanted.unwrap_or(remote.ip()))
}

impl Switch {
    /// The family of the target that a new call of a trunk will most likely go to.
    pub(super) fn family_of_next(&self, trunk: &str, now: Instant) -> IpFamily {
        let target = self.probes.pick(trunk, &[], now);
        target.map_or(IpFamily::V4, |target| IpFamily::of(target.ip()))
    }

    /// Gives a placed call sockets of its target's family, when it has others and there are such. When none is free it
    /// keeps those it has.
    pub(super) fn follow_family(&mut self, key: CallKey, target: SocketAddr) {
        let Some(active) = self.calls.get(&key) else {
            return;
        };
        let directory = active.directory(&self.directory);
        let family = IpFamily::of(target.ip());
        let has = IpFamily::of(directory.config().rtp.of(family).public);
        let known = directory.trunk(&TrunkName(active.trunk.trunk.clone()));
        let (Some(known), true) = (known, IpFamily::of(active.trunk.session.address()) != has)
        else {
            return;
        };
        let picture = active.trunk.session.has_video();
        let Ok(taken) = self.trunk_media(known, family, picture) else {
            return;
        };
        let media = self.new_leg(key);
        self.open_trunk(media, known, taken.sockets);
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let leg = &mut active.trunk;
        let old = std::mem::replace(&mut leg.media, media);
        let old_ports = std::mem::replace(&mut leg.ports, taken.ports);
        leg.session = taken.session;
        leg.plan = None;
        leg.watch = None;
        self.by_leg.remove(&old);
        self.media.send(Media::Close { leg: old });
        leg.early = false;
        // The call has been joined with its page since it was placed.
        if let Some(web) = active.web.media {
            self.media.send(Media::Bridge { a: web, b: media });
        }
        self.ports.release_leg(old_ports);
    }
}
