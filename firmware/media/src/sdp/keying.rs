//! Which keys a trunk leg uses (RFC 4568 sections 5 and 7).
//!
//! | policy | our first offer | their plain offer | their `RTP/AVP` with keys | their `RTP/SAVP` |
//! |---|---|---|---|---|
//! | off | `RTP/AVP` | plain | plain | refused |
//! | optional | `RTP/AVP` with keys | plain | encrypted | encrypted |
//! | required | `RTP/SAVP` | refused | encrypted | encrypted |
//!
//! Why an optional offer is `RTP/AVP` with `a=crypto`: a PBX without SRTP ignores the attribute and
//! the call is there at once, one that encrypts when it can (Asterisk's `media_encryption_optimistic`,
//! Avaya's and Grandstream's best effort) takes it, and one that insists answers 488, on which the
//! same call is offered once more as `RTP/SAVP` ([`Keying::insist`]). The other way round every call
//! to a PBX without SRTP would be refused once first, and some of these refuse with port 0 in a 200.
//!
//! | later | keys |
//! |---|---|
//! | our re-INVITE | profile, tag and key of ours as agreed |
//! | their re-INVITE with the key they had | ours stays; their tag is echoed |
//! | their re-INVITE with another key or suite | a new one of ours: what they hand the call to knows nothing of our roll-over count |
//! | their re-INVITE plain | refused when required, else plain from then on |

use super::crypto::{CryptoFault, CryptoLine};
use super::{Attribute, Media, SdpError};
use crate::srtp::{MAX_KEYING, SrtpKey, SrtpPlan, SrtpSuite};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

/// What is offered, in this order. AES-256 in counter mode is taken but not offered: an INVITE must
/// stay below the size at which UDP is left (RFC 3261 section 18.1.1).
const OFFERED: [SrtpSuite; 3] = [
    SrtpSuite::AeadAes256Gcm,
    SrtpSuite::AeadAes128Gcm,
    SrtpSuite::AesCm128HmacSha1_80,
];

/// Whether a trunk leg is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SrtpPolicy {
    #[default]
    Off,
    Optional,
    Required,
}

/// 32 unpredictable octets from which a leg's keys are drawn; never twice the same. Never prints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeySeed(pub [u8; 32]);

impl fmt::Debug for KeySeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySeed(…)")
    }
}

/// What one exchange comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub profile: Profile,
    /// Tag and keys; none when the leg is plain.
    pub keys: Option<(u32, SrtpPlan)>,
    /// Draws that were made for it.
    draws: u64,
}

/// The profile of an audio section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    Avp,
    Savp,
}

impl Profile {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Savp => "RTP/SAVP",
        }
    }

    fn of(section: &Media) -> Result<Self, SdpError> {
        [Self::Avp, Self::Savp]
            .into_iter()
            .find(|profile| section.protocol.eq_ignore_ascii_case(profile.name()))
            .ok_or_else(|| unusable(section))
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Keying {
    policy: SrtpPolicy,
    seed: KeySeed,
    draws: u64,
    insisting: bool,
    /// Lines and profile of our last offer, while answers to it are welcome.
    offered: Option<(Profile, Vec<CryptoLine>)>,
    agreed: Option<Agreed>,
}

impl Keying {
    pub fn new(policy: SrtpPolicy, seed: KeySeed) -> Self {
        Self {
            policy,
            seed,
            draws: 0,
            insisting: false,
            offered: None,
            agreed: None,
        }
    }

    /// Makes the next offer `RTP/SAVP` where it was `RTP/AVP` with keys; false when there is
    /// nothing to insist on.
    pub fn insist(&mut self) -> bool {
        let may = self.policy == SrtpPolicy::Optional && !self.insisting && self.agreed.is_none();
        if may {
            self.insisting = true;
        }
        may
    }

    /// Profile and attributes of our next offer.
    pub fn offer(&mut self) -> (Profile, Vec<Attribute>) {
        let offer = match (&self.agreed, &self.offered) {
            (Some(agreed), _) => {
                let line = agreed.keys.map(|(tag, plan)| CryptoLine {
                    tag,
                    key: plan.send,
                });
                (agreed.profile, line.into_iter().collect())
            }
            // The same offer once more.
            (None, Some((_, lines))) => (self.first_profile(), lines.clone()),
            (None, None) if self.policy == SrtpPolicy::Off => (Profile::Avp, Vec::new()),
            (None, None) => {
                let mut lines = Vec::new();
                for (tag, suite) in (1..).zip(OFFERED) {
                    let key = self.draw(suite, self.draws);
                    self.draws += 1;
                    lines.extend(key.map(|key| CryptoLine { tag, key }));
                }
                (self.first_profile(), lines)
            }
        };
        let attributes = offer.1.iter().map(attribute).collect();
        let profile = offer.0;
        self.offered = Some(offer);
        (profile, attributes)
    }

    const fn first_profile(&self) -> Profile {
        match self.policy {
            SrtpPolicy::Required => Profile::Savp,
            SrtpPolicy::Optional if self.insisting => Profile::Savp,
            SrtpPolicy::Optional | SrtpPolicy::Off => Profile::Avp,
        }
    }

    /// Looks at an answer to our last offer.
    ///
    /// # Errors
    /// [`SdpError::Profile`], [`SdpError::NotEncrypted`], [`SdpError::Crypto`].
    pub fn judge_answer(&self, section: &Media) -> Result<Agreed, SdpError> {
        let profile = Profile::of(section)?;
        let plain = Agreed {
            profile: Profile::Avp,
            keys: None,
            draws: 0,
        };
        let (asked, lines) = match &self.offered {
            Some((asked, lines)) if !lines.is_empty() => (*asked, lines),
            _ if profile == Profile::Savp => return Err(unusable(section)),
            _ => return Ok(plain),
        };
        let Some((line, value)) = values(section).next() else {
            return if profile == Profile::Savp || asked == Profile::Savp {
                Err(SdpError::NotEncrypted { line: section.line })
            } else {
                Ok(plain)
            };
        };
        let fault = |fault| SdpError::Crypto { line, fault };
        let theirs = CryptoLine::read(value).map_err(fault)?;
        let ours = lines
            .iter()
            .find(|ours| ours.tag == theirs.tag && ours.key.suite() == theirs.key.suite())
            .ok_or_else(|| fault(CryptoFault::NotOffered))?;
        let plan = SrtpPlan {
            send: ours.key,
            receive: theirs.key,
        };
        Ok(Agreed {
            profile,
            keys: Some((ours.tag, plan)),
            draws: 0,
        })
    }

    /// Looks at an offer of theirs.
    ///
    /// # Errors
    /// As [`Self::judge_answer`].
    pub fn judge_offer(&self, section: &Media) -> Result<Agreed, SdpError> {
        let profile = Profile::of(section)?;
        if self.policy == SrtpPolicy::Off {
            return match profile {
                Profile::Savp => Err(unusable(section)),
                Profile::Avp => Ok(Agreed {
                    profile,
                    keys: None,
                    draws: 0,
                }),
            };
        }
        let before = self.agreed.and_then(|agreed| agreed.keys);
        let known = |line: &CryptoLine| {
            before
                .filter(|(_, plan)| plan.receive == line.key)
                .is_some()
        };
        let mut first_fault = None;
        let mut chosen: Option<CryptoLine> = None;
        for (line, value) in values(section) {
            match CryptoLine::read(value) {
                // The key in use goes before the first that would do.
                Ok(read) if chosen.is_none() || known(&read) => chosen = Some(read),
                Ok(_) => {}
                Err(fault) => {
                    _ = first_fault.get_or_insert(SdpError::Crypto { line, fault });
                }
            }
        }
        let Some(theirs) = chosen else {
            return if profile == Profile::Avp && self.policy == SrtpPolicy::Optional {
                Ok(Agreed {
                    profile,
                    keys: None,
                    draws: 0,
                })
            } else {
                Err(first_fault.unwrap_or(SdpError::NotEncrypted { line: section.line }))
            };
        };
        let (send, draws) = match before {
            Some((_, plan)) if plan.receive == theirs.key => (Some(plan.send), 0),
            _ => (self.draw(theirs.key.suite(), self.draws), 1),
        };
        let send = send.ok_or(SdpError::NotEncrypted { line: section.line })?;
        let plan = SrtpPlan {
            send,
            receive: theirs.key,
        };
        Ok(Agreed {
            profile,
            keys: Some((theirs.tag, plan)),
            draws,
        })
    }

    /// Makes an exchange count.
    pub fn settle(&mut self, agreed: Agreed) {
        self.draws += agreed.draws;
        self.agreed = Some(agreed);
    }

    /// As [`Self::settle`], for an offer of theirs: answers to ours are welcome no more.
    pub fn settle_offer(&mut self, agreed: Agreed) {
        self.offered = None;
        self.settle(agreed);
    }

    /// The `n`th key of the leg: as much of HMAC-SHA-256 under the seed as the suite wants.
    fn draw(&self, suite: SrtpSuite, n: u64) -> Option<SrtpKey> {
        let mut keying = Vec::with_capacity(MAX_KEYING.next_multiple_of(32));
        for block in 0..=1_u8 {
            let mut mac = Hmac::<Sha256>::new_from_slice(&self.seed.0).ok()?;
            mac.update(b"SRTP master key and salt");
            mac.update(&n.to_be_bytes());
            mac.update(&[block]);
            keying.extend_from_slice(&mac.finalize().into_bytes());
        }
        SrtpKey::new(suite, keying.get(..suite.keying_octets())?)
    }
}

/// The attributes of an answer or an offer.
pub(super) fn attribute(line: &CryptoLine) -> Attribute {
    Attribute::with_value("crypto", line.write())
}

impl Agreed {
    pub fn plan(&self) -> Option<SrtpPlan> {
        self.keys.map(|(_, plan)| plan)
    }

    /// The attribute that answers an offer.
    pub fn answer(&self) -> Vec<Attribute> {
        let line = self.keys.map(|(tag, plan)| CryptoLine {
            tag,
            key: plan.send,
        });
        line.iter().map(attribute).collect()
    }
}

/// Lines and values of all `a=crypto` of a section.
fn values(section: &Media) -> impl Iterator<Item = (usize, &str)> {
    section
        .attributes
        .iter()
        .filter(|attribute| attribute.name.eq_ignore_ascii_case("crypto"))
        .map(|attribute| (attribute.line, attribute.value.as_deref().unwrap_or("")))
}

fn unusable(section: &Media) -> SdpError {
    SdpError::Profile {
        line: section.line,
        profile: section.protocol.clone(),
    }
}
