//! What one side may see of its calls. Deliberately simpler than the endpoint: it knows no transaction and no timer.
//!
//! | rule | what would break it |
//! |---|---|
//! | a call comes in once | a retransmission taken for a new call |
//! | a call closes once, and says nothing afterwards | a late message that reaches a dead call |
//! | only a placed call is answered, and once; only an incoming one is confirmed or cancelled | crossed roles |
//! | an offer of ours is settled once, with the answer that was made for it | crossed answers |
//! | a transfer of ours has one last word, and nothing behind it | a NOTIFY that reaches a dead subscription |
//! | a lossless link ends no call by fault | a timer that is wrong |

use std::collections::BTreeMap;

use causeway_sip::{CallId, Event, ReferId, Side};

use crate::link::End;

/// What is known of one call at one side.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub incoming: bool,
    pub answered: bool,
    pub closed: bool,
    /// Offers of ours that were taken by the endpoint and not settled yet, newest last.
    pub offers: Vec<u64>,
    /// We were asked and have not answered; the offer's number, 0 when there was none.
    pub asked: Option<u64>,
    /// An offer of ours went out in a 200 because theirs was absent.
    pub offered_in_200: Option<u64>,
    /// We have asked for an offer.
    pub asking: bool,
}

/// Both sides' calls.
#[derive(Debug, Default)]
pub struct Model {
    pub seen: BTreeMap<(End, CallId), Seen>,
    pub findings: Vec<String>,
    /// Nothing is lost: no call may end by fault.
    pub fair: bool,
    next_offer: u64,
    /// Transfers we have asked for, and whether their last word came.
    refers: BTreeMap<(End, ReferId), bool>,
}

impl Model {
    /// A session description nobody else has written.
    pub fn offer(&mut self) -> (u64, Vec<u8>) {
        self.next_offer += 1;
        let id = self.next_offer;
        (id, sdp(id, None))
    }

    /// The answer to that offer.
    pub fn answer(&mut self, to: u64) -> Vec<u8> {
        self.next_offer += 1;
        sdp(self.next_offer, Some(to))
    }

    pub fn find(&mut self, what: String) {
        // The first ones tell; thousands would only fill memory.
        if self.findings.len() < 20 {
            self.findings.push(what);
        }
    }

    pub fn placed(&mut self, side: End, call: CallId, offer: Option<u64>) {
        let seen = Seen {
            offers: offer.into_iter().collect(),
            ..Seen::default()
        };
        self.seen.insert((side, call), seen);
    }

    pub fn referred(&mut self, side: End, refer: ReferId) {
        self.refers.insert((side, refer), false);
    }

    fn refer_event(&mut self, side: End, event: &Event) {
        let Event::ReferProgress {
            refer, is_final, ..
        } = event
        else {
            return;
        };
        match self.refers.get_mut(&(side, *refer)) {
            None => self.find(format!("{side:?}: {refer:?} was never asked for")),
            Some(true) => self.find(format!("{side:?}: {refer:?} goes on after its end")),
            Some(over) => *over = *is_final,
        }
    }

    /// Calls of a side that have not closed.
    pub fn open(&self, side: End) -> Vec<CallId> {
        let of_side = self.seen.iter().filter(|((at, _), _)| *at == side);
        of_side
            .filter(|(_, seen)| !seen.closed)
            .map(|((_, call), _)| *call)
            .collect()
    }

    /// Takes down an event and says what is wrong with it.
    pub fn event(&mut self, side: End, event: &Event) {
        if let Event::Incoming { call, sdp, .. } = event {
            let seen = Seen {
                incoming: true,
                asked: Some(sdp.as_deref().and_then(number).unwrap_or(0)),
                ..Seen::default()
            };
            if self.seen.insert((side, *call), seen).is_some() {
                self.find(format!("{side:?}: {call} came in twice"));
            }
            return;
        }
        let Some(call) = call_of(event) else { return };
        self.refer_event(side, event);
        let fair = self.fair;
        let Some(seen) = self.seen.get_mut(&(side, call)) else {
            return self.find(format!("{side:?}: {} of an unknown call", name(event)));
        };
        let mut wrong = Vec::new();
        if seen.closed {
            wrong.push("after the end".to_owned());
        }
        match event {
            Event::Answered { sdp, .. } => {
                if seen.incoming || seen.answered {
                    wrong.push("of a call that cannot be answered".to_owned());
                }
                seen.answered = true;
                match sdp {
                    // We had placed it without an offer: theirs waits for us, and so does the ACK.
                    Some(sdp) if seen.offers.is_empty() => {
                        seen.asked = Some(number(sdp).unwrap_or(0));
                    }
                    Some(sdp) => wrong.extend(seen.settle(sdp)),
                    None => {}
                }
            }
            Event::Confirmed { sdp, .. } => {
                if !seen.incoming {
                    wrong.push("of a call of our own".to_owned());
                }
                if let (Some(sdp), Some(ours)) = (sdp, seen.offered_in_200.take()) {
                    wrong.extend(mismatch(sdp, ours));
                }
            }
            Event::Cancelled { .. } => {
                if !seen.incoming {
                    wrong.push("of a call of our own".to_owned());
                }
                seen.closed = true;
            }
            Event::Failed { .. } => {
                if seen.incoming {
                    wrong.push("of a call that came in".to_owned());
                }
                seen.closed = true;
            }
            Event::Ended { by, reason, .. } => {
                // 481 is what the other side said: it hangs up at the same moment.
                let crossed = reason.as_ref().is_some_and(|r| r.cause == Some(481));
                if fair && *by == Side::Fault && !crossed {
                    wrong.push(format!("by fault on a fair link: {reason:?}"));
                }
                seen.closed = true;
            }
            Event::Offer { sdp, .. } => {
                if seen.asked.is_some() && seen.answered {
                    wrong.push("while another waits for us".to_owned());
                }
                seen.asked = Some(sdp.as_deref().and_then(number).unwrap_or(0));
            }
            Event::OfferAnswered { sdp, .. } => match seen.offered_in_200.take() {
                Some(ours) if !sdp.is_empty() => wrong.extend(mismatch(sdp, ours)),
                Some(_) => {}
                None => wrong.extend(seen.settle(sdp)),
            },
            Event::OfferDue { .. } | Event::OfferRejected { .. }
                if seen.offers.pop().is_none() && !std::mem::take(&mut seen.asking) =>
            {
                wrong.push("without an offer of ours".to_owned());
            }
            _ => {}
        }
        for what in wrong {
            self.find(format!("{side:?}: {call}: {} {what}", name(event)));
        }
    }
}

impl Model {
    /// The rules that hold against a rude peer as well: each call comes in and closes once, and is silent afterwards.
    pub fn rude_event(&mut self, event: &Event) {
        let Some(call) = call_of(event) else { return };
        self.refer_event(End::A, event);
        if let Event::Incoming { .. } = event {
            let seen = Seen {
                incoming: true,
                ..Seen::default()
            };
            if self.seen.insert((End::A, call), seen).is_some() {
                self.find(format!("{call} came in twice"));
            }
            return;
        }
        let Some(seen) = self.seen.get_mut(&(End::A, call)) else {
            return self.find(format!("{} of an unknown call", name(event)));
        };
        let late = std::mem::replace(
            &mut seen.closed,
            matches!(
                event,
                Event::Failed { .. } | Event::Cancelled { .. } | Event::Ended { .. }
            ),
        );
        seen.answered |= matches!(event, Event::Answered { .. } | Event::Confirmed { .. });
        let crossed = match event {
            Event::Answered { .. } | Event::Failed { .. } => seen.incoming,
            Event::Confirmed { .. } | Event::Cancelled { .. } => !seen.incoming,
            _ => false,
        };
        if late {
            self.find(format!("{call}: {} after the end", name(event)));
        }
        if crossed {
            self.find(format!("{call}: {} in the wrong role", name(event)));
        }
    }
}

impl Seen {
    /// An answer came: to the newest offer of ours that is open.
    fn settle(&mut self, sdp: &[u8]) -> Option<String> {
        match self.offers.pop() {
            Some(ours) => mismatch(sdp, ours),
            None => Some("without an offer of ours".to_owned()),
        }
    }
}

fn mismatch(sdp: &[u8], ours: u64) -> Option<String> {
    match answers(sdp) {
        // The other side writes answers that say to what; whoever does not is rude.
        Some(to) if to != ours => Some(format!("answers offer {to}, ours was {ours}")),
        _ => None,
    }
}

fn sdp(id: u64, answers: Option<u64>) -> Vec<u8> {
    let answers = answers
        .map(|to| format!("a=answers:{to}\r\n"))
        .unwrap_or_default();
    format!(
        "v=0\r\no=- {id} 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n{answers}"
    )
    .into_bytes()
}

/// The number of a description.
pub fn number(sdp: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(sdp).ok()?;
    text.split("o=- ").nth(1)?.split(' ').next()?.parse().ok()
}

fn answers(sdp: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(sdp).ok()?;
    text.split("a=answers:")
        .nth(1)?
        .lines()
        .next()?
        .parse()
        .ok()
}

/// The call an event is about.
pub fn call_of(event: &Event) -> Option<CallId> {
    match event {
        Event::Incoming { call, .. }
        | Event::Progress { call, .. }
        | Event::Answered { call, .. }
        | Event::Confirmed { call, .. }
        | Event::Failed { call, .. }
        | Event::Offer { call, .. }
        | Event::OfferAnswered { call, .. }
        | Event::OfferDue { call }
        | Event::OfferRejected { call, .. }
        | Event::Cancelled { call, .. }
        | Event::Ended { call, .. }
        | Event::Referred { call, .. }
        | Event::ReferProgress { call, .. }
        | Event::PictureFastUpdate { call }
        | Event::Dtmf { call, .. } => Some(*call),
        _ => None,
    }
}

/// The event's name alone.
pub fn name(event: &Event) -> String {
    let text = format!("{event:?}");
    text.split([' ', '{', '(']).next().unwrap_or("").to_owned()
}
