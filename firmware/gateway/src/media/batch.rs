//! Datagrams in batches: one system call receives or sends many.
//!
//! The packets of a picture's frame, which go to one address and are as long as each other but for the last, go through
//! the kernel as one (UDP segmentation): half of the cost at three packets, a third at eight. Sound has one packet at a
//! time for each address, and gains nothing.

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
/// Shorter ones are not put together: packets of sound that wait for one address are few, and of a call's end.
const WORTH_JOINING: usize = 400;
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
#[derive(Debug)]
pub struct Outbound<B> {
    queue: Vec<(SocketAddr, B)>,
    /// Datagrams to one address may go as one, until the kernel refuses that once: it may be old, or the way narrow.
    joins: bool,
}

impl<B> Default for Outbound<B> {
    fn default() -> Self {
        Self {
            queue: Vec::new(),
            joins: true,
        }
    }
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
                [(to, datagram)] => send_one(socket, ipv6, *to, datagram),
                _ => send_batch(socket.as_fd(), ipv6, rest, self.joins).unwrap_or(0),
            };
            let outcome = match rest {
                [(to, datagram), ..] if outcome == 0 && self.joins && joined(rest) > 1 => {
                    // If it goes by itself, joining was at fault: an old kernel, or a narrow way.
                    let went = send_one(socket, ipv6, *to, datagram);
                    self.joins = went == 0;
                    went
                }
                _ => outcome,
            };
            // The first of those that did not go is the culprit; the others may still go.
            sent.refused += usize::from(outcome == 0);
            sent.datagrams += outcome;
            rest = rest.get(outcome.max(1)..).unwrap_or_default();
        }
        self.queue.clear();
        sent
    }
}

/// How many went.
fn send_one<B: AsRef<[u8]>>(socket: &UdpSocket, ipv6: bool, to: SocketAddr, datagram: &B) -> usize {
    let outcome = socket.send_to(datagram.as_ref(), on_wire(to, ipv6));
    usize::from(outcome.is_ok())
}

/// How many datagrams at the head go as one: to one address, as long as the first, and at most one shorter behind them.
fn joined<B: AsRef<[u8]>>(batch: &[(SocketAddr, B)]) -> usize {
    let Some((to, first)) = batch.first() else {
        return 0;
    };
    let length = first.as_ref().len();
    if length < WORTH_JOINING {
        return 1;
    }
    let same = batch
        .iter()
        .take(SEND_SLOTS)
        .take_while(|(other, datagram)| other == to && datagram.as_ref().len() == length)
        .count();
    let is_last = batch.get(same).is_some_and(|(other, datagram)| {
        other == to && (1..length).contains(&datagram.as_ref().len())
    });
    // All that one call sends at once.
    (same + usize::from(is_last)).min(SEND_SLOTS)
}

/// What tells the kernel to cut a message into datagrams of so many octets (`UDP_SEGMENT`).
#[derive(Clone, Copy)]
#[repr(C)]
struct Segment {
    header: libc::cmsghdr,
    octets: u16,
    /// To the end of the message's alignment.
    _rest: [u8; 6],
}

impl Segment {
    fn of(octets: usize) -> Self {
        // SAFETY: zeros are a valid control message header; on some C libraries it has padding that has no name.
        let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
        // SAFETY: computes a length.
        header.cmsg_len = unsafe { libc::CMSG_LEN(size_of::<u16>() as u32) } as _;
        header.cmsg_level = libc::SOL_UDP;
        header.cmsg_type = libc::UDP_SEGMENT;
        Self {
            header,
            // A datagram is shorter than 65,536 octets.
            octets: u16::try_from(octets).unwrap_or(u16::MAX),
            _rest: [0; 6],
        }
    }
}

/// Sends the first of them in one call, those of a frame as one if `joins`; how many datagrams went.
fn send_batch<B: AsRef<[u8]>>(
    socket: BorrowedFd<'_>,
    ipv6: bool,
    batch: &[(SocketAddr, B)],
    joins: bool,
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
    let mut segments = [Segment::of(0); SEND_SLOTS];
    let mut datagrams = [0_usize; SEND_SLOTS];
    let count = batch.len().min(SEND_SLOTS);
    let (mut at, mut messages) = (0, 0);
    for ((header, segment), went) in headers.iter_mut().zip(&mut segments).zip(&mut datagrams) {
        let rest = batch.get(at..count).unwrap_or_default();
        let together = match joins {
            true => joined(rest),
            false => rest.len().min(1),
        };
        let own = slices.get_mut(at..at + together).unwrap_or_default();
        let (Some(address), Some(first)) =
            (addresses.get(at).and_then(Option::as_ref), own.first())
        else {
            break;
        };
        let message = &mut header.msg_hdr;
        message.msg_name = address.as_ptr().cast_mut().cast();
        message.msg_namelen = address.len();
        if together > 1 {
            *segment = Segment::of(first.iov_len);
            message.msg_control = std::ptr::from_mut(segment).cast();
            message.msg_controllen = size_of::<Segment>() as _;
        }
        message.msg_iov = own.as_mut_ptr();
        message.msg_iovlen = together as _;
        *went = together;
        at += together;
        messages += 1;
    }
    // SAFETY: the first `messages` headers point at addresses, slices, control messages and datagrams that live until
    // after the call, and the kernel only reads through them.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            messages,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    let sent = nix::errno::Errno::result(sent)?;
    Ok(datagrams.iter().take(sent as usize).sum())
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

    /// Frames of pictures between packets of sound, to two addresses: (address, octets).
    fn frames() -> Vec<(usize, usize)> {
        let mut all = vec![(0, 172), (1, 172)];
        all.extend([(0, 1_200); 5]);
        all.push((0, 300));
        all.extend([(0, 1_200), (1, 1_200), (1, 1_200), (1, 1_100), (1, 1_100)]);
        all.extend([(0, 172), (0, 172), (0, 172)]);
        all.extend([(1, 1_200); 40]);
        all.extend([(0, 1_400), (0, 1_200)]);
        all
    }

    #[test]
    fn frames_that_go_as_one_arrive_as_the_datagrams_they_were() {
        for joins in [true, false] {
            let from = UdpSocket::bind("127.0.0.1:0").unwrap();
            let to = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
            let mut outbound = Outbound {
                joins,
                ..Outbound::default()
            };
            let mut expected = [const { Vec::new() }; 2];
            for (number, (which, octets)) in frames().into_iter().enumerate() {
                let datagram = vec![number as u8; octets];
                outbound.push(to[which].local_addr().unwrap(), datagram.clone());
                expected[which].push(datagram);
            }
            let sent = outbound.flush(&from, false);
            assert_eq!((sent.datagrams, sent.refused), (frames().len(), 0));
            assert_eq!(outbound.joins, joins, "this kernel refuses segments");
            for (socket, expected) in to.iter().zip(expected) {
                let mut inbound = Inbound::default();
                assert_eq!(
                    inbound.receive::<SLOTS>(socket.as_fd()).datagrams,
                    expected.len()
                );
                let heard = (0..SLOTS).map_while(|slot| inbound.datagram(slot));
                assert_eq!(Vec::from_iter(heard.map(|(_, d)| d.to_vec())), expected);
            }
        }
    }

    #[test]
    fn what_goes_as_one_is_of_one_length_and_address() {
        let a: SocketAddr = "192.0.2.1:1".parse().unwrap();
        let b: SocketAddr = "192.0.2.2:1".parse().unwrap();
        let of = |batch: &[(SocketAddr, usize)]| {
            joined(&Vec::from_iter(
                batch.iter().map(|(to, n)| (*to, vec![0; *n])),
            ))
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[(a, 172), (a, 172)]), 1);
        assert_eq!(of(&[(a, 1_200), (a, 1_200), (a, 40), (a, 40)]), 3);
        assert_eq!(of(&[(a, 1_200), (a, 1_300)]), 1);
        assert_eq!(of(&[(a, 1_200), (b, 1_200)]), 1);
        // An empty one ends nothing.
        assert_eq!(of(&[(a, 1_200), (a, 0)]), 1);
        assert_eq!(of(&vec![(a, 1_200); 100]), SEND_SLOTS);
    }

    #[test]
    fn where_the_kernel_takes_no_frames_the_datagrams_go_one_by_one() {
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut outbound = Outbound::default();
        let frame = |outbound: &mut Outbound<Vec<u8>>, to: SocketAddr| {
            for number in 0..3_u8 {
                outbound.push(to, vec![number; 1_000]);
            }
        };
        // Port 0 cannot be sent to, whichever way: that says nothing of frames.
        frame(&mut outbound, "127.0.0.1:0".parse().unwrap());
        frame(&mut outbound, to.local_addr().unwrap());
        let sent = outbound.flush(&from, false);
        assert_eq!((sent.datagrams, sent.refused), (3, 3));
        assert!(outbound.joins);

        // Frames are cut where checksums are made, which this socket is not to have.
        let on: libc::c_int = 1;
        // SAFETY: the option takes an int, which is read during the call.
        let set = unsafe {
            libc::setsockopt(
                from.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_NO_CHECK,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        assert_eq!(set, 0);
        frame(&mut outbound, to.local_addr().unwrap());
        let sent = outbound.flush(&from, false);
        assert_eq!((sent.datagrams, sent.refused), (3, 0));
        assert!(!outbound.joins);
        let mut inbound = Inbound::default();
        assert_eq!(inbound.receive::<SLOTS>(to.as_fd()).datagrams, 6);
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
