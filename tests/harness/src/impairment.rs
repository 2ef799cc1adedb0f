//! What a bad network does to a stream, drawn from a seed: the nth packet meets the same fate each time.

use std::time::Duration;

/// One kind of bad network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Packets lost, 0…1.
    pub loss: f64,
    /// Losses in a row, on average; 1 loses each packet for itself, more is a Gilbert model.
    pub burst: f64,
    /// Packets are delayed by 0 to so much, in order: as a queue does.
    pub jitter: Duration,
    /// Packets that others overtake, 0…1: delayed by 30 to 50 ms on top.
    pub overtaken: f64,
}

impl Impairment {
    /// Nothing happens.
    pub const NONE: Self = Self {
        loss: 0.0,
        burst: 1.0,
        jitter: Duration::ZERO,
        overtaken: 0.0,
    };

    /// Each packet lost with the same odds.
    pub const fn loss(loss: f64) -> Self {
        Self { loss, ..Self::NONE }
    }

    /// As many lost, `burst` in a row.
    pub const fn bursts(loss: f64, burst: f64) -> Self {
        Self {
            loss,
            burst,
            ..Self::NONE
        }
    }

    /// Queued for 0 to so many milliseconds.
    pub const fn jitter(ms: u64) -> Self {
        Self {
            jitter: Duration::from_millis(ms),
            ..Self::NONE
        }
    }
}

/// What happens to one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It never comes.
    Lost,
    /// It comes so much later; one that is not `overtaken` never before the one sent before it.
    Delayed { by: Duration, overtaken: bool },
}

/// The fates of a stream's packets, in the order in which they are sent.
#[derive(Debug, Clone)]
pub struct Fates {
    impairment: Impairment,
    dice: u64,
    in_burst: bool,
}

impl Fates {
    /// Drawn from `seed`.
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        Self {
            impairment,
            // Neighbouring seeds must not begin alike, and none may be zero.
            dice: seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            in_burst: false,
        }
    }

    /// 0…1.
    fn draw(&mut self) -> f64 {
        // xorshift64*
        self.dice ^= self.dice >> 12;
        self.dice ^= self.dice << 25;
        self.dice ^= self.dice >> 27;
        (self.dice.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Iterator for Fates {
    type Item = Fate;

    fn next(&mut self) -> Option<Fate> {
        let Impairment {
            loss,
            burst,
            jitter,
            overtaken,
        } = self.impairment;
        // As many draws a packet whatever happens: one impairment does not move another's dice.
        let (lot, delay, passed, extra) = (self.draw(), self.draw(), self.draw(), self.draw());
        let odds = if burst <= 1.0 {
            loss
        } else if self.in_burst {
            1.0 - 1.0 / burst
        } else {
            loss / (burst * (1.0 - loss))
        };
        self.in_burst = lot < odds;
        if self.in_burst {
            return Some(Fate::Lost);
        }
        let overtaken = passed < overtaken;
        let extra = if overtaken {
            0.030 + 0.020 * extra
        } else {
            0.0
        };
        Some(Fate::Delayed {
            by: jitter.mul_f64(delay) + Duration::from_secs_f64(extra),
            overtaken,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(impairment: Impairment) -> Vec<bool> {
        Fates::new(impairment, 7)
            .take(100_000)
            .map(|fate| fate == Fate::Lost)
            .collect()
    }

    #[test]
    fn as_many_are_lost_as_asked_alone_or_in_bursts() {
        for (impairment, burst) in [
            (Impairment::loss(0.1), 1.0 / 0.9),
            (Impairment::bursts(0.1, 4.0), 4.0),
        ] {
            let lost = lost(impairment);
            let all = lost.iter().filter(|l| **l).count() as f64;
            let holes = lost.windows(2).filter(|w| w[0] && !w[1]).count() as f64;
            assert!((all / 100_000.0 - 0.1).abs() < 0.01, "{all}");
            assert!((all / holes - burst).abs() < 0.2, "{}", all / holes);
        }
    }

    #[test]
    fn the_same_seed_is_the_same_network_and_another_is_not() {
        let network = |seed| {
            Fates::new(Impairment::jitter(30), seed)
                .take(50)
                .collect::<Vec<_>>()
        };
        assert_eq!(network(1), network(1));
        assert_ne!(network(1), network(2));
    }
}
