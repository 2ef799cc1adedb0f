//! The box's API and the page of the first set-up, with a program that plays the box's own service on a Unix socket. The real
//! service is asked in the tests of the box.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_harness::config::ADMIN_KEY;
use causeway_harness::place::TempFolder;
use causeway_harness::program::Program;
use causeway_harness::{BoxPlan, BoxProcess, Browser, https, place};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::process::Command;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(15);
/// What the service says is in force.
const DOCUMENT: &str = "[box]\nname = \"lobby\"\n";

/// A box's service that answers as it is told, and remembers what it was asked.
struct Service {
    path: PathBuf,
    asked: Arc<Mutex<Vec<Value>>>,
    folder: TempFolder,
}

impl Service {
    fn start(answer: fn(&Value, &Path) -> Vec<Value>) -> Self {
        let folder = TempFolder::new("box-service").unwrap();
        let path = folder.path().join("box.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (heard, made) = (asked.clone(), folder.path().to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, heard.clone(), answer, made.clone()));
            }
        });
        Self {
            path,
            asked,
            folder,
        }
    }

    fn asked(&self, verb: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|a| a["do"] == verb).cloned().collect()
    }
}

async fn talk(
    stream: UnixStream,
    heard: Arc<Mutex<Vec<Value>>>,
    answer: fn(&Value, &Path) -> Vec<Value>,
    folder: PathBuf,
) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut author = Value::Null;
    while let Ok(Some(line)) = lines.next_line().await {
        let mut said: Value = serde_json::from_str(&line).unwrap();
        if said["hello"].is_object() {
            author = said["hello"]["author"].clone();
            continue;
        }
        let answers = answer(&said, &folder);
        said["by"] = author.clone();
        heard.lock().unwrap().push(said);
        for answer in answers {
            writer
                .write_all(format!("{answer}\n").as_bytes())
                .await
                .unwrap();
        }
    }
}

/// A service with revision 3 in force.
fn configured(request: &Value, folder: &Path) -> Vec<Value> {
    let done = |value: Value| vec![json!({"say": "So it is.\n"}), json!({ "done": value })];
    let failed = |code: &str, why: &str| vec![json!({"failed": {"code": code, "why": why}})];
    match request["do"].as_str().unwrap() {
        "export" => done(json!({"text": DOCUMENT, "revision": 3})),
        "show" => done(json!({"settings": [], "revision": 3})),
        "import" if request["text"] == "bad" => failed("invalid", "line 1: no document"),
        "commit" if request["comment"] == "late" => failed("moved", "revision 4 came meanwhile"),
        "commit" => done(json!({"revision": 4, "trial_s": 300})),
        "check_password" if request["password"] != "old one" => {
            failed("wrong_password", "not the password")
        }
        "update" => {
            let source = request["source"].as_str().unwrap();
            let length = std::fs::metadata(source).map_or(0, |found| found.len());
            vec![
                json!({"progress": {"percent": 50, "what": "writing slot b"}}),
                json!({"say": "Checked.\n"}),
                json!({"done": {"octets": length}}),
            ]
        }
        "support_bundle" => {
            let path = folder.join("bundle.tar.zst");
            std::fs::write(&path, vec![7; 200_000]).unwrap();
            done(json!({"path": path}))
        }
        _ => done(json!({})),
    }
}

/// A request as it is, and the whole answer.
async fn send(at: SocketAddr, line: &str, headers: &[&str], body: &[u8]) -> (u16, String) {
    let tcp = TcpStream::connect(at).await.unwrap();
    let connector = TlsConnector::from(Arc::new(https::trusting().unwrap()));
    let name = ServerName::from(at.ip());
    let mut stream = connector.connect(name, tcp).await.unwrap();
    let mut text = format!("{line} HTTP/1.0\r\nHost: {at}\r\n");
    for header in headers {
        text += &format!("{header}\r\n");
    }
    if !text.contains("Content-Length") {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut octets = Vec::new();
    let reading = stream.read_to_end(&mut octets);
    let _ = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("an end");
    let text = String::from_utf8_lossy(&octets).into_owned();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text)
}

#[tokio::test]
async fn the_api_configures_the_box_updates_it_and_gives_its_bundle() {
    let service = Service::start(configured);
    let pbx = SocketAddr::from(([127, 0, 0, 1], place::free_port().unwrap()));
    let mut plan = BoxPlan::new(pbx).unwrap();
    let socket = service.path.display().to_string();
    plan.arguments = vec!["--box-socket".to_owned(), socket];
    let causeway = BoxProcess::start(plan).await.unwrap();
    let at = causeway.https();
    let key = format!("Authorization: Bearer {ADMIN_KEY}");
    let key = key.as_str();
    let json_body = "Content-Type: application/json";

    // Nobody else is let in.
    let (status, _) = send(at, "GET /api/v1/box/status", &[], b"").await;
    assert_eq!((status, service.asked("status").len()), (401, 0));
    let (status, text) = send(at, "GET /api/v1/box/status", &[key], b"").await;
    assert!(status == 200 && text.contains("So it is."), "{text}");

    // What is in force, with the tag that a change has to name.
    let (status, text) = send(at, "GET /api/v1/box/configuration", &[key], b"").await;
    assert!(status == 200 && text.ends_with(DOCUMENT), "{text}");
    assert!(text.contains("etag: \"3\""), "{text}");
    let draft = "PUT /api/v1/box/draft";
    assert_eq!(send(at, draft, &[key], b"x").await.0, 428);
    let stale = [key, "If-Match: \"2\""];
    assert_eq!(send(at, draft, &stale, b"x").await.0, 412);
    assert_eq!(service.asked("import").len(), 0);
    let fresh = [key, "If-Match: \"3\"", "Causeway-Author: anna"];
    assert_eq!(send(at, draft, &fresh, DOCUMENT.as_bytes()).await.0, 200);
    let imported = &service.asked("import")[0];
    assert_eq!(
        (&imported["text"], &imported["by"]),
        (&DOCUMENT.into(), &"anna".into())
    );
    let (status, text) = send(at, draft, &fresh, b"bad").await;
    assert!(
        status == 422 && text.contains("line 1: no document"),
        "{text}"
    );

    // Single settings, and a trial.
    let fresh = [key, "If-Match: \"3\"", json_body];
    let changes = json!({"changes": [
        {"path": ["box", "name"], "value": "hall"},
        {"path": ["trunk", "old"]},
    ]});
    let changes = changes.to_string();
    let answer = send(at, "PATCH /api/v1/box/draft", &fresh, changes.as_bytes()).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
    assert_eq!(service.asked("set")[0]["value"], "hall");
    assert_eq!(service.asked("delete")[0]["path"], json!(["trunk", "old"]));
    let commit = "POST /api/v1/box/commit";
    let trial = br#"{"comment": "new name", "confirm_minutes": 5}"#;
    let (status, text) = send(at, commit, &fresh, trial).await;
    assert!(status == 200 && text.contains("\"trial_s\":300"), "{text}");
    assert_eq!(service.asked("commit")[0]["confirm_minutes"], 5);
    let (status, text) = send(at, commit, &fresh, br#"{"comment": "late"}"#).await;
    assert!(status == 412 && text.contains("revision 4"), "{text}");
    let confirmed = send(at, "POST /api/v1/box/confirm", &[key], b"").await;
    assert_eq!((confirmed.0, service.asked("confirm").len()), (200, 1));

    // An update comes in, is told of step by step, and leaves nothing behind.
    let update = "POST /api/v1/box/update?force=the%20old%20one%20was%20better";
    let (status, text) = send(at, update, &[key], &vec![1; 300_000]).await;
    let told = "event: progress\ndata: {\"percent\":50,\"what\":\"writing slot b\"}\n\n";
    assert!(status == 200 && text.contains(told), "{text}");
    assert!(
        text.ends_with("event: done\ndata: {\"octets\":300000}\n\n"),
        "{text}"
    );
    assert_eq!(
        service.asked("update")[0]["force"],
        "the old one was better"
    );
    let uploads = causeway.folder().join("state/uploads");
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
    let huge = "Content-Length: 600000000";
    let (status, _) = send(at, "POST /api/v1/box/update", &[key, huge], b"").await;
    assert_eq!(status, 413);
    let by_url = br#"{"url": "http://updates.example/1"}"#;
    let (status, _) = send(at, "POST /api/v1/box/update", &[key, json_body], by_url).await;
    assert_eq!(status, 422);

    let (status, text) = send(at, "POST /api/v1/box/support-bundle", &[key], b"").await;
    assert!(status == 200 && text.contains("filename=\"bundle.tar.zst\""));
    assert_eq!(text.matches('\u{7}').count(), 200_000);

    let wrong = br#"{"old": "no", "new": "a new sentence"}"#;
    let password = "POST /api/v1/box/password";
    assert_eq!(send(at, password, &[key, json_body], wrong).await.0, 403);
    assert_eq!(service.asked("password").len(), 0);

    // A service that is away is told apart from a bad question.
    std::fs::remove_file(&service.path).unwrap();
    assert_eq!(send(at, "GET /api/v1/box/status", &[key], b"").await.0, 502);
    causeway.stop().await.unwrap();
    drop(service.folder);
}

/// A service of a box that nobody has set up, with the code `ABCD-2345`.
fn new_box(request: &Value, _: &Path) -> Vec<Value> {
    assert_eq!(
        request["do"], "set_up",
        "nothing else is asked for the page"
    );
    match request["code"].as_str().unwrap() {
        "ABCD-2345" => vec![
            json!({"say": "Revision 1 is in force.\n"}),
            json!({"done": {"revision": 1, "guarded": true}}),
        ],
        "closed" => vec![json!({"failed": {"code": "closed", "why": "too many wrong codes"}})],
        _ => vec![
            json!({"failed": {"code": "wrong_code", "why": "not the code; <4> tries are left"}}),
        ],
    }
}

async fn page(service: &Service) -> (Program, SocketAddr) {
    let at = SocketAddr::from(([127, 0, 0, 1], place::free_port().unwrap()));
    let mut command = Command::new(place::program("causewayd").unwrap());
    command
        .args(["--set-up", "--box-socket"])
        .arg(&service.path)
        .args(["--https", &at.to_string(), "--state"])
        .arg(service.folder.path().join("state"));
    let program = Program::start("causewayd --set-up", command, None).unwrap();
    let ready = program.logged(Default::default(), "its page", PATIENCE, |line| {
        line.contains("the page of the first set-up")
    });
    ready.await.unwrap();
    (program, at)
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn answers(code: &str) -> Vec<u8> {
    format!(
        "code={code}&password=a+good+sentence&repeat=a+good+sentence&ipv4=dhcp&ipv6=auto&time=pool.ntp.org&zone=UTC\
         &trunk=192.0.2.20&transport=udp&username=box&secret=hush+hush"
    )
    .into_bytes()
}

#[tokio::test]
async fn a_new_box_serves_one_page_that_sets_it_up_by_the_console_s_code() {
    let service = Service::start(new_box);
    let (program, at) = page(&service).await;
    let (status, text) = send(at, "GET /", &[], b"").await;
    assert!(
        status == 200 && text.contains("<form method=\"post\""),
        "{text}"
    );
    assert!(
        text.contains("form-action 'self'") && !text.contains("<script"),
        "{text}"
    );
    for path in [
        "/healthz",
        "/api/v1/status",
        "/api/v1/box/status",
        "/preflight",
        "/sdk/v1/causeway.js",
    ] {
        let (status, _) = send(at, &format!("GET {path}"), &[], b"").await;
        assert_eq!(status, 404, "{path}");
    }

    // A wrong code: the form again, without the secrets, and what the service says is text.
    let (status, text) = send(at, "POST /", &[FORM], &answers("WRONG")).await;
    assert!(
        status == 403 && text.contains("&lt;4&gt; tries are left"),
        "{text}"
    );
    assert!(text.contains("value=\"192.0.2.20\""), "{text}");
    assert!(
        !text.contains("good sentence") && !text.contains("hush"),
        "{text}"
    );
    let short = String::from_utf8(answers("ABCD-2345")).unwrap();
    let short = short.replace("repeat=a+good", "repeat=another");
    let (status, _) = send(at, "POST /", &[FORM], short.as_bytes()).await;
    assert_eq!((status, service.asked("set_up").len()), (422, 1));

    let (status, text) = send(at, "POST /", &[FORM], &answers("ABCD-2345")).await;
    assert!(
        status == 200 && text.contains("The box is set up"),
        "{text}"
    );
    let settings = &service.asked("set_up")[1]["settings"];
    let first = json!({"path": ["admin", "password"], "value": "a good sentence", "secret": true});
    assert_eq!(settings[0], first);
    let secret =
        json!({"path": ["trunk", "pbx", "password"], "value": "hush hush", "secret": true});
    assert!(settings.as_array().unwrap().contains(&secret), "{settings}");
    // It is over: nothing more is asked of the service.
    let (_, text) = send(at, "POST /", &[FORM], &answers("ABCD-2345")).await;
    assert!(text.contains("The box is set up"), "{text}");
    assert_eq!(service.asked("set_up").len(), 2);
    program.stop().await.unwrap();
}

#[tokio::test]
async fn a_page_that_the_service_has_closed_stays_closed() {
    let service = Service::start(new_box);
    let (program, at) = page(&service).await;
    let (_, text) = send(at, "POST /", &[FORM], &answers("closed")).await;
    assert!(text.contains("This page is closed"), "{text}");
    let (_, text) = send(at, "GET /", &[], b"").await;
    assert!(
        text.contains("too many wrong codes") && !text.contains("<form"),
        "{text}"
    );
    program.stop().await.unwrap();
}

#[tokio::test]
async fn administrators_have_a_door_of_their_own_at_the_same_port() {
    let pbx = SocketAddr::from(([127, 0, 0, 1], place::free_port().unwrap()));
    let mut plan = BoxPlan::new(pbx).unwrap();
    // Callers' door is at every address, as on a box; 127.0.0.2 is for administrators alone.
    let port = plan.https.port();
    plan.https = SocketAddr::from(([0, 0, 0, 0], port));
    plan.extra = format!("management = \"127.0.0.2:{port}\"\n");
    plan.arguments = vec!["--box-socket".to_owned(), "/nowhere".to_owned()];
    let folder = TempFolder::new("doors").unwrap();
    let config = folder.path().join("causeway.toml");
    std::fs::write(&config, plan.to_toml()).unwrap();
    let mut command = Command::new(place::program("causewayd").unwrap());
    command
        .arg("--config")
        .arg(&config)
        .arg("--state")
        .arg(folder.path());
    let program = Program::start("causewayd", command, None).unwrap();
    let ready = program.logged(Default::default(), "that it listens", PATIENCE, |line| {
        line.contains("listening")
    });
    ready.await.unwrap();
    let callers = SocketAddr::from(([127, 0, 0, 1], port));
    let administrators = SocketAddr::from(([127, 0, 0, 2], port));
    let key = format!("Authorization: Bearer {ADMIN_KEY}");
    for (path, theirs) in [
        ("/preflight", callers),
        ("/sdk/v1/causeway.js", callers),
        ("/metrics", administrators),
        ("/api/v1/trunks", administrators),
        ("/api/v1/openapi.json", administrators),
    ] {
        for at in [callers, administrators] {
            let (status, _) = send(at, &format!("GET {path}"), &[&key], b"").await;
            let expected = if at == theirs { 200 } else { 404 };
            assert_eq!(status, expected, "{path} at {at}");
        }
    }
    program.stop().await.unwrap();
}

#[tokio::test]
async fn a_browser_fills_the_page_in_and_sends_it() {
    let service = Service::start(new_box);
    let (program, at) = page(&service).await;
    let mut browser = Browser::chromium("/dev/null").await.unwrap();
    browser.open(&format!("https://{at}/")).await.unwrap();
    let labelled =
        "[...document.querySelectorAll('input')].every(field => field.labels.length === 1)";
    assert_eq!(browser.evaluate(labelled).await.unwrap(), true);
    // The policy lets its own style sheet in.
    let styled = "getComputedStyle(document.querySelector('main')).maxWidth";
    assert_eq!(browser.evaluate(styled).await.unwrap(), "640px");
    let fill = |code: &str| {
        format!(
            "for (const [id, value] of [['code', '{code}'], ['password', 'a good sentence'], ['repeat', 'a good sentence']]) \
             document.getElementById(id).value = value; document.querySelector('button').click();"
        )
    };
    browser.run(&fill("WRONG")).await.unwrap();
    let told = "document.querySelector('[role=alert]')?.textContent.includes('tries are left') \
                && document.activeElement?.id === 'code'";
    shows(&browser, told).await;
    browser.run(&fill("ABCD-2345")).await.unwrap();
    let over = "document.querySelector('h1')?.textContent === 'The box is set up'";
    shows(&browser, over).await;
    let settings = &service.asked("set_up")[1]["settings"];
    let zone = json!({"path": ["time", "zone"], "value": "UTC", "secret": false});
    assert!(settings.as_array().unwrap().contains(&zone), "{settings}");
    browser.stop().await.unwrap();
    program.stop().await.unwrap();
}

/// Waits until this is true of the page; one that is left meanwhile answers nothing.
async fn shows(browser: &Browser, expression: &str) {
    let shown = async {
        while browser.evaluate(expression).await.ok() != Some(Value::Bool(true)) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let shown = tokio::time::timeout(PATIENCE, shown).await;
    shown.expect("the page shows it");
}
