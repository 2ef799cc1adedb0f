//! Sockets of one IP family each: `::` is every address of IPv6 and none of IPv4, whatever the system's default.

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn6, SockaddrStorage, bind, setsockopt, socket,
    sockopt,
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

/// As many sockets of one port, each with the room of [`busy_udp`]: the kernel gives every sender one of them, and the
/// same as long as they stay.
///
/// # Errors
/// When it cannot be bound, or another program has it.
pub fn shared_udp(address: SocketAddr, count: usize) -> io::Result<Vec<UdpSocket>> {
    // Alone it must be free: shared ports may be joined by whoever asks.
    let alone = UdpSocket::bind(address)?;
    if count <= 1 {
        let_wait(&alone);
        return Ok(vec![alone]);
    }
    let address = alone.local_addr()?;
    drop(alone);
    (0..count).map(|_| joined_udp(address)).collect()
}

fn joined_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let (family, address) = match address {
        SocketAddr::V4(v4) => (AddressFamily::Inet, SockaddrStorage::from(v4)),
        SocketAddr::V6(v6) => (AddressFamily::Inet6, SockaddrStorage::from(v6)),
    };
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(family, SockType::Datagram, flags, None)?;
    setsockopt(&socket, sockopt::ReusePort, &true)?;
    bind(socket.as_raw_fd(), &address)?;
    let socket = UdpSocket::from(socket);
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
    fn a_port_that_is_taken_is_not_shared() {
        let shared = shared_udp("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let address = shared[0].local_addr().unwrap();
        assert!(shared.iter().all(|s| s.local_addr().unwrap() == address));
        assert!(shared_udp(address, 3).is_err());
        assert!(shared_udp(address, 1).is_err());
    }

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
