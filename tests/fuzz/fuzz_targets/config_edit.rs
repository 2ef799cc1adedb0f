//! Revisions on a disk, and changes of a document: what is read is what was written, and a change that is refused changes
//! nothing.
#![no_main]

use causeway_config::{Document, Note, Revision, Shape, Verdict};
use libfuzzer_sys::fuzz_target;

const SHAPE: Shape = Shape {
    many: &[("trunk", "name"), ("number", "number")],
    secrets: &["password"],
};

fuzz_target!(|data: &[u8]| {
    if let Ok(revision) = Revision::from_octets(data) {
        // Numbers may be written in more than one way.
        assert_eq!(Revision::from_octets(&revision.to_octets()), Ok(revision));
    }
    let text = String::from_utf8_lossy(data);
    let (commands, toml) = text.split_once('\0').unwrap_or(("", &text));
    let note = Note {
        at: data.len() as u64,
        author: commands.to_owned(),
        comment: toml.to_owned(),
    };
    let revision = Revision {
        number: 1,
        note: note.tidied(),
        text: toml.to_owned(),
    };
    assert_eq!(Revision::from_octets(&revision.to_octets()), Ok(revision));

    let Ok(before) = Document::parse(toml, SHAPE) else {
        return;
    };
    let mut document = before.clone();
    for line in commands.lines().take(32) {
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        let was = document.to_string();
        let done = match (line.starts_with("set "), words.split_last()) {
            (true, Some((value, path))) => document.set(path, value, |text| {
                if text.len().is_multiple_of(2) {
                    Verdict::Good
                } else {
                    Verdict::WrongKind
                }
            }),
            (false, Some((value, path))) if line.starts_with("take ") => {
                document.delete(path, Some(value))
            }
            _ => document.delete(&words, None),
        };
        let is = document.to_string();
        if done.is_err() {
            assert_eq!(was, is, "{line}");
        }
        Document::parse(&is, SHAPE).expect("what was changed can be read");
    }
    for change in document.changes_since(&before) {
        assert!(change.before.is_some() || change.now.is_some());
        let _ = change.to_string();
    }
});
