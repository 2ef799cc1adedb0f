//! rtpengine's control protocol, as far as one call needs it: dictionaries in bencoding over UDP, each behind a cookie.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

const PATIENCE: Duration = Duration::from_secs(5);

/// A way to one rtpengine.
#[derive(Debug)]
pub struct Control {
    socket: UdpSocket,
    next: u64,
}

impl Control {
    /// # Errors
    /// A sentence when there is no socket.
    pub async fn to(address: SocketAddr) -> Result<Self, String> {
        let said = |e: std::io::Error| format!("rtpengine: {e}");
        let socket = UdpSocket::bind("127.0.0.1:0").await.map_err(said)?;
        socket.connect(address).await.map_err(said)?;
        Ok(Self { socket, next: 0 })
    }

    /// Hands over the browser's offer; gives the one for the PBX.
    ///
    /// # Errors
    /// What rtpengine said.
    pub async fn offer(
        &mut self,
        call: usize,
        sdp: &str,
        transcode: bool,
    ) -> Result<String, String> {
        let mut command = Dictionary::new("offer", call);
        command.text("ICE", "remove");
        command.text("DTLS", "off");
        command.text("transport-protocol", "RTP/AVP");
        command.list("rtcp-mux", &["demux"]);
        command.text("sdp", sdp);
        if transcode {
            command.raw("codec", "d4:maskl4:opuse9:transcodel4:PCMUee");
        }
        self.ask(command).await
    }

    /// Hands over the PBX's answer; gives the one for the browser.
    ///
    /// # Errors
    /// What rtpengine said.
    pub async fn answer(&mut self, call: usize, sdp: &str) -> Result<String, String> {
        let mut command = Dictionary::new("answer", call);
        command.text("to-tag", "pbx");
        command.text("ICE", "force");
        command.text("sdp", sdp);
        self.ask(command).await
    }

    /// Ends a call; one that is not there is no matter.
    pub async fn delete(&mut self, call: usize) {
        let _ = self.ask(Dictionary::new("delete", call)).await;
    }

    async fn ask(&mut self, command: Dictionary) -> Result<String, String> {
        self.next += 1;
        let cookie = format!("c{}", self.next);
        let said = |e: std::io::Error| format!("rtpengine: {e}");
        let datagram = format!("{cookie} {}", command.finish());
        self.socket.send(datagram.as_bytes()).await.map_err(said)?;
        let mut room = vec![0; 65_535];
        let answer = loop {
            let receiving = tokio::time::timeout(PATIENCE, self.socket.recv(&mut room));
            let length = receiving
                .await
                .map_err(|_| "rtpengine does not answer".to_owned())?
                .map_err(said)?;
            let text = String::from_utf8_lossy(&room[..length]).into_owned();
            if let Some(answer) = text.strip_prefix(&format!("{cookie} ")) {
                break answer.to_owned();
            }
        };
        value(&answer, "sdp").map(str::to_owned).ok_or_else(|| {
            format!(
                "rtpengine: {}",
                answer.chars().take(300).collect::<String>()
            )
        })
    }
}

/// A command in the making. Keys need no order: rtpengine takes them as they come.
#[derive(Debug)]
struct Dictionary(String);

impl Dictionary {
    fn new(command: &str, call: usize) -> Self {
        let mut made = Self("d".to_owned());
        made.text("command", command);
        made.text("call-id", &format!("load-{call}"));
        made.text("from-tag", "browser");
        made
    }

    fn string(&mut self, text: &str) {
        self.0 += &format!("{}:{text}", text.len());
    }

    fn text(&mut self, key: &str, text: &str) {
        self.string(key);
        self.string(text);
    }

    fn list(&mut self, key: &str, items: &[&str]) {
        self.string(key);
        self.0.push('l');
        for item in items {
            self.string(item);
        }
        self.0.push('e');
    }

    fn raw(&mut self, key: &str, coded: &str) {
        self.string(key);
        self.0 += coded;
    }

    fn finish(mut self) -> String {
        self.0.push('e');
        self.0
    }
}

/// The string under `key` anywhere in a dictionary.
fn value<'a>(coded: &'a str, key: &str) -> Option<&'a str> {
    let key = format!("{}:{key}", key.len());
    let (_, rest) = coded.split_once(&key)?;
    let (length, rest) = rest.split_once(':')?;
    rest.get(..length.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_answers_in_bencoding() {
        let mut command = Dictionary::new("delete", 7);
        command.list("flags", &["a", "bc"]);
        assert_eq!(
            command.finish(),
            "d7:command6:delete7:call-id6:load-78:from-tag7:browser5:flagsl1:a2:bcee"
        );
        assert_eq!(
            value("d6:result2:ok3:sdp5:v=0\r\ne", "sdp"),
            Some("v=0\r\n")
        );
        assert_eq!(value("d6:result5:errore", "sdp"), None);
    }
}
