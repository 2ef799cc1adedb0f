//! What a PBX says for people: names, reasons, numbers. Whoever shows it, a page, a terminal or a log, gets one line of
//! plain text of bounded length; markup in it stays text, since pages show text as text.

/// The longest reason.
pub const REASON: usize = 200;
/// The longest display name.
pub const NAME: usize = 100;
/// The longest number.
pub const NUMBER: usize = 64;

/// `text` without control characters and without what turns or hides text around it, at most `most` characters.
pub fn plain(text: &str, most: usize) -> String {
    let fits = |c: &char| !c.is_control() && !is_format(*c);
    let kept: String = text.chars().filter(fits).take(most).collect();
    kept.trim().to_owned()
}

/// Characters that change how others are shown (Unicode UAX #9, and those of no width).
const fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_bounded_line() {
        assert_eq!(plain("Zoë <b> \"x\"", 50), "Zoë <b> \"x\"");
        assert_eq!(plain("\u{1b}[31mred\r\nline\0", 50), "[31mredline");
        assert_eq!(plain("\u{202e}gpj\u{200b}.exe\u{feff}", 50), "gpj.exe");
        assert_eq!(plain(&"x".repeat(1_000), NAME).len(), NAME);
        assert_eq!(plain("  ", NAME), "");
    }
}
