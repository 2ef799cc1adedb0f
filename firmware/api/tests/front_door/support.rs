//! A box's API without a box: the test plays the switch and the store.

use causeway_api::limits::Limits;
use causeway_api::lookup::{ContextRecord, Lookup};
use causeway_api::relay::{Carrying, MediaRelay, Stream};
use causeway_api::request::{Identity, Request, SessionSender};
use causeway_api::{Api, ApiSettings, Audience, Door, Health, Probes, TokenKey, serve};
use causeway_call::quality::{CallQuality, Judged, Way};
use causeway_call::record::{CallDirection, CallRecord};
use causeway_directory::{Config, Directory, SecretHash};
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub const ADMIN: &str = "the-admin-key-of-this-test";
/// Nothing in these tests takes longer.
pub const PATIENCE: Duration = Duration::from_secs(10);
pub const SHOP: &str = "https://shop.example";

pub fn key() -> TokenKey {
    TokenKey::new([42; 32])
}

fn directory() -> Arc<Directory> {
    let text = format!(
        r#"
[box]
name = "test box"
https = "127.0.0.1:8443"
media = "127.0.0.1:8444"
admin_key_sha256 = "{admin}"
demo_app = "demo"
[sip]
udp = "127.0.0.1:5060"
[rtp]
address = "127.0.0.1"
ports = "20000-20099"
[[account]]
id = "anna@example.com"
[[app]]
key = "shop"
secret_sha256 = ["{secret}"]
origins = ["https://shop.example"]
destinations = ["*"]
accounts = ["*@example.com"]
caller_id = "100"
[[app]]
key = "demo"
secret_sha256 = ["{secret}"]
origins = ["https://other.example"]
destinations = ["*"]
accounts = ["anna@example.com"]
caller_id = "101"
"#,
        admin = SecretHash::of(ADMIN).to_hex(),
        secret = SecretHash::of(SECRET).to_hex(),
    );
    Arc::new(Directory::new(Config::parse(&text).unwrap()))
}

/// A relay that names the page's host and how often it was asked, and says of a stream how it came and its first octets.
#[derive(Debug, Default)]
struct PlayedRelay(AtomicU64);

impl MediaRelay for PlayedRelay {
    fn servers(&self, host: Option<&str>) -> Value {
        let asked = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        json!([{"urls": [host], "username": asked}])
    }

    fn carry(&self, mut stream: Box<dyn Stream>, _: SocketAddr, tls: bool) -> Carrying {
        Box::pin(async move {
            let mut octets = [0; 8];
            if stream.read_exact(&mut octets).await.is_ok() {
                let how: &[u8] = if tls { b"tls " } else { b"tcp " };
                let _ = stream.write_all(&[how, &octets].concat()).await;
                let _ = stream.shutdown().await;
            }
        })
    }
}

/// The server and the far ends of its channels.
pub struct TestServer {
    pub address: SocketAddr,
    pub requests: mpsc::Receiver<Request>,
    pub api: Api,
    pub stop: watch::Sender<bool>,
    pub directory: watch::Sender<Arc<Directory>>,
    pub serving: tokio::task::JoinHandle<()>,
    /// What a switch would hold; to drop one closes its session.
    outs: Vec<SessionSender>,
    roots: Arc<rustls::ClientConfig>,
    own: Arc<rustls::ServerConfig>,
}

impl TestServer {
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// Starts with some limits changed.
    pub async fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = own.cert.der().clone();
        let private = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], private)
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let roots = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (directory_out, directory_in) = watch::channel(directory());
        let (switch, requests) = mpsc::channel(64);
        let (records, questions) = mpsc::channel(8);
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(play_store(questions));
        let api = Api::new(ApiSettings {
            directory: directory_in,
            token_key: key(),
            switch,
            records,
            probes: Probes {
                health: Box::new(|| Health {
                    healthy: true,
                    detail: json!({"switch": "ok"}),
                }),
                metrics: Box::new(|out| out.push_str("causeway_test 1\n")),
            },
            relay: Some(Arc::new(PlayedRelay::default())),
            box_service: None,
            stopping,
            limits,
        });
        let tls = Arc::new(tls);
        let door = Door::new(listener, Audience::Everybody);
        let serving = tokio::spawn(serve(door, tls.clone(), api.clone()));
        Self {
            own: tls,
            address,
            requests,
            api,
            stop,
            directory: directory_out,
            serving,
            outs: Vec::new(),
            roots: Arc::new(roots),
        }
    }

    /// One more door, for an audience; the server is asked there from now on.
    pub async fn turn_to(&mut self, audience: Audience) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.address = listener.local_addr().unwrap();
        self.serve(Door::new(listener, audience));
    }

    pub fn serve(&self, door: Door) {
        tokio::spawn(serve(door, self.own.clone(), self.api.clone()));
    }

    pub async fn tls(&self) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        tokio_rustls::TlsConnector::from(self.roots.clone())
            .connect(ServerName::try_from("localhost").unwrap(), tcp)
            .await
            .unwrap()
    }

    /// Sends a request's text and reads the answer to its end.
    pub async fn raw(&self, request: &str) -> Answer {
        let mut stream = self.tls().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer::read(stream).await
    }

    /// A request with headers (`Name: value`) and perhaps a body.
    pub async fn http(&self, line: &str, headers: &[&str], body: Option<&str>) -> Answer {
        let mut text = format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        if let Some(body) = body {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body.unwrap_or(""));
        self.raw(&text).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.http(&format!("GET {path}"), &[], None).await
    }

    pub async fn admin(&self, path: &str) -> Answer {
        let authorization = format!("Authorization: Bearer {ADMIN}");
        self.http(&format!("GET {path}"), &[&authorization], None)
            .await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.http(
            &format!("POST {path}"),
            &["Content-Type: application/json"],
            Some(&body.to_string()),
        )
        .await
    }

    /// A token of the shop.
    pub async fn token(&self) -> String {
        self.token_with(json!({})).await
    }

    /// A token of the shop with more fields.
    pub async fn token_with(&self, more: Value) -> String {
        let mut asked = json!({"app": "shop", "secret": SECRET});
        for (name, value) in more.as_object().unwrap() {
            asked[name] = value.clone();
        }
        let answer = self.post("/api/v1/tokens", &asked).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Opens a WebSocket.
    pub async fn socket(&self, origin: Option<&str>) -> Client {
        let mut request = format!("wss://{}/api/v1/ws", self.address)
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", "causeway.v1".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert("Origin", origin.parse().unwrap());
        }
        let (socket, _) = client_async(request, self.tls().await).await.unwrap();
        Client { socket }
    }

    /// Opens a WebSocket and says a good hello.
    pub async fn session(&mut self) -> Client {
        let token = self.token().await;
        let mut client = self.socket(Some(SHOP)).await;
        client.hello(&token).await;
        assert_eq!(client.receive().await["type"], "welcome");
        self.opened().await;
        client
    }

    /// The next request must be a session's opening.
    pub async fn opened(&mut self) -> Identity {
        let Request::Opened { identity, out, .. } = self.request().await else {
            panic!("no session was opened");
        };
        self.outs.push(out);
        identity
    }

    /// The next request of the API to the switch.
    pub async fn request(&mut self) -> Request {
        timeout(PATIENCE, self.requests.recv())
            .await
            .expect("no request came")
            .unwrap()
    }
}

/// An HTTP answer.
pub struct Answer {
    pub status: u16,
    /// Lower-case names.
    pub headers: String,
    pub body: String,
}

impl Answer {
    async fn read(mut stream: TlsStream<TcpStream>) -> Self {
        let mut bytes = Vec::new();
        // The server closes; whether it says so in TLS is not asked here.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
            .await
            .expect("the answer does not end");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).map_or(0, |s| s.parse().unwrap());
        Self {
            status,
            headers: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            (found == name).then_some(value)
        })
    }

    /// Status and error code; the body must be the error form.
    pub fn error(&self) -> (u16, String) {
        let json = self.json();
        assert!(json["error"]["message"].is_string(), "{json}");
        let code = json["error"]["code"].as_str().unwrap();
        (self.status, code.to_owned())
    }
}

/// A page.
pub struct Client {
    socket: WebSocketStream<TlsStream<TcpStream>>,
}

impl Client {
    pub async fn send(&mut self, message: Value) {
        self.send_raw(Message::text(message.to_string())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends as far as the other side still listens.
    pub async fn try_send(&mut self, message: Value) -> bool {
        let text = Message::text(message.to_string());
        self.socket.send(text).await.is_ok()
    }

    pub async fn hello(&mut self, token: &str) {
        self.send(json!({"type": "hello", "id": 1, "version": 1, "token": token}))
            .await;
    }

    async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.socket.next())
            .await
            .expect("the box says nothing")
            .expect("the connection ended without a close")
            .expect("the connection broke")
    }

    /// The next message; pings are answered below.
    pub async fn receive(&mut self) -> Value {
        loop {
            match self.next().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a message: {other:?}"),
            }
        }
    }

    /// The next message must be this error.
    pub async fn expect_error(&mut self, id: Option<u64>, code: &str) -> String {
        let message = self.receive().await;
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(message["code"], code, "{message}");
        assert_eq!(message["id"].as_u64(), id, "{message}");
        message["message"].as_str().unwrap().to_owned()
    }

    /// Reads on until the box closes, and gives its code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.unwrap().code.into();
            }
        }
    }

    /// Does not read for a while.
    pub async fn sleep(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn heard(mos: f32) -> Judged {
    Judged {
        mos,
        mos_in: 4.4,
        mos_out: None,
        expected: 250,
        lost: 2,
        concealed: 1,
        loss_out: None,
        delay_ms: 60.0,
    }
}

async fn play_store(mut questions: mpsc::Receiver<Lookup>) {
    let record = |id: &str| CallRecord::begun(id, CallDirection::FromBrowser, "100", 1_000);
    while let Some(question) = questions.recv().await {
        match question {
            Lookup::Calls { query, reply } => {
                let found = (0..query.limit.min(3))
                    .map(|n| record(&format!("c{n}")))
                    .collect();
                let _ = reply.send(Ok(found));
            }
            Lookup::Call { id, reply } => {
                let mut kept = record("kept");
                let mut quality = CallQuality::default();
                quality.note(Way::ToPbx, &heard(4.371));
                quality.note(Way::ToPbx, &heard(2.0));
                kept.quality = Some(quality);
                let found = (id == "kept").then_some(kept);
                let _ = reply.send(Ok(found));
            }
            Lookup::Context { token, reply } => {
                let found = (token == "known").then(|| ContextRecord {
                    token,
                    call: "kept".into(),
                    app: Some("shop".into()),
                    created_at: 0,
                    expires_at: 86_400_000,
                    context: json!({"cart": 3}).as_object().unwrap().clone(),
                });
                let _ = reply.send(Ok(found));
            }
        }
    }
}
