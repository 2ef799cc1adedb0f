//! What is written to a terminal.

use core::fmt::{self, Write as _};

/// A terminal behind a line: `\n` becomes CR LF, and any other control character becomes `?`, so that no text of others
/// (a PBX's reason phrase, a log line) moves the cursor or changes colours.
#[derive(Debug)]
pub struct Terminal<'a, W: embedded_io::Write> {
    line: Raw<'a, W>,
}

impl<'a, W: embedded_io::Write> Terminal<'a, W> {
    /// Writes to `writer`.
    pub fn new(writer: &'a mut W) -> Self {
        Self {
            line: Raw::new(writer),
        }
    }

    /// Whether everything was taken.
    ///
    /// # Errors
    /// The first fault of the line; what was written after it is lost.
    pub fn finish(self) -> Result<(), W::Error> {
        self.line.finish()
    }
}

impl<W: embedded_io::Write> fmt::Write for Terminal<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (at, piece) in text.split('\n').enumerate() {
            if at > 0 {
                self.line.write_str("\n")?;
            }
            write!(self.line, "{}", Plain(piece))?;
        }
        Ok(())
    }
}

/// The same with control characters let through, for what this crate writes itself.
#[derive(Debug)]
pub(crate) struct Raw<'a, W: embedded_io::Write> {
    writer: &'a mut W,
    fault: Option<W::Error>,
}

impl<'a, W: embedded_io::Write> Raw<'a, W> {
    pub(crate) fn new(writer: &'a mut W) -> Self {
        Self {
            writer,
            fault: None,
        }
    }

    pub(crate) fn finish(self) -> Result<(), W::Error> {
        self.fault.map_or(Ok(()), Err)
    }

    fn bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        if self.fault.is_some() {
            return Err(fmt::Error);
        }
        self.writer.write_all(bytes).map_err(|fault| {
            self.fault = Some(fault);
            fmt::Error
        })
    }
}

impl<W: embedded_io::Write> fmt::Write for Raw<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (at, piece) in text.split('\n').enumerate() {
            if at > 0 {
                self.bytes(b"\r\n")?;
            }
            if !piece.is_empty() {
                self.bytes(piece.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Where the console's parts write to. A fault of the line is kept below and told once, at the end of the call.
pub(crate) struct Screen<'a>(pub(crate) &'a mut dyn fmt::Write);

impl Screen<'_> {
    pub(crate) fn show(&mut self, text: fmt::Arguments<'_>) {
        let _ = self.0.write_fmt(text);
    }

    pub(crate) fn bell(&mut self) {
        self.show(format_args!("\x07"));
    }
}

/// Text of somebody else: what would be obeyed by a terminal, or would turn the order of letters round, is shown as `?`.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            f.write_char(if is_printable(c) { c } else { '?' })?;
        }
        Ok(())
    }
}

/// No control character (C0, DEL, C1), and none that changes the direction of writing or breaks lines.
pub(crate) const fn is_printable(c: char) -> bool {
    !matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Columns a character takes: 0 for marks that sit on another, 2 for the wide ones of East Asia and pictures.
pub(crate) const fn width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{200b}'..='\u{200d}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

pub(crate) fn width_of(text: &str) -> usize {
    text.chars().map(width).sum()
}
