//! Which settings a running box follows, and which wait for its next start.
//!
//! What a socket or a thread was opened with stays as it was until then. Everything else (trunks, numbers, apps, accounts, keys,
//! public addresses, limits) counts at once.

use super::Config;

/// The settings that wait: how they are called, whether they differ, and how the running one is kept.
macro_rules! at_start {
    ($($name:literal: $($field:ident).+,)+) => {
        impl Config {
            /// The settings, such as `box.https`, in which `wanted` differs from what a box `running` can follow without a
            /// restart. Empty: all of it counts at once.
            pub fn restart_needed(running: &Self, wanted: &Self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(if running.$($field).+ != wanted.$($field).+ {
                    names.push($name);
                })+
                if running.ice_tcp_is_off() != wanted.ice_tcp_is_off() {
                    names.push("box.ice_tcp");
                }
                if running.families() != wanted.families() {
                    names.push("box.public");
                }
                names
            }

            /// This document as a box that runs on `running` can follow it: what needs a restart is as it was.
            #[must_use]
            pub fn until_restart(mut self, running: &Self) -> Self {
                $(self.$($field).+.clone_from(&running.$($field).+);)+
                if running.ice_tcp_is_off() != self.ice_tcp_is_off() {
                    self.settings.ice_tcp.clone_from(&running.settings.ice_tcp);
                }
                if running.families() != self.families() {
                    self.settings.public.clone_from(&running.settings.public);
                }
                self
            }
        }
    };
}

at_start! {
    "box.https": settings.https,
    "box.management": settings.management,
    "box.media": settings.media,
    "box.media_threads": settings.media_threads,
    "box.stun": settings.stun,
    "box.turn": settings.turn,
    "box.turn_udp": settings.turn_udp,
    "sip.udp": sip.udp,
    "sip.udp6": sip.udp6,
    "sip.tcp": sip.tcp,
    "sip.tls": sip.tls,
    "sip.public": sip.public,
    "sip.public6": sip.public6,
    "sip.dns": sip.dns,
    "rtp.address": rtp.address,
    "rtp.address6": rtp.address6,
    "rtp.ports": rtp.ports,
}

impl Config {
    /// Media over TCP is refused or taken from the start; where it is reached may change.
    fn ice_tcp_is_off(&self) -> bool {
        self.settings.ice_tcp.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether browsers reach the box over IPv4, and over IPv6: media over TCP has sockets of these.
    fn families(&self) -> (bool, bool) {
        let public = self.settings.public(None);
        let has = |v4: bool| public.iter().any(|ip| ip.is_ipv4() == v4);
        (has(true), has(false))
    }
}
