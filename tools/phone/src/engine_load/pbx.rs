//! The PBX behind the engine: answers every INVITE at once, with the port of the call whose number was dialled.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::picture_sdp;
use crate::media::g711::Law;
use crate::sip::address::user;
use crate::sip::message::{self, Message, Method, Request, Response};
use crate::sip::sdp::{self, Direction, Ours};

/// The first number; the `n`th call dials this plus n.
pub const FIRST_NUMBER: usize = 10_000;

/// The number that the `n`th call dials.
pub fn number(call: usize) -> String {
    (FIRST_NUMBER + call).to_string()
}

/// Where the media of each call is taken.
pub type Ports = Arc<Mutex<HashMap<usize, u16>>>;

/// Whether calls have pictures: if so the media is the picture's, and their sound is taken where nobody listens.
pub type Picture = Option<u16>;

/// A PBX that answers from now on, until its task is ended; where the media of its calls is to be written, and what it
/// tells: which call is answered, and where the engine takes its media.
///
/// # Errors
/// A sentence when the address cannot be bound.
pub async fn start(
    at: SocketAddr,
    picture: Picture,
) -> Result<
    (
        JoinHandle<()>,
        Ports,
        UnboundedReceiver<(usize, SocketAddr)>,
    ),
    String,
> {
    let socket = UdpSocket::bind(at)
        .await
        .map_err(|e| format!("{at}: {e}"))?;
    let ports = Ports::default();
    let (answered, told) = unbounded_channel();
    let task = tokio::spawn(answer(socket, ports.clone(), picture, answered));
    Ok((task, ports, told))
}

async fn answer(
    socket: UdpSocket,
    ports: Ports,
    picture: Picture,
    answered: UnboundedSender<(usize, SocketAddr)>,
) {
    let mut datagram = vec![0; 65_535];
    let Ok(local) = socket.local_addr() else {
        return;
    };
    loop {
        let Ok((length, from)) = socket.recv_from(&mut datagram).await else {
            continue;
        };
        let Ok(Message::Request(request)) = message::read(&datagram[..length]) else {
            continue;
        };
        let response = match request.method {
            Method::Ack => continue,
            Method::Invite => invited(&request, local, &ports, picture, &answered),
            _ => Response::to(&request, 200),
        };
        let _ = socket.send_to(&response.to_bytes(), from).await;
    }
}

/// A repeated INVITE is answered the same way again: the tag depends on the call alone.
fn invited(
    request: &Request,
    local: SocketAddr,
    ports: &Ports,
    picture: Picture,
    answered: &UnboundedSender<(usize, SocketAddr)>,
) -> Response {
    let call = user(&request.uri)
        .trim_start_matches('+')
        .parse()
        .ok()
        .and_then(|number: usize| number.checked_sub(FIRST_NUMBER));
    let port = call.and_then(|call| {
        let ports = ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.get(&call).copied()
    });
    let offer = sdp::read(&request.body);
    let (Some(call), Some(port), Some(offer)) = (call, port, offer) else {
        return Response::to(request, 404);
    };
    let ours = Ours {
        address: SocketAddr::new(local.ip(), picture.unwrap_or(port)),
        laws: vec![Law::Pcmu],
        direction: Direction::SendRecv,
        session: 1,
        version: 1,
    };
    let Some((mut body, _)) = ours.answer(&offer) else {
        return Response::to(request, 488);
    };
    let mut media = offer.address;
    if picture.is_some() {
        let Some(offered) = picture_sdp::offered(&String::from_utf8_lossy(&request.body)) else {
            return Response::to(request, 488);
        };
        media = offered.at(offer.address);
        body = picture_sdp::taken(&String::from_utf8_lossy(&body), offered, port).into_bytes();
    }
    let mut response = Response::to(request, 200);
    let to = response.headers.first("To").unwrap_or_default().to_owned();
    // In a dialog the tag is there already.
    if !to.contains(";tag=") {
        response.headers.set("To", format!("{to};tag=call{call}"));
    }
    response.headers.push("Contact", format!("<sip:{local}>"));
    response.headers.push("Content-Type", "application/sdp");
    response.body = body;
    let _ = answered.send((call, media));
    response
}
