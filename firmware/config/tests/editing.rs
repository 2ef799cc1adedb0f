//! Somebody changes a document setting by setting.

use causeway_config::{Document, EditError, Shape, Verdict};

const SHAPE: Shape = Shape {
    many: &[("trunk", "name"), ("number", "number")],
    secrets: &["password"],
};

const TEXT: &str = "# The lobby's box.\n[box]\nname = \"lobby\" # as people call it\nmax_calls = 100\n\n\
    [[trunk]]\nname = \"pbx\"\naddress = \"192.0.2.1\"\nfrom = [\"192.0.2.1\", \"192.0.2.2\"]\npassword = \"hidden\"\n";

fn document() -> Document {
    Document::parse(TEXT, SHAPE).unwrap()
}

/// A check for which a name is text and most calls are a number.
fn kinds(text: &str) -> Verdict {
    let quoted = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.is_some_and(|line| line.contains('"'))
    };
    match quoted("name = ") && !quoted("max_calls = ") && !text.contains("caller = 1") {
        true => Verdict::Good,
        false => Verdict::WrongKind,
    }
}

fn set(document: &mut Document, words: &str) -> Result<(), EditError> {
    let mut path: Vec<&str> = words.split(' ').collect();
    let value = path.pop().unwrap();
    document.set(&path, value, kinds)
}

fn changes(document: &Document) -> Vec<String> {
    let before = Document::parse(TEXT, SHAPE).unwrap();
    document
        .changes_since(&before)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_setting_changes_and_all_else_stays_as_it_was_written() {
    let mut document = document();
    set(&mut document, "box name hall").unwrap();
    set(&mut document, "box max_calls 200").unwrap();
    let expected = TEXT.replace("lobby\" #", "hall\" #").replace("100", "200");
    assert_eq!(document.to_string(), expected);
    assert_eq!(
        changes(&document),
        [
            "- box max_calls 100\n+ box max_calls 200",
            "- box name \"lobby\"\n+ box name \"hall\""
        ]
    );
}

#[test]
fn digits_are_a_number_or_a_text_as_the_check_wants_them() {
    let mut document = document();
    set(&mut document, "box name 4711").unwrap();
    set(&mut document, "trunk pbx caller 100").unwrap();
    set(&mut document, "trunk pbx caller_id +49301").unwrap();
    assert_eq!(
        document.show(&["box"]),
        ["box max_calls 100", "box name \"4711\""]
    );
    assert!(document.to_string().contains("caller = \"100\""));
}

#[test]
fn one_of_many_is_made_when_it_is_first_spoken_of() {
    let mut document = document();
    set(&mut document, "trunk backup address 192.0.2.9").unwrap();
    set(&mut document, "number +4930 account anna").unwrap();
    assert_eq!(
        changes(&document),
        [
            "+ number +4930 account \"anna\"",
            "+ number +4930 number \"+4930\"",
            "+ trunk backup address \"192.0.2.9\"",
            "+ trunk backup name \"backup\"",
        ]
    );
    document.delete(&["trunk", "backup"], None).unwrap();
    document.delete(&["number", "+4930"], None).unwrap();
    assert_eq!(changes(&document), [""; 0]);
}

#[test]
fn lists_grow_and_shrink_by_one() {
    let mut document = document();
    set(&mut document, "trunk pbx from 192.0.2.3").unwrap();
    set(&mut document, "trunk pbx from 192.0.2.3").unwrap();
    document
        .delete(&["trunk", "pbx", "from"], Some("192.0.2.1"))
        .unwrap();
    assert_eq!(
        document.show(&["trunk", "pbx", "from"]),
        ["trunk pbx from [\"192.0.2.2\", \"192.0.2.3\"]"]
    );
    let missing = document.delete(&["trunk", "pbx", "from"], Some("192.0.2.1"));
    assert_eq!(
        missing.unwrap_err().to_string(),
        "`192.0.2.1` is not in `trunk pbx from`"
    );
    document
        .set(&["trunk", "pbx", "from"], "[\"198.51.100.1\"]", kinds)
        .unwrap();
    assert_eq!(
        document.show(&["trunk", "pbx", "from"]),
        ["trunk pbx from [\"198.51.100.1\"]"]
    );
}

#[test]
fn secrets_are_stars_wherever_they_are_shown() {
    let mut document = document();
    set(&mut document, "trunk pbx password other").unwrap();
    assert_eq!(
        changes(&document),
        ["- trunk pbx password ********\n+ trunk pbx password ********"]
    );
    assert!(
        document
            .show(&[])
            .iter()
            .all(|line| !line.contains("other"))
    );
    // It is there all the same.
    assert!(document.to_string().contains("password = \"other\""));
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_changes() {
    let mut document = document();
    let refused = [
        (
            set(&mut document, "trunk pbx x"),
            "what of `trunk` is missing",
        ),
        (
            set(&mut document, "box name first x"),
            "`name` is a setting, and holds none",
        ),
        (
            set(&mut document, "box x"),
            "`box` holds settings, and is none itself",
        ),
        (
            document.delete(&["trunk", "other"], None),
            "there is no `trunk other`",
        ),
        (
            document.delete(&["box", "other"], None),
            "there is no `box other`",
        ),
        (
            document.delete(&["nothing", "at", "all"], None),
            "there is no `nothing at`",
        ),
        (document.delete(&[], None), "there is no ``"),
        (
            document.set(&[], "x", kinds),
            "what of `the configuration` is missing",
        ),
    ];
    for (outcome, message) in refused {
        assert_eq!(outcome.unwrap_err().to_string(), message);
    }
    assert_eq!(document.to_string(), TEXT);
    assert!(matches!(
        Document::parse("[box", SHAPE),
        Err(EditError::Syntax(_))
    ));
}
