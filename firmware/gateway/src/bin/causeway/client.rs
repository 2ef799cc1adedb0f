//! One question to a box over HTTPS.

use crate::{Connection, Failure, trust};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);
/// No answer of a box is larger.
const LARGEST: usize = 16 * 1024 * 1024;
const KEY_VARIABLE: &str = "CAUSEWAY_ADMIN_KEY";

/// What the box said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The body as it came, for what is no text.
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.body).map_err(|_| {
            Failure::Unasked(format!(
                "status {} and no JSON: is this a box?",
                self.status
            ))
        })
    }

    /// The JSON of a good answer; the box's own sentence of a bad one.
    pub(crate) fn good(self) -> Result<Value, Failure> {
        let json = self.json()?;
        if (200..300).contains(&self.status) {
            return Ok(json);
        }
        Err(Failure::BadNews(self.sentence()))
    }

    /// What a bad answer says.
    pub(crate) fn sentence(&self) -> String {
        let json: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let text = |name: &str| json["error"][name].as_str().unwrap_or("").to_owned();
        format!("{} ({}, {})", text("message"), self.status, text("code"))
    }
}

/// `GET`, with the admin key when the question needs one.
pub(crate) async fn get(
    connection: &Connection,
    path: &str,
    with_key: bool,
) -> Result<Answer, Failure> {
    let key = if with_key {
        Some(admin_key(connection)?)
    } else {
        None
    };
    ask(connection, Method::GET, path, key.as_deref(), String::new()).await
}

/// `POST` of JSON.
pub(crate) async fn post(
    connection: &Connection,
    path: &str,
    body: &Value,
) -> Result<Answer, Failure> {
    ask(connection, Method::POST, path, None, body.to_string()).await
}

/// `POST` of JSON with the admin key.
pub(crate) async fn post_as_admin(
    connection: &Connection,
    path: &str,
    body: &Value,
) -> Result<Answer, Failure> {
    let key = admin_key(connection)?;
    ask(connection, Method::POST, path, Some(&key), body.to_string()).await
}

/// The secret in a file, without the line's end.
pub(crate) fn secret_of(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|fault| Failure::Unasked(format!("{}: {fault}", file.display())))?;
    let secret = text.trim();
    if secret.is_empty() || secret.contains(char::is_whitespace) {
        return Err(Failure::Unasked(format!(
            "{}: the file must hold the secret and nothing else",
            file.display()
        )));
    }
    Ok(secret.to_owned())
}

fn admin_key(connection: &Connection) -> Result<String, Failure> {
    if let Some(file) = &connection.admin_key_file {
        return secret_of(file);
    }
    match std::env::var(KEY_VARIABLE) {
        Ok(key) if !key.trim().is_empty() => Ok(key.trim().to_owned()),
        Ok(_) | Err(_) => Err(Failure::Unasked(format!(
            "this needs the admin key: give --admin-key-file or set {KEY_VARIABLE}"
        ))),
    }
}

async fn ask(
    connection: &Connection,
    method: Method,
    path: &str,
    key: Option<&str>,
    body: String,
) -> Result<Answer, Failure> {
    let unasked = |what: &str, fault: String| Failure::Unasked(format!("{what}: {fault}"));
    let url = &connection.url;
    let base: Uri = url
        .parse()
        .map_err(|fault| unasked(url, format!("no URL: {fault}")))?;
    let (Some("https"), Some(host)) = (base.scheme_str(), base.host()) else {
        return Err(unasked(
            url,
            "write it like https://box.example:8443".into(),
        ));
    };
    let port = base.port_u16().unwrap_or(443);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let authority = base.authority().map_or(host, |a| a.as_str());
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|_| unasked(url, "the host is no name and no address".into()))?;
    let tls = trust::connector(connection)?;
    let connected = async {
        let tcp = TcpStream::connect((bare, port)).await?;
        tls.connect(name, tcp).await
    };
    let stream = timeout(CONNECT, connected)
        .await
        .map_err(|_| unasked(url, "nobody answers".into()))?
        .map_err(|fault| unasked(url, trust::explain(&fault)))?;

    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, authority)
        .header(header::ACCEPT, "application/json");
    if let Some(key) = key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|fault| unasked("the question cannot be written", fault.to_string()))?;
    let answered = async {
        let (mut sender, driver) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(driver);
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        driver.abort();
        Ok::<_, hyper::Error>((status, body))
    };
    let (status, body) = timeout(ANSWER, answered)
        .await
        .map_err(|_| unasked(url, "no answer in time".into()))?
        .map_err(|fault| unasked(url, fault.to_string()))?;
    let bytes = body
        .map_err(|fault| unasked(url, fault.to_string()))?
        .to_bytes();
    Ok(Answer {
        status,
        body: String::from_utf8_lossy(&bytes).into_owned(),
        bytes,
    })
}
