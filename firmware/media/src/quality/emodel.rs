//! The E-model (ITU-T G.107), with every part that no packet network changes at its default:
//!
//! ```text
//! R = 93.2 − Id(delay) − Ie,eff(codec, loss, burst ratio)
//! ```
//!
//! | part | from |
//! |---|---|
//! | 93.2 | G.107: Ro − Is with all defaults |
//! | `Id` | the usual fit to G.107 at its defaults, echo included: R. G. Cole and J. H. Rosenbluth, *Voice over IP performance monitoring*, 2001 |
//! | `Ie,eff` | G.107 section 7.5 |
//! | G.711 `Ie` 0, `Bpl` 25.1 | G.113 appendix I, G.711 with concealment (measured with packets of 10 ms) |
//! | G.722 | as G.711: what it has beyond is not modelled |
//! | Opus `Ie` 3, `Bpl` 20 | ours: G.113 has no values for it. Between G.711 (0) and the best of the narrowband codecs (5, GSM EFR) in clear, and below concealed G.711 in loss, since a lost packet also spoils what its decoder knows |
//!
//! Wideband is not modelled: what a telephone hears is narrowband, and so is what comes from one.

use crate::plan::AudioCodec;
use std::time::Duration;

/// `R` without any impairment.
const BEST: f32 = 93.2;

/// `Ie` and `Bpl` of a codec.
const fn robustness(codec: AudioCodec) -> (f32, f32) {
    match codec {
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => (0.0, 25.1),
        AudioCodec::Opus => (3.0, 20.0),
    }
}

/// `Ie,eff` of a codec when this share of packets (0…1) is lost; `burst_ratio` from 1.
pub fn equipment_impairment(codec: AudioCodec, loss: f32, burst_ratio: f32) -> f32 {
    let (ie, bpl) = robustness(codec);
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    ie + (95.0 - ie) * percent / (percent / burst_ratio.max(1.0) + bpl)
}

/// `Id` of a delay from mouth to ear.
pub fn delay_impairment(delay: Duration) -> f32 {
    let ms = delay.as_secs_f32() * 1000.0;
    0.024 * ms + 0.11 * (ms - 177.3).max(0.0)
}

/// `R`, 0…93.2.
pub fn rating(delay: Duration, equipment: f32) -> f32 {
    (BEST - delay_impairment(delay) - equipment).clamp(0.0, BEST)
}

/// The mean opinion score of a rating (G.107 annex B), 1…4.5.
pub fn opinion_score(rating: f32) -> f32 {
    let r = rating.clamp(0.0, 100.0);
    // The polynomial dips a little below 1 for ratings under 6.5.
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}
