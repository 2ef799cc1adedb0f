//! Connections that die without a word, against real sockets.

use super::super::inbox::{SipInbox, inbox};
use super::*;
use tokio::net::TcpSocket;
use tokio::time::timeout;

const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";
const SOON: Duration = Duration::from_secs(5);

/// A TCP side with these settings, and what it tells the switch.
async fn side(settings: StreamSettings) -> (mpsc::Sender<Transmit>, SipInbox) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (out, outgoing) = mpsc::channel(8);
    let (to_switch, inputs) = inbox(8);
    let dropped = to_switch.dropped();
    let (_, door) = Door::new();
    tokio::spawn(serve(
        listener,
        Carrier::Tcp,
        outgoing,
        to_switch,
        settings,
        dropped,
        door,
    ));
    (out, inputs)
}

fn options(remote: SocketAddr) -> Transmit {
    Transmit {
        transport: Transport::Tcp,
        remote,
        bytes: OPTIONS.to_vec(),
    }
}

async fn failure(inputs: &mut SipInbox) -> String {
    match timeout(SOON, inputs.recv()).await.unwrap().unwrap() {
        SipInput::TransportFailed { reason, .. } => reason,
        input @ SipInput::Message { .. } => panic!("{input:?}"),
    }
}

#[tokio::test]
async fn a_peer_that_stops_answering_pings_is_left_and_dialled_anew() {
    let settings = StreamSettings {
        ping: Duration::from_millis(100),
        pong: Duration::from_millis(300),
        ..StreamSettings::default()
    };
    let (out, mut inputs) = side(settings).await;
    let pbx = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = pbx.local_addr().unwrap();
    out.send(options(remote)).await.unwrap();
    let (mut stream, _) = timeout(SOON, pbx.accept()).await.unwrap().unwrap();
    let mut request = vec![0; OPTIONS.len()];
    stream.read_exact(&mut request).await.unwrap();
    let mut ping = [0; PING.len()];
    for _ in 0..3 {
        timeout(SOON, stream.read_exact(&mut ping))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(ping, PING);
        stream.write_all(PONG).await.unwrap();
    }
    // It holds the connection open and says nothing more.
    assert_eq!(failure(&mut inputs).await, "no answer to a keep-alive");
    out.send(options(remote)).await.unwrap();
    timeout(SOON, pbx.accept()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_peer_that_knows_no_pings_keeps_its_connection() {
    let settings = StreamSettings {
        ping: Duration::from_millis(50),
        pong: Duration::from_millis(50),
        ..StreamSettings::default()
    };
    let (out, mut inputs) = side(settings).await;
    let pbx = TcpListener::bind("127.0.0.1:0").await.unwrap();
    out.send(options(pbx.local_addr().unwrap())).await.unwrap();
    let (mut stream, _) = timeout(SOON, pbx.accept()).await.unwrap().unwrap();
    let mut request = vec![0; OPTIONS.len()];
    stream.read_exact(&mut request).await.unwrap();
    let mut pings = [0; 4 * PING.len()];
    timeout(SOON, stream.read_exact(&mut pings))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(pings.as_slice(), PING.repeat(4));
    // The same connection still carries messages, both ways.
    stream.write_all(OPTIONS).await.unwrap();
    let input = timeout(SOON, inputs.recv()).await.unwrap().unwrap();
    assert!(matches!(input, SipInput::Message { .. }), "{input:?}");
}

#[tokio::test]
async fn a_peer_that_drops_tcp_is_given_up_soon() {
    let settings = StreamSettings {
        connect: Duration::from_millis(300),
        ..StreamSettings::default()
    };
    let (out, mut inputs) = side(settings).await;
    // A listener whose queue is full drops what comes.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let pbx = socket.listen(1).unwrap();
    let remote = pbx.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(remote)).await
    {
        waiting.push(stream);
        assert!(waiting.len() < 16, "its queue does not fill");
    }
    let begun = Instant::now();
    out.send(options(remote)).await.unwrap();
    assert_eq!(failure(&mut inputs).await, "no connection in time");
    assert!(begun.elapsed() < Duration::from_secs(2));
}
