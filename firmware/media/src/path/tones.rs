//! The sound of DTMF digits (ITU-T Q.23), for far sides without RFC 4733.

/// Low and high frequency in Hz by event code 0–15.
const FREQUENCIES: [(f32, f32); 16] = [
    (941.0, 1336.0),
    (697.0, 1209.0),
    (697.0, 1336.0),
    (697.0, 1477.0),
    (770.0, 1209.0),
    (770.0, 1336.0),
    (770.0, 1477.0),
    (852.0, 1209.0),
    (852.0, 1336.0),
    (852.0, 1477.0),
    (941.0, 1209.0),
    (941.0, 1477.0),
    (697.0, 1633.0),
    (770.0, 1633.0),
    (852.0, 1633.0),
    (941.0, 1633.0),
];
/// Peak of each of the two tones: about −10 dBm0 together.
const AMPLITUDE: f32 = 6_000.0;

/// Writes the sound of a digit at `rate` samples a second, from its `begin`th sample on; an unknown code is silence.
pub(super) fn write(code: u8, begin: u32, rate: u32, sound: &mut [i16]) {
    let Some((low, high)) = FREQUENCIES.get(usize::from(code)) else {
        sound.fill(0);
        return;
    };
    for (at, sample) in (begin..).zip(sound) {
        let time = at as f32 / rate as f32 * std::f32::consts::TAU;
        *sample = (((low * time).sin() + (high * time).sin()) * AMPLITUDE) as i16;
    }
}
