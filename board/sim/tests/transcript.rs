//! The session that the documents show is one that took place: this test plays it and compares.

use causeway_board_sim::Session;
use std::{env, fs, path::Path};

const BEFORE: &str = "\
# The first start, at the serial port

115200 baud, 8 data bits, no parity, 1 stop bit, no flow control; any terminal will do. What follows is what the screen shows; the test
`sim/tests/transcript.rs` plays it and keeps it true (`CAUSEWAY_BLESS=1` writes it anew). Passwords and secrets are typed but not shown.

```text
";

const AFTER: &str = "```

Before the last `yes` nothing has changed. What was answered becomes one draft that is checked as a whole and put into use at once; from then on the
console asks for the password. The states of the wizard are the table at the head of `core/src/wizard.rs`, those of the console at the head of `core/src/console.rs`.
";

#[test]
fn the_wizards_transcript_is_true() {
    let mut session = Session::first_start();
    session.types("short\r");
    session.types("battery staple\rbattery staple\r");
    session.types("?");
    session.types("192.0.2.10\r192.0.2.10/24\r");
    session.types("192.0.3.1\r192.0.2.1\r");
    session.types("\r192.0.2.53\r");
    session.types("\rEurope/Berlin\r");
    session.types("pbx.example\rback\r192.0.2.20\r\rcauseway\rsecret of the trunk\r");
    session.types("+4930555009\r");
    session.types("yes\r");
    session.types("2\r");
    session.types("trunk ch?");
    session.types("\tp\t\x15set box nme Foyer\r");
    session.types("\x1b[A\x1b[1;5D\x1b[D\x1b[D\x1b[Da\rcommit confirm 10\rconfirm\rexit\r");
    let said: String = session
        .screen
        .lines()
        .iter()
        .flat_map(|l| [l.as_str(), "\n"])
        .collect();
    let now = format!("{BEFORE}{}{AFTER}", said.trim_start_matches('\n'));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../FIRST_START.md");
    if env::var_os("CAUSEWAY_BLESS").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert_eq!(kept, now, "CAUSEWAY_BLESS=1 writes it anew");
}
