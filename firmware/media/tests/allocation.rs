//! In steady state no packet costs an allocation: not in sound, not in loss and disorder, not
//! in digits.

use causeway_media::path::{Output, OutputIdentity, Path};
use causeway_media::plan::{AudioCodec, AudioFormat, DtmfFormat};
use causeway_media::rtp::Header;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is the one `System` wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn format(codec: AudioCodec, payload_type: u8) -> AudioFormat {
    AudioFormat {
        codec,
        payload_type,
        ptime_ms: 20,
        dtmf: Some(DtmfFormat {
            payload_type: 101,
            clock_rate: codec.clock_rate(),
        }),
    }
}

/// Ten seconds of packets with a loss, a swap and a digit each second.
fn play(path: &mut Path, n0: u32, now: &mut Instant, out: &mut Output, datagram: &mut Vec<u8>) {
    let from = *path.from();
    let units = from.codec.clock_rate() / 50;
    let sound: &[u8] = match from.codec {
        AudioCodec::Opus => &causeway_media::opus::SILENCE_20_MS,
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => &[0xD5; 160],
    };
    for n in n0..n0 + 500 {
        *now += Duration::from_millis(20);
        let place = match n % 50 {
            10 => continue,
            20 => n + 1,
            21 => n - 1,
            _ => n,
        };
        let in_event = (30..36).contains(&(n % 50));
        let event = [5, if n % 50 >= 34 { 0x8A } else { 10 }, 1, 0];
        let header = Header {
            marker: false,
            payload_type: if in_event { 101 } else { from.payload_type },
            sequence: place as u16,
            timestamp: (if in_event { n - n % 50 } else { place }) * units,
            ssrc: 9,
        };
        datagram.clear();
        datagram.extend_from_slice(&header.to_bytes());
        datagram.extend_from_slice(if in_event { &event } else { sound });
        path.handle_rtp(datagram, *now, out);
        path.handle_timeout(*now, out);
        out.clear();
    }
}

#[test]
fn steady_state_allocates_nothing() {
    let codecs = [
        (AudioCodec::Opus, 111),
        (AudioCodec::Pcmu, 0),
        (AudioCodec::Pcma, 8),
        (AudioCodec::G722, 9),
    ];
    for (from, from_type) in codecs {
        for (to, to_type) in codecs {
            let identity = OutputIdentity {
                ssrc: 1,
                first_sequence: 0,
                first_timestamp: 0,
            };
            let mut path =
                Path::new(format(from, from_type), format(to, to_type), identity).unwrap();
            let mut out = Output::new();
            let mut datagram = Vec::with_capacity(2_048);
            let mut now = Instant::now();
            play(&mut path, 0, &mut now, &mut out, &mut datagram);
            let before = ALLOCATIONS.with(Cell::get);
            play(&mut path, 500, &mut now, &mut out, &mut datagram);
            let after = ALLOCATIONS.with(Cell::get);
            assert_eq!(after - before, 0, "{from:?} → {to:?}");
            assert!(path.counters().packets_out > 900);
            assert!(path.counters().digits_out == 20);
        }
    }
}
