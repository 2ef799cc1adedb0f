//! Sockets of one IP family each: `::` is every address of IPv6 and none of IPv4, whatever the system's default.

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn6, bind, setsockopt, socket, sockopt,
};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// Octets of datagrams that wait to be read: half a second of a busy box.
const WAITING: usize = 4 * 1024 * 1024;

/// # Errors
/// When it cannot be bound.
pub fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let v6 = match address {
        SocketAddr::V4(_) => return UdpSocket::bind(address),
        SocketAddr::V6(v6) => v6,
    };
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet6, SockType::Datagram, flags, None)?;
    setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    bind(socket.as_raw_fd(), &SockaddrIn6::from(v6))?;
    Ok(socket.into())
}

/// One that many send to at once: what comes while the box is at something else waits in the kernel.
///
/// # Errors
/// When it cannot be bound.
pub fn busy_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = udp(address)?;
    let_wait(&socket);
    Ok(socket)
}

/// Gives a socket the room of [`busy_udp`].
pub fn let_wait(socket: &UdpSocket) {
    // Beyond the system's limit only with a privilege; without it, up to that.
    if setsockopt(socket, sockopt::RcvBufForce, &WAITING).is_err() {
        let _ = setsockopt(socket, sockopt::RcvBuf, &WAITING);
    }
}

/// # Errors
/// When it cannot be bound.
pub fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => {
            let socket = TcpSocket::new_v6()?;
            setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
            socket
        }
    };
    // A box that starts again must not wait for the connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_one_family_is_none_of_the_other() {
        let six = udp("[::]:0".parse().unwrap()).unwrap();
        let port = six.local_addr().unwrap().port();
        let four = udp(SocketAddr::from(([0, 0, 0, 0], port))).unwrap();
        four.set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.send_to(b"x", ("127.0.0.1", port)).unwrap();
        let (_, from) = four.recv_from(&mut [0; 9]).unwrap();
        assert_eq!(from, peer.local_addr().unwrap());
    }
}
