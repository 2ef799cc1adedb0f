//! What libopus makes of the same packets without a box: the floor.

use causeway_harness::impairment::Fate;
use causeway_media::g711::Law;

/// Samples of 20 ms at 8 kHz.
pub const FRAME: usize = 160;
/// Milliseconds of a packet.
pub const PACKET_MS: u64 = 20;

fn sentence(error: opus::Error) -> String {
    error.to_string()
}

/// Codes sound as a browser does, a packet a 20 ms: mono voice of 24 kb/s with in-band redundancy against
/// `expected_loss` (per cent), as its receiver reports it. `rate` of the sound is 8 or 48 kHz.
///
/// # Errors
/// What libopus refused.
pub fn encode(sound: &[i16], rate: u32, expected_loss: i32) -> Result<Vec<Vec<u8>>, String> {
    let mut encoder = opus::Encoder::new(rate, opus::Channels::Mono, opus::Application::Voip)
        .map_err(sentence)?;
    encoder
        .set_bitrate(opus::Bitrate::Bits(24_000))
        .map_err(sentence)?;
    encoder.set_inband_fec(true).map_err(sentence)?;
    encoder
        .set_packet_loss_perc(expected_loss)
        .map_err(sentence)?;
    sound
        .chunks_exact(rate as usize / 50)
        .map(|frame| encoder.encode_vec(frame, 1_275).map_err(sentence))
        .collect()
}

/// Decodes what arrived to 8 kHz: redundancy of the next packet for the last of a hole, libopus' own concealment for
/// the rest of it. Delays do not matter here: the floor waits for everything.
///
/// # Errors
/// What libopus refused.
pub fn decode(packets: &[Vec<u8>], fates: &[Fate]) -> Result<Vec<i16>, String> {
    let mut decoder = opus::Decoder::new(8_000, opus::Channels::Mono).map_err(sentence)?;
    let mut heard = vec![0; packets.len() * FRAME];
    let mut lost = 0;
    for (n, (packet, fate)) in packets.iter().zip(fates).enumerate() {
        if *fate == Fate::Lost {
            lost += 1;
            continue;
        }
        for hole in (1..=lost).rev() {
            let frame = &mut heard[(n - hole) * FRAME..][..FRAME];
            let (data, fec): (&[u8], bool) = if hole == 1 {
                (packet, true)
            } else {
                (&[], false)
            };
            decoder.decode(data, frame, fec).map_err(sentence)?;
        }
        lost = 0;
        decoder
            .decode(packet, &mut heard[n * FRAME..][..FRAME], false)
            .map_err(sentence)?;
    }
    Ok(heard)
}

/// Through G.711 and back.
pub fn through_g711(sound: &[i16]) -> Vec<i16> {
    sound
        .iter()
        .map(|sample| Law::Mu.decode(Law::Mu.encode(*sample)))
        .collect()
}
