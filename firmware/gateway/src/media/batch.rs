//! Datagrams in batches: one system call receives or sends many.

use nix::libc;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrLike, SockaddrStorage, recvmmsg};
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Datagrams a call of [`Inbound::receive`] takes at most, so that no socket starves the others.
pub const SLOTS: usize = 64;
/// The same for a socket that has one call's sound alone.
pub const FEW: usize = 4;
/// Datagrams sent by one system call.
const SEND_SLOTS: usize = 16;
/// Longest datagram taken whole: an Ethernet frame and then some. Longer ones are dropped.
pub const DATAGRAM: usize = 2048;

/// Buffers to receive into, kept for the life of a thread.
pub struct Inbound {
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Box<[u8]>,
    taken: Vec<(SocketAddr, usize)>,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound").finish_non_exhaustive()
    }
}

/// What one call of [`Inbound::receive`] brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    pub datagrams: usize,
    /// Too long, empty, or from an address that is not IP.
    pub unusable: usize,
}

/// Stands for a datagram that cannot be used.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Default for Inbound {
    fn default() -> Self {
        Self {
            headers: MultiHeaders::preallocate(SLOTS, None),
            buffers: vec![0; SLOTS * DATAGRAM].into_boxed_slice(),
            taken: Vec::with_capacity(SLOTS),
        }
    }
}

impl Inbound {
    /// Takes what `socket` has, at most `N` datagrams (no more than [`SLOTS`]), in place of those taken before.
    pub fn receive<const N: usize>(&mut self, socket: BorrowedFd<'_>) -> Received {
        self.taken.clear();
        let mut received = Received::default();
        let mut chunks = self.buffers.chunks_exact_mut(DATAGRAM);
        let mut slices: [[IoSliceMut<'_>; 1]; N] =
            std::array::from_fn(|_| [IoSliceMut::new(chunks.next().unwrap_or_default())]);
        // Nothing there, or an ICMP error of an earlier send: either way nothing to take now.
        let Ok(messages) = recvmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        ) else {
            return received;
        };
        for message in messages {
            received.datagrams += 1;
            let whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
            match message.address.as_ref().and_then(ip_address) {
                Some(source) if whole && message.bytes > 0 => {
                    self.taken.push((source, message.bytes));
                }
                _ => {
                    received.unusable += 1;
                    self.taken.push((NOWHERE, 0));
                }
            }
        }
        received
    }

    /// The datagram in a slot of the last [`Self::receive`] (from 0), and where it came from; an
    /// IPv4 address seen through an IPv6 socket is shown as IPv4. `None` when it is unusable.
    pub fn datagram(&self, slot: usize) -> Option<(SocketAddr, &[u8])> {
        let (source, length) = *self.taken.get(slot)?;
        let start = slot * DATAGRAM;
        (length > 0).then_some((source, self.buffers.get(start..start + length)?))
    }
}

fn ip_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    let v6 = SocketAddrV6::from(*address.as_sockaddr_in6()?);
    Some(SocketAddr::new(v6.ip().to_canonical(), v6.port()))
}

/// Datagrams collected until [`Outbound::flush`].
#[derive(Debug, Default)]
pub struct Outbound<B> {
    queue: Vec<(SocketAddr, B)>,
}

/// What a flush did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub datagrams: usize,
    /// Refused by the kernel: its buffer is full, or there is no way there.
    pub refused: usize,
}

impl<B: AsRef<[u8]>> Outbound<B> {
    pub fn push(&mut self, to: SocketAddr, datagram: B) {
        self.queue.push((to, datagram));
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sends everything collected through a non-blocking socket. UDP has no place to wait: what the
    /// kernel refuses is lost and counted.
    pub fn flush(&mut self, socket: &UdpSocket, ipv6: bool) -> Sent {
        let mut sent = Sent::default();
        let mut rest = self.queue.as_slice();
        while !rest.is_empty() {
            let outcome = match rest {
                // Often there is one, and laying out a batch costs more than it saves.
                [(to, datagram)] => socket
                    .send_to(datagram.as_ref(), on_wire(*to, ipv6))
                    .map_or(Err(()), |_| Ok(1)),
                _ => send_batch(socket.as_fd(), ipv6, rest).map_err(drop),
            };
            match outcome {
                Ok(0) | Err(()) => {
                    // The first of them is the culprit; the others may still go.
                    sent.refused += 1;
                    rest = rest.get(1..).unwrap_or_default();
                }
                Ok(count) => {
                    sent.datagrams += count;
                    rest = rest.get(count..).unwrap_or_default();
                }
            }
        }
        self.queue.clear();
        sent
    }
}

fn send_batch<B: AsRef<[u8]>>(
    socket: BorrowedFd<'_>,
    ipv6: bool,
    batch: &[(SocketAddr, B)],
) -> nix::Result<usize> {
    let addresses: [Option<SockaddrStorage>; SEND_SLOTS] = std::array::from_fn(|slot| {
        batch
            .get(slot)
            .map(|(to, _)| SockaddrStorage::from(on_wire(*to, ipv6)))
    });
    let mut slices: [libc::iovec; SEND_SLOTS] = std::array::from_fn(|slot| {
        let octets = batch.get(slot).map_or(&[][..], |(_, b)| b.as_ref());
        libc::iovec {
            iov_base: octets.as_ptr().cast_mut().cast(),
            iov_len: octets.len(),
        }
    });
    let mut headers: [libc::mmsghdr; SEND_SLOTS] = std::array::from_fn(|_| {
        // SAFETY: a message header of null pointers and zero lengths is a valid value.
        unsafe { std::mem::zeroed() }
    });
    let count = batch.len().min(SEND_SLOTS);
    for ((header, slice), address) in headers
        .iter_mut()
        .zip(slices.iter_mut())
        .zip(addresses.iter().flatten())
    {
        header.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = address.len();
        header.msg_hdr.msg_iov = slice;
        header.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: the first `count` headers point at addresses, slices and datagrams that live until
    // after the call, and the kernel only reads through them.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    nix::errno::Errno::result(sent).map(|sent| sent as usize)
}

/// The address as a socket of that family must be given it.
pub fn on_wire(to: SocketAddr, ipv6: bool) -> SocketAddr {
    match to {
        SocketAddr::V4(v4) if ipv6 => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_arrives_in_order_and_a_hole_does_not_stop_it() {
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = UdpSocket::bind("127.0.0.1:0").unwrap();
        let target = to.local_addr().unwrap();
        let mut outbound = Outbound::default();
        for number in 0..150_u8 {
            outbound.push(target, vec![number; 3]);
        }
        // Port 0 cannot be sent to.
        outbound.push("127.0.0.1:0".parse().unwrap(), vec![0]);
        outbound.push(target, vec![200]);
        let sent = outbound.flush(&from, false);
        assert_eq!((sent.datagrams, sent.refused), (151, 1));
        assert!(outbound.is_empty());

        let mut inbound = Inbound::default();
        let mut heard = Vec::new();
        for expected in [64, 64, 23, 0] {
            assert_eq!(inbound.receive::<SLOTS>(to.as_fd()).datagrams, expected);
            for (source, datagram) in (0..SLOTS).map_while(|slot| inbound.datagram(slot)) {
                assert_eq!(source, from.local_addr().unwrap());
                heard.push(datagram.to_vec());
            }
        }
        let expected: Vec<Vec<u8>> = (0..150_u8).map(|n| vec![n; 3]).chain([vec![200]]).collect();
        assert_eq!(heard, expected);
    }

    #[test]
    fn too_long_is_dropped() {
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = UdpSocket::bind("127.0.0.1:0").unwrap();
        from.send_to(&[1; DATAGRAM + 1], to.local_addr().unwrap())
            .unwrap();
        from.send_to(&[2; DATAGRAM], to.local_addr().unwrap())
            .unwrap();
        let mut inbound = Inbound::default();
        let received = inbound.receive::<SLOTS>(to.as_fd());
        assert_eq!((received.datagrams, received.unusable), (2, 1));
        assert_eq!(inbound.datagram(0), None);
        assert_eq!(inbound.datagram(1).unwrap().1, [2; DATAGRAM]);
        assert_eq!(inbound.datagram(2), None);
    }
}
