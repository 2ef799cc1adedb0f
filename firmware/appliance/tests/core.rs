//! The service without sockets: virtual time, a disk in memory, and the gateway's user as a peer.

mod boxd;

use boxd::memory::Memory;
use boxd::{PASSWORD, TRUNK_SECRET, first_set_up};
use causeway_appliance::service::{Moment, Peer, Service, Who};
use causeway_appliance::wire::{Request, read_request};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A service, its clock and its disks.
struct Core {
    service: Service<Memory>,
    revisions: Memory,
    private: Memory,
    now: Instant,
    drawn: u8,
}

impl Core {
    fn new() -> Self {
        Self::on(Memory::default(), Memory::default())
    }

    fn on(revisions: Memory, private: Memory) -> Self {
        let now = Instant::now();
        let moment = Moment {
            now,
            at: 1_800_000_000,
            lots: &mut |octets| octets.fill(7),
        };
        let service = Service::open(revisions.clone(), private.clone(), moment).unwrap();
        Self {
            service,
            revisions,
            private,
            now,
            drawn: 0,
        }
    }

    /// The code of the refusal, or `done`.
    fn asks(&mut self, peer: Peer, request: Value) -> (String, Value) {
        let request: Request = read_request(&request.to_string()).unwrap();
        let who = Who {
            peer,
            author: "somebody".to_owned(),
        };
        let drawn = &mut self.drawn;
        let moment = Moment {
            now: self.now,
            at: 1_800_000_000,
            lots: &mut |octets| {
                for octet in octets {
                    *drawn = drawn.wrapping_mul(5).wrapping_add(1);
                    *octet = *drawn;
                }
            },
        };
        let reply = self.service.handle_request(&who, &request, moment);
        match reply.unwrap().result {
            Ok(value) => ("done".to_owned(), value),
            Err(refusal) => (refusal.code.to_owned(), json!(refusal.why)),
        }
    }

    fn code_of(&mut self, peer: Peer, request: Value) -> String {
        self.asks(peer, request).0
    }

    fn passes(&mut self, length: Duration) -> &mut Self {
        self.now += length;
        self
    }
}

fn set_up_with(code: &str) -> Value {
    let mut request = first_set_up();
    request["code"] = json!(code);
    request
}

#[test]
fn the_page_sets_the_box_up_with_the_code_that_the_console_shows() {
    let mut core = Core::new();
    let code = core.service.code().unwrap().to_owned();
    assert_eq!(code.len(), 9, "{code}");
    assert_eq!(core.code_of(Peer::Gateway, first_set_up()), "wrong_code");
    assert_eq!(
        core.code_of(
            Peer::Gateway,
            set_up_with(&code.to_lowercase().replace('-', " "))
        ),
        "done"
    );
    assert!(core.service.is_guarded());
    assert_eq!(core.service.code(), None);
    // Once; then the password is asked for.
    assert_eq!(
        core.code_of(Peer::Gateway, set_up_with(&code)),
        "wrong_password"
    );
    let mut again = first_set_up();
    again["password"] = json!(PASSWORD);
    assert_eq!(core.code_of(Peer::Gateway, again), "done");
}

#[test]
fn five_wrong_codes_close_the_page_until_the_next_start() {
    let mut core = Core::new();
    let code = core.service.code().unwrap().to_owned();
    for _ in 0..5 {
        assert_eq!(
            core.code_of(Peer::Gateway, set_up_with("AAAA-AAAA")),
            "wrong_code"
        );
    }
    assert_eq!(core.code_of(Peer::Gateway, set_up_with(&code)), "closed");
    assert_eq!(core.service.code(), None);
    let mut core = Core::on(core.revisions, core.private);
    let code = core.service.code().unwrap().to_owned();
    assert_eq!(core.code_of(Peer::Gateway, set_up_with(&code)), "done");
}

#[test]
fn a_trial_ends_at_its_time() {
    let mut core = Core::new();
    core.code_of(Peer::Root, first_set_up());
    let before = core.service.text().to_owned();
    core.code_of(
        Peer::Root,
        json!({ "do": "set", "path": ["box", "name"], "value": "lobby" }),
    );
    core.code_of(Peer::Root, json!({ "do": "commit", "confirm_minutes": 5 }));
    assert!(core.service.text().contains("lobby"));
    core.passes(Duration::from_secs(299));
    assert_eq!(core.service.handle_timeout(core.now), None);
    core.passes(Duration::from_secs(1));
    let reverted = core.service.handle_timeout(core.now).unwrap();
    assert_eq!((reverted.from, reverted.to), (2, 1));
    assert_eq!(core.service.text(), before);
    assert_eq!(core.service.poll_timeout(), None);
}

#[test]
fn guesses_are_slowed_down_and_one_peers_do_not_lock_another_out() {
    let mut core = Core::new();
    core.code_of(Peer::Root, first_set_up());
    let guess = || json!({ "do": "check_password", "password": "a wrong sentence" });
    let right = || json!({ "do": "check_password", "password": PASSWORD });
    for _ in 0..3 {
        assert_eq!(core.code_of(Peer::Gateway, guess()), "wrong_password");
    }
    assert_eq!(core.code_of(Peer::Gateway, right()), "wait");
    assert_eq!(core.code_of(Peer::Root, right()), "done");
    core.passes(Duration::from_secs(1));
    assert_eq!(core.code_of(Peer::Gateway, guess()), "wrong_password");
    core.passes(Duration::from_secs(1));
    assert_eq!(core.code_of(Peer::Gateway, right()), "wait");
    core.passes(Duration::from_secs(1));
    assert_eq!(core.code_of(Peer::Gateway, right()), "done");
}

#[test]
fn a_full_disk_refuses_commits_and_leaves_what_is_in_force() {
    let mut core = Core::new();
    core.code_of(Peer::Root, first_set_up());
    let before = core.service.text().to_owned();
    core.revisions.fills(true);
    core.private.fills(true);
    core.code_of(
        Peer::Root,
        json!({ "do": "set", "path": ["trunk", "pbx", "password"], "value": "another" }),
    );
    let (code, why) = core.asks(Peer::Root, json!({ "do": "commit" }));
    assert_eq!(code, "disk", "{why}");
    assert_eq!(
        core.code_of(
            Peer::Root,
            json!({ "do": "password", "password": "another sentence" })
        ),
        "disk"
    );
    assert_eq!(core.service.text(), before);
    // The draft is there still, for when there is room.
    core.revisions.fills(false);
    core.private.fills(false);
    assert_eq!(core.code_of(Peer::Root, json!({ "do": "commit" })), "done");
    assert_eq!(
        core.code_of(
            Peer::Root,
            json!({ "do": "check_password", "password": PASSWORD })
        ),
        "done"
    );
}

#[test]
fn a_secret_goes_with_the_last_revision_that_names_it() {
    let hex: String = TRUNK_SECRET
        .bytes()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let mut core = Core::new();
    core.code_of(Peer::Root, first_set_up());
    assert!(core.private.contains(&hex));
    core.code_of(
        Peer::Root,
        json!({ "do": "delete", "path": ["trunk", "pbx"] }),
    );
    core.code_of(Peer::Root, json!({ "do": "commit" }));
    for number in 3..=50 {
        core.code_of(
            Peer::Root,
            json!({ "do": "set", "path": ["box", "name"], "value": format!("box{number}") }),
        );
        assert_eq!(core.code_of(Peer::Root, json!({ "do": "commit" })), "done");
    }
    assert!(
        core.private.contains(&hex),
        "revision 1 is the oldest of 50"
    );
    core.code_of(
        Peer::Root,
        json!({ "do": "set", "path": ["box", "name"], "value": "last" }),
    );
    core.code_of(Peer::Root, json!({ "do": "commit" }));
    assert!(!core.private.contains(&hex));
    assert!(!core.revisions.contains(TRUNK_SECRET));
}

#[test]
fn a_box_whose_secrets_are_damaged_goes_on_without_them() {
    use causeway_config::Disk as _;
    let mut core = Core::new();
    core.code_of(Peer::Root, first_set_up());
    core.private
        .write("secrets", b"causeway-secrets 1\nsha256 0\n")
        .unwrap();
    let mut core = Core::on(core.revisions, core.private);
    assert!(core.service.text().contains("192.0.2.20"));
    assert!(core.service.told().join("\n").contains("set anew"));
    core.code_of(
        Peer::Root,
        json!({ "do": "set", "path": ["trunk", "pbx", "password"], "value": "anew" }),
    );
    assert_eq!(core.code_of(Peer::Root, json!({ "do": "commit" })), "done");
}
