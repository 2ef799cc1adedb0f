//! How many allocations there may be: in all, of one credential, and of one source.

use std::collections::HashMap;
use std::net::IpAddr;

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub all: usize,
    /// Of one credential: a browser makes one for each URL it is given and each network it is in.
    pub per_credential: usize,
    /// Of one address (IPv6: one /64): a whole office may be behind it.
    pub per_source: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            all: 2048,
            per_credential: 16,
            per_source: 512,
        }
    }
}

/// Which bound was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    All,
    Credential,
    Source,
}

/// Counts them. What is taken is given back with the same words.
#[derive(Debug)]
pub struct Quota {
    limits: Limits,
    all: usize,
    by_credential: HashMap<String, usize>,
    by_source: HashMap<IpAddr, usize>,
}

impl Quota {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            all: 0,
            by_credential: HashMap::new(),
            by_source: HashMap::new(),
        }
    }

    /// # Errors
    /// [`Full`]; then nothing is taken.
    pub fn take(&mut self, username: &str, source: IpAddr) -> Result<(), Full> {
        let source = network(source);
        let of = self.by_credential.get(username).copied().unwrap_or(0);
        if of >= self.limits.per_credential {
            return Err(Full::Credential);
        }
        let from = self.by_source.get(&source).copied().unwrap_or(0);
        if from >= self.limits.per_source {
            return Err(Full::Source);
        }
        if self.all >= self.limits.all {
            return Err(Full::All);
        }
        self.all += 1;
        self.by_credential.insert(username.to_owned(), of + 1);
        self.by_source.insert(source, from + 1);
        Ok(())
    }

    /// One is over.
    pub fn give_back(&mut self, username: &str, source: IpAddr) {
        let source = network(source);
        self.all = self.all.saturating_sub(1);
        if let Some(count) = self.by_credential.get_mut(username) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_credential.remove(username);
            }
        }
        if let Some(count) = self.by_source.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
    }

    /// How many there are.
    pub const fn taken(&self) -> usize {
        self.all
    }
}

/// What counts as one source: of IPv6 the /64, since a single client owns that many addresses.
pub(crate) fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_holds_and_what_is_given_back_can_be_taken() {
        let limits = Limits {
            all: 4,
            per_credential: 2,
            per_source: 3,
        };
        let mut quota = Quota::new(limits);
        let (here, there): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        quota.take("a", here).unwrap();
        quota.take("a", here).unwrap();
        assert_eq!(quota.take("a", there), Err(Full::Credential));
        quota.take("b", here).unwrap();
        assert_eq!(quota.take("c", here), Err(Full::Source));
        quota.take("c", there).unwrap();
        assert_eq!(quota.take("d", there), Err(Full::All));
        quota.give_back("a", here);
        quota.take("d", there).unwrap();
        for (who, from) in [("a", here), ("b", here), ("c", there), ("d", there)] {
            quota.give_back(who, from);
        }
        assert_eq!(quota.taken(), 0);
        assert!(quota.by_credential.is_empty() && quota.by_source.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let mut quota = Quota::new(Limits {
            per_source: 1,
            ..Limits::default()
        });
        quota.take("a", "2001:db8::1".parse().unwrap()).unwrap();
        let neighbour = "2001:db8::2".parse().unwrap();
        assert_eq!(quota.take("b", neighbour), Err(Full::Source));
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        quota.take("c", mapped).unwrap();
        assert_eq!(
            quota.take("d", "192.0.2.1".parse().unwrap()),
            Err(Full::Source)
        );
    }
}
