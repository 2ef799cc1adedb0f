//! Two legs that hear each other, or one that hears itself: which formats a leg's path runs between, and what may pass.
//!
//! | far side of the output may be sent to | input's far side is listened to | gate |
//! |---|---|---|
//! | no | – | Closed: nothing leaves |
//! | yes | no | Muted: silence at the input's pace, so that a holding side does not miss RTP |
//! | yes | yes | Open |
//! | yes | no bridge | Open: digits alone can leave |

use super::leg::{End, Leg};
use super::{LegKey, Table};
use causeway_media::path::{Gate, Path, PathError};
use causeway_media::plan::Direction;
use std::time::Duration;

/// A PBX that hears nothing for long takes the call for dead (30 s is a common limit), and a NAT
/// forgets the way.
const TRUNK_KEEPALIVE: Duration = Duration::from_secs(10);

/// What a path lets through, given both legs' directions as the box sees them.
pub fn gate(output: Direction, input: Option<Direction>) -> Gate {
    match (output.sends(), input) {
        (false, _) => Gate::Closed,
        (true, Some(input)) if !input.receives() => Gate::Muted,
        (true, _) => Gate::Open,
    }
}

/// Brings the path towards `key`'s far side in line with its own and its peer's format and
/// direction. Does nothing until the leg has a format.
///
/// # Errors
/// [`PathError`] when the formats cannot be spoken; the path stays as it was.
pub fn plan_path(legs: &mut Table<LegKey, Leg>, key: LegKey) -> Result<(), PathError> {
    let peer = legs
        .get(&key)
        .and_then(|leg| leg.peer)
        .and_then(|peer| legs.get(&peer))
        .map(|peer| (peer.heard(), peer.direction));
    let tones = legs
        .get(&key)
        .and_then(|leg| leg.peer)
        .and_then(|peer| legs.get(&peer))
        .is_some_and(hears_tones);
    let redundancy_in = legs
        .get(&key)
        .and_then(|leg| leg.peer)
        .and_then(|peer| legs.get(&peer))
        .and_then(redundancy);
    let Some(leg) = legs.get_mut(&key) else {
        return Ok(());
    };
    let redundancy_out = redundancy(leg);
    let Some(to) = leg.format else {
        return Ok(());
    };
    // A peer without a format sends nothing yet; ours costs no codec.
    let from = peer.and_then(|(format, _)| format).unwrap_or(to);
    let keepalive = matches!(leg.end, End::Trunk(_)) && peer.is_some();
    let mut path = match leg.path.take() {
        None => Path::new(from, to, leg.identity)?,
        Some(path) => path,
    };
    let planned = if *path.from() != from || *path.to() != to {
        path.replan(from, to)
    } else {
        Ok(())
    };
    path.set_redundancy(redundancy_in);
    path.set_redundancy_out(redundancy_out);
    path.set_comfort_noise(leg.comfort_noise);
    path.set_dtx(leg.dtx);
    path.set_tone_detection(tones);
    path.set_gate(gate(leg.direction, peer.map(|(_, direction)| direction)));
    path.set_keepalive(keepalive.then_some(TRUNK_KEEPALIVE));
    leg.path = Some(path);
    planned
}

/// Under which payload type a leg's far side may send redundant audio, and takes it.
fn redundancy(leg: &Leg) -> Option<u8> {
    match &leg.end {
        End::Web(web) => web.leg.redundancy(),
        End::Trunk(_) | End::Spent => None,
    }
}

/// Whether digits of a leg's far side are to be found in its sound.
fn hears_tones(leg: &Leg) -> bool {
    let without_events = leg.format.is_some_and(|format| format.dtmf.is_none());
    without_events && matches!(&leg.end, End::Trunk(trunk) if trunk.listening.tones)
}

/// Makes `a` and `b` each other's peer, parting them from whom they had. Gives everyone whose path
/// must be planned again; empty when one of the two does not exist.
pub fn join(legs: &mut Table<LegKey, Leg>, a: LegKey, b: LegKey) -> Vec<LegKey> {
    if a == b || !legs.contains_key(&a) || !legs.contains_key(&b) {
        return Vec::new();
    }
    let mut affected = vec![a, b];
    for (key, peer) in [(a, b), (b, a)] {
        let before = legs.get_mut(&key).and_then(|leg| leg.peer.replace(peer));
        // One that heard itself has parted from nobody else.
        if let Some(before) = before.filter(|before| *before != peer && *before != key)
            && let Some(widow) = legs.get_mut(&before)
        {
            widow.peer = None;
            affected.push(before);
        }
    }
    affected
}

/// Makes `key` its own peer, parting it from whom it had. Gives everyone whose path must be planned again; empty when
/// it does not exist.
pub fn echo(legs: &mut Table<LegKey, Leg>, key: LegKey) -> Vec<LegKey> {
    let Some(leg) = legs.get_mut(&key) else {
        return Vec::new();
    };
    let before = leg.peer.replace(key).filter(|before| *before != key);
    if let Some(widow) = before.and_then(|before| legs.get_mut(&before)) {
        widow.peer = None;
    }
    std::iter::once(key).chain(before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_media::path::OutputIdentity;

    #[test]
    fn the_table_of_the_module() {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        assert_eq!(gate(SendRecv, Some(SendRecv)), Gate::Open);
        assert_eq!(gate(SendOnly, Some(RecvOnly)), Gate::Open);
        assert_eq!(gate(SendRecv, Some(SendOnly)), Gate::Muted);
        assert_eq!(gate(RecvOnly, Some(SendRecv)), Gate::Closed);
        assert_eq!(gate(Inactive, None), Gate::Closed);
        assert_eq!(gate(SendRecv, None), Gate::Open);
    }

    #[test]
    fn a_new_peer_parts_the_old_pair() {
        let leg = || {
            let identity = OutputIdentity {
                ssrc: 1,
                first_sequence: 1,
                first_timestamp: 1,
            };
            Leg::new(End::Spent, identity, String::new())
        };
        let [a, b, c] = [LegKey(1), LegKey(2), LegKey(3)];
        let mut legs: Table<LegKey, Leg> = [a, b, c].map(|key| (key, leg())).into_iter().collect();
        assert_eq!(join(&mut legs, a, b), [a, b]);
        assert_eq!(join(&mut legs, b, c), [b, c, a]);
        let peers = [a, b, c].map(|key| legs[&key].peer);
        assert_eq!(peers, [None, Some(c), Some(b)]);
        assert_eq!(join(&mut legs, b, LegKey(9)), []);
        assert_eq!(join(&mut legs, b, b), []);
        assert_eq!(echo(&mut legs, b), [b, c]);
        assert_eq!(legs[&b].peer, Some(b));
        assert_eq!(legs[&c].peer, None);
        assert_eq!(echo(&mut legs, b), [b]);
        assert_eq!(echo(&mut legs, LegKey(9)), []);
        assert_eq!(join(&mut legs, a, b), [a, b]);
        assert_eq!(legs[&b].peer, Some(a));
    }
}
