//! What a media thread counts, readable from anywhere without disturbing it.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Live counters of a media thread; all but `legs` and `busy_permille` only grow.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub(super) $name: AtomicU64,)+
        }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CounterValues {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Counters {
            /// Reads all of them; each is exact, together they may be a packet apart.
            pub fn values(&self) -> CounterValues {
                CounterValues { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }

        impl std::iter::Sum for CounterValues {
            fn sum<I: Iterator<Item = Self>>(each: I) -> Self {
                each.fold(Self::default(), |sum, values| Self {
                    $($name: sum.$name + values.$name,)+
                })
            }
        }

        impl CounterValues {
            /// Names and values in a fixed order, for an exporter.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }
        }
    };
}

counters! {
    /// Turns of the loop; grows at least once a second while the thread lives.
    ticks,
    /// Seconds, or a little more each, over which `busy_permille` was measured.
    rounds,
    /// Thousandths of a core that are spent now.
    busy_permille,
    /// Legs open now.
    legs,
    /// Legs opened since the start.
    legs_opened,
    /// Web legs lost to an error inside the WebRTC stack.
    leg_faults,
    /// Connections of browsers whose media goes through the whole WebRTC stack, since their keys did not become known.
    web_long_ways,
    /// Datagrams from browsers.
    web_datagrams_in,
    /// Of these, handed on to the thread of their leg.
    web_datagrams_handed_on,
    /// Datagrams to browsers.
    web_datagrams_out,
    /// RTP and RTCP datagrams from trunks.
    trunk_datagrams_in,
    /// RTP and RTCP datagrams to trunks.
    trunk_datagrams_out,
    /// Packets of pictures that came, from either side.
    video_packets_in,
    /// Of these, lost before they came.
    video_packets_lost,
    /// Frames that left towards a far side, passed on or transcoded.
    video_frames_out,
    /// Of these, key frames.
    video_key_frames_out,
    /// Whole frames that came to be transcoded.
    video_transcode_frames_in,
    /// Of these, those that left nothing: no time, no room, or no key frame before them.
    video_transcode_frames_dropped,
    /// Microseconds that transcoding took, of all threads.
    video_transcode_us,
    /// Times a source was asked for a key frame.
    video_key_frame_requests,
    /// Datagrams the kernel would not take.
    send_refused,
    /// From browsers: not STUN, DTLS, RTP or RTCP, or too long.
    dropped_malformed,
    /// From browsers: of no leg (unknown user fragment, or an address without a passed check).
    dropped_foreign,
    /// From browsers: refused by the WebRTC stack (integrity, replay, not yet connected).
    dropped_refused,
    /// From browsers: the thread of their leg does not take what is handed on.
    dropped_crowded,
    /// From trunks: source is not the negotiated host.
    dropped_source,
    /// From trunks: not RTP or RTCP.
    dropped_not_rtp,
    /// From trunks: came before anything was negotiated.
    dropped_unplanned,
    /// From trunks: SRTP was agreed, and the packet is plain, forged or of another key.
    dropped_unauthentic,
    /// From trunks: an SRTP packet that came before.
    dropped_replayed,
    /// Trickled candidates that are none.
    bad_candidates,
    /// Commands for legs that do not exist (any more).
    unknown_legs,
    /// Formats that a path could not be built for.
    path_errors,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, by: usize) {
        counter.fetch_add(by as u64, Ordering::Relaxed);
    }
}
