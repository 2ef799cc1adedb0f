//! One revision as a file: a head of lines for people and programs, a blank line, and the document.
//!
//! ```text
//! causeway-configuration 1
//! revision 12
//! at 1795696916
//! author admin
//! comment the trunk to the new PBX
//! sha256 <of all other lines of the head and the document>
//!
//! [box]
//! …
//! ```

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use thiserror::Error;

const FORMAT: &str = "causeway-configuration 1";
/// Characters of an author or a comment.
const LONGEST_NOTE: usize = 200;

/// Who committed a revision, when and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Seconds since 1970, as the box believed.
    pub at: u64,
    /// As they are known to the box; one line, at most 200 characters.
    pub author: String,
    /// One line, at most 200 characters; may be empty.
    pub comment: String,
}

impl Note {
    /// What fits into lines: control characters become blanks, what is too long ends early.
    #[must_use]
    pub fn tidied(self) -> Self {
        let line = |text: String| -> String {
            let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
            let short: String = clean.take(LONGEST_NOTE).collect();
            short.trim().to_owned()
        };
        Self {
            at: self.at,
            author: line(self.author),
            comment: line(self.comment),
        }
    }
}

/// A whole revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// From 1; never used twice.
    pub number: u32,
    /// Who, when and why.
    pub note: Note,
    /// The document.
    pub text: String,
}

/// What is wrong with a file that should be a revision.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// Another program's, or another format's.
    #[error("it is no configuration of a known format")]
    Format,
    /// A line of the head is missing or cannot be read.
    #[error("its head lacks `{0}`")]
    Head(&'static str),
    /// It is not what was written.
    #[error("its checksum is not that of its contents")]
    Checksum,
}

impl Revision {
    /// The file.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut head = String::new();
        let Note {
            at,
            author,
            comment,
        } = &self.note;
        let _ = write!(
            head,
            "{FORMAT}\nrevision {}\nat {at}\nauthor {author}\ncomment {comment}\n",
            self.number
        );
        let sum = checksum(&head, &self.text);
        format!("{head}sha256 {sum}\n\n{}", self.text).into_bytes()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Damage`]: whatever is not exactly what [`Self::to_octets`] has written.
    pub fn from_octets(octets: &[u8]) -> Result<Self, Damage> {
        let file = std::str::from_utf8(octets).map_err(|_| Damage::Checksum)?;
        let mut rest = file
            .strip_prefix(FORMAT)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(Damage::Format)?;
        let mut line = |name: &'static str| -> Result<&str, Damage> {
            let (line, behind) = rest.split_once('\n').ok_or(Damage::Head(name))?;
            let value = line.strip_prefix(name).and_then(|v| v.strip_prefix(' '));
            rest = behind;
            value.ok_or(Damage::Head(name))
        };
        let number = line("revision")?;
        let at = line("at")?;
        let (author, comment) = (line("author")?.to_owned(), line("comment")?.to_owned());
        let sum = line("sha256")?;
        let text = rest.strip_prefix('\n').ok_or(Damage::Head("sha256"))?;
        let signed = file.len() - text.len() - "sha256 ".len() - sum.len() - "\n\n".len();
        let head = file.get(..signed).ok_or(Damage::Checksum)?;
        if checksum(head, text) != sum {
            return Err(Damage::Checksum);
        }
        Ok(Self {
            number: number.parse().map_err(|_| Damage::Head("revision"))?,
            note: Note {
                at: at.parse().map_err(|_| Damage::Head("at"))?,
                author,
                comment,
            },
            text: text.to_owned(),
        })
    }
}

fn checksum(head: &str, text: &str) -> String {
    let mut sum = Sha256::new();
    sum.update(head);
    sum.update(text);
    sum.finalize().iter().fold(String::new(), |mut hex, octet| {
        let _ = write!(hex, "{octet:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision() -> Revision {
        let note = Note {
            at: 1_795_696_916,
            author: "admin".to_owned(),
            comment: String::new(),
        };
        Revision {
            number: 12,
            note,
            text: "[box]\nname = \"lobby\"\n\nsha256 here is no head\n".to_owned(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let octets = revision().to_octets();
        assert_eq!(Revision::from_octets(&octets), Ok(revision()));
    }

    #[test]
    fn a_file_that_is_cut_or_changed_anywhere_is_refused() {
        let octets = revision().to_octets();
        for end in 0..octets.len() {
            assert!(Revision::from_octets(&octets[..end]).is_err(), "{end}");
        }
        for at in 0..octets.len() {
            for bit in 0..8 {
                let mut changed = octets.clone();
                changed[at] ^= 1 << bit;
                assert!(Revision::from_octets(&changed).is_err(), "{at}, bit {bit}");
            }
        }
        let longer = [&octets[..], b"\n"].concat();
        assert_eq!(Revision::from_octets(&longer), Err(Damage::Checksum));
    }

    #[test]
    fn notes_stay_in_their_lines() {
        let note = Note {
            at: 1,
            author: "eve\nsha256 0".to_owned(),
            comment: "ü".repeat(500),
        };
        let tidied = note.tidied();
        assert_eq!(tidied.author, "eve sha256 0");
        assert_eq!(tidied.comment.chars().count(), 200);
    }
}
