//! What the box tells a page of its relay.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::box_process::BoxProcess;
use crate::error::{Doing, Result};
use crate::https::trusting;

/// The one `RTCIceServer` of a session that is opened and left.
#[derive(Debug, Clone)]
pub struct IceServer {
    pub urls: Vec<String>,
    pub username: String,
    pub credential: String,
}

/// Signs in as a page does and reads the welcome; none when the box names no server.
pub async fn server(of: &BoxProcess) -> Result<Option<IceServer>> {
    let token = of.token(None).await?;
    let tcp = TcpStream::connect(of.https()).await.doing("connecting")?;
    let tls = TlsConnector::from(Arc::new(trusting()?))
        .connect(ServerName::from(of.https().ip()), tcp)
        .await
        .doing("TLS")?;
    let url = format!("wss://{}/api/v1/ws", of.https());
    let mut request = url.into_client_request().doing("the request")?;
    let protocol = "causeway.v1".parse().doing("the sub-protocol")?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", protocol);
    let (mut socket, _) = client_async(request, tls).await.doing("the WebSocket")?;
    let hello = json!({"type": "hello", "id": 1, "version": 1, "token": token});
    socket
        .send(Message::text(hello.to_string()))
        .await
        .doing("hello")?;
    let welcome = socket.next().await.doing("no welcome")?.doing("welcome")?;
    let text = welcome.to_text().doing("welcome")?;
    let welcome: Value = serde_json::from_str(text).doing("welcome")?;
    let server = &welcome["ice"]["servers"][0];
    if server.is_null() {
        return Ok(None);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let urls = server["urls"].as_array().doing("no URLs")?;
    Ok(Some(IceServer {
        urls: urls.iter().map(text).collect(),
        username: text(&server["username"]),
        credential: text(&server["credential"]),
    }))
}
