//! Randomness from the operating system, for ids and secrets.

/// `N` unpredictable bytes.
///
/// # Panics
/// When the kernel has no randomness: nothing the box does is safe then.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(fault) = getrandom::fill(&mut bytes) {
        panic!("the system gives no random numbers: {fault}");
    }
    bytes
}

/// `N` unpredictable bytes as lower-case hexadecimal digits.
pub fn hex<const N: usize>() -> String {
    use std::fmt::Write;
    bytes::<N>()
        .iter()
        .fold(String::with_capacity(2 * N), |mut s, b| {
            let _ = write!(s, "{b:02x}");
            s
        })
}
