//! The store by its own front door: records in, questions out.

use super::*;
use causeway_api::lookup::{CallFilter, CallQuery, Cursor, Lookup, LookupSender};
use causeway_call::quality::{CallQuality, Scores, WayQuality};
use causeway_call::record::{CallDirection, CallPicture, CallRecord, LegPackets, WayPicture};
use serde_json::json;
use tokio::sync::oneshot;

/// A folder of its own for a test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("causeway-store-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn database(&self) -> PathBuf {
        self.0.join("causeway.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn record(id: &str, to: &str, placed_at: i64) -> CallRecord {
    CallRecord {
        ended_at: Some(placed_at + 5000),
        ..CallRecord::begun(id, CallDirection::FromBrowser, to, placed_at)
    }
}

fn quality() -> WayQuality {
    let scores = Scores {
        last: 4.37,
        worst: 2.5,
        mean: 4.01,
    };
    WayQuality {
        mos: scores,
        mos_in: scores,
        mos_out: Some(scores),
        samples: 12,
        expected: 3000,
        lost: 31,
        concealed: 30,
        lost_out_percent: Some(0.25),
        delay_ms: 84.5,
    }
}

fn full() -> CallRecord {
    CallRecord {
        app: Some("shop".into()),
        account: Some("anna@example.com".into()),
        page: Some("https://shop.example/help".into()),
        origin: Some("https://shop.example".into()),
        from_number: Some("+4930555001".into()),
        trunk: Some("pbx".into()),
        sip_call_id: Some("abc@box".into()),
        ringing_at: Some(1_100),
        answered_at: Some(1_200),
        web_codec: Some("opus".into()),
        trunk_codec: Some("PCMA".into()),
        trunk_srtp: Some("AEAD_AES_256_GCM".into()),
        cause_code: Some("hangup".into()),
        cause_by: Some("remote".into()),
        sip_status: Some(200),
        reason: Some("Q.850;cause=16".into()),
        web: LegPackets {
            packets_in: 1,
            packets_out: 2,
            lost: 3,
            jitter_ms: 1.5,
        },
        trunk_leg: LegPackets {
            packets_in: 4,
            packets_out: 5,
            lost: u64::MAX,
            jitter_ms: 0.25,
        },
        quality: Some(CallQuality {
            to_browser: None,
            to_pbx: Some(quality()),
        }),
        picture: Some(CallPicture {
            to_browser: Some(WayPicture {
                frames: 150,
                key_frames: 2,
                lost: 3,
                dropped: 1,
                transcode_ms: 450,
            }),
            to_pbx: None,
        }),
        setup_ms: Some(321),
        browser_stats: Some(json!({"rtt_ms": 12.5})),
        // Far ahead: what is older than is kept goes soon after the store was opened.
        ..record("full", "100", 4_000_000_000_000)
    }
}

fn ask<T>(
    questions: &LookupSender,
    question: impl FnOnce(oneshot::Sender<Result<T, causeway_api::lookup::LookupError>>) -> Lookup,
) -> T {
    let (reply, answer) = oneshot::channel();
    questions.blocking_send(question(reply)).unwrap();
    answer.blocking_recv().unwrap().unwrap()
}

fn ids(questions: &LookupSender, query: CallQuery) -> Vec<String> {
    let calls = ask(questions, |reply| Lookup::Calls { query, reply });
    calls.into_iter().map(|c| c.id).collect()
}

fn query() -> CallQuery {
    CallQuery {
        limit: 100,
        ..CallQuery::default()
    }
}

#[test]
fn a_record_comes_back_as_it_went_even_after_a_restart() {
    let folder = Folder::new("restart");
    let (store, _) = Store::open(&folder.database()).unwrap();
    store.put_call(full());
    store.close();
    let (store, questions) = Store::open(&folder.database()).unwrap();
    let id = "full".to_owned();
    let found = ask(&questions, |reply| Lookup::Call { id, reply }).unwrap();
    let mut expected = full();
    // The most that SQLite can count to.
    expected.trunk_leg.lost = u64::try_from(i64::MAX).unwrap();
    assert_eq!(found, expected);
    let id = "other".to_owned();
    assert_eq!(ask(&questions, |reply| Lookup::Call { id, reply }), None);
    store.close();
}

#[test]
fn records_of_an_earlier_version_stay_and_know_no_quality() {
    let folder = Folder::new("earlier");
    let (store, _) = Store::open(&folder.database()).unwrap();
    store.put_call(full());
    store.close();
    let connection = Connection::open(folder.database()).unwrap();
    connection
        .execute_batch(
            "ALTER TABLE calls DROP COLUMN quality; ALTER TABLE calls DROP COLUMN picture;
             PRAGMA user_version = 2",
        )
        .unwrap();
    drop(connection);
    let (store, questions) = Store::open(&folder.database()).unwrap();
    let id = "full".to_owned();
    let found = ask(&questions, |reply| Lookup::Call { id, reply }).unwrap();
    assert_eq!((found.quality, found.picture), (None, None));
    assert_eq!(found.setup_ms, Some(321));
    store.close();
}

#[test]
fn a_list_is_newest_first_filtered_and_paged_without_gaps() {
    let folder = Folder::new("list");
    let (store, questions) = Store::open(&folder.database()).unwrap();
    for (id, to, at) in [
        ("a", "100", 10),
        ("b", "100", 20),
        ("c", "200", 20),
        ("d", "100", 30),
    ] {
        store.put_call(record(id, to, at));
    }
    store.put_call(CallRecord::begun("e", CallDirection::ToBrowser, "100", 40));
    store.close();
    assert_eq!(ids(&questions, query()), ["e", "d", "c", "b", "a"]);
    let first = CallQuery {
        limit: 3,
        ..query()
    };
    assert_eq!(ids(&questions, first), ["e", "d", "c"]);
    // Two calls of one millisecond stand on either side of a page's end.
    let behind = |text: &str| CallQuery {
        before: Cursor::parse(text),
        ..query()
    };
    assert_eq!(ids(&questions, behind("20-c")), ["b", "a"]);
    assert_eq!(ids(&questions, behind("20")), ["a"]);
    let to = CallQuery {
        to: Some("200".into()),
        ..query()
    };
    assert_eq!(ids(&questions, to), ["c"]);
    let state = |state| CallQuery {
        state: Some(state),
        ..query()
    };
    assert_eq!(ids(&questions, state(CallFilter::Running)), ["e"]);
    assert_eq!(
        ids(&questions, state(CallFilter::Ended)),
        ["d", "c", "b", "a"]
    );
}

#[test]
fn a_call_cut_off_by_the_box_is_closed_at_the_next_start() {
    let folder = Folder::new("orphan");
    // Of today: what is older than the box keeps would be gone again.
    let begun = unix_ms() - 60_000;
    let (store, _) = Store::open(&folder.database()).unwrap();
    store.put_call(CallRecord {
        answered_at: Some(begun + 30),
        ..CallRecord::begun("x", CallDirection::FromBrowser, "100", begun)
    });
    store.close();
    let (_store, questions) = Store::open(&folder.database()).unwrap();
    let id = "x".to_owned();
    let found = ask(&questions, |reply| Lookup::Call { id, reply }).unwrap();
    assert_eq!(found.ended_at, Some(begun + 30));
    assert_eq!(found.cause_code.as_deref(), Some("failed"));
    assert_eq!(found.cause_by.as_deref(), Some("box"));
}

#[test]
fn a_context_is_shown_until_it_is_over() {
    let folder = Folder::new("context");
    let (store, questions) = Store::open(&folder.database()).unwrap();
    let context = |token: &str, expires_at| ContextRecord {
        token: token.into(),
        call: "c".into(),
        app: None,
        created_at: 1,
        expires_at,
        context: json!({"cart": [1, 2]}).as_object().unwrap().clone(),
    };
    let live = context("live", unix_ms() + 60_000);
    store.put_context(live.clone());
    store.put_context(context("over", unix_ms() - 1));
    store.close();
    let find = |token: &str| {
        let token = token.to_owned();
        ask(&questions, |reply| Lookup::Context { token, reply })
    };
    assert_eq!(find("live"), Some(live));
    assert_eq!(find("over"), None);
    assert_eq!(find("never"), None);
}

#[test]
fn a_broken_file_is_put_aside_and_the_box_starts() {
    let folder = Folder::new("broken");
    std::fs::write(folder.database(), "this is no database ".repeat(500)).unwrap();
    let (store, questions) = Store::open(&folder.database()).unwrap();
    store.put_call(full());
    store.close();
    assert_eq!(ids(&questions, query()), ["full"]);
    let aside = std::fs::read_dir(&folder.0).unwrap().any(|entry| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().contains(".broken-")
    });
    assert!(aside);
}

#[test]
fn a_newer_database_is_left_alone() {
    let folder = Folder::new("newer");
    let (store, _) = Store::open(&folder.database()).unwrap();
    store.close();
    let connection = Connection::open(folder.database()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let fault = Store::open(&folder.database()).unwrap_err();
    assert!(
        matches!(fault, StoreError::Newer { found: 99, .. }),
        "{fault}"
    );
    // A version that was rolled back serves all the same.
    let (store, lookups) = Store::open_or_temporary(&folder.database()).unwrap();
    store.close();
    drop(lookups);
    let connection = Connection::open(folder.database()).unwrap();
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 99);
    let _ = std::fs::remove_dir_all(
        std::env::temp_dir().join(format!("causeway-records-{}", std::process::id())),
    );
}

#[test]
fn nothing_waits_for_a_closed_store() {
    let folder = Folder::new("closed");
    let (store, _) = Store::open(&folder.database()).unwrap();
    store.close();
    store.close();
    store.put_call(full());
    let mut text = String::new();
    store.write_metrics(&mut text);
    assert!(text.contains("causeway_store_dropped_total 1"), "{text}");
}

#[test]
fn only_the_box_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    let (store, _) = Store::open(&folder.database()).unwrap();
    let mode = std::fs::metadata(folder.database())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    store.close();
}
