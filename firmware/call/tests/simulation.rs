//! Seeded random lives of calls against a few rules that hold for every one of them.
//! `CAUSEWAY_SEED=n` replays one life, `CAUSEWAY_LIVES=n` runs more.

mod exchange;
use causeway_call::*;
use causeway_media::plan::Direction as Flow;
use exchange::*;

/// xorshift64*: a seed is a life.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }
}

fn event(dice: &mut Dice) -> Event {
    let device = DeviceId(1 + dice.roll(4));
    let flow = [
        Flow::SendRecv,
        Flow::SendOnly,
        Flow::RecvOnly,
        Flow::Inactive,
    ][dice.roll(4) as usize];
    let request = RequestId(dice.roll(1000));
    match dice.roll(43) {
        0 | 1 => web_answered(),
        2 | 3 => Event::WebConnected,
        4 => Event::WebLost,
        5 => Event::WebBack,
        6 => Event::DeviceGone { device },
        7 => Event::DeviceBack { device },
        8 => Event::DeviceJoined { device },
        9 => Event::Hangup { device, request },
        10 => Event::Accept { device, request },
        11 => Event::Reject {
            device,
            request,
            busy: dice.roll(2) == 0,
        },
        12 | 13 => Event::Hold { device, request },
        14 | 15 => Event::Resume { device, request },
        16 => Event::TrunkProgress {
            early: (dice.roll(2) == 0).then_some(flow),
        },
        17 | 18 => Event::TrunkAnswered { direction: flow },
        19 => failed(400 + dice.roll(250) as u16),
        20 => Event::TrunkReplanned { direction: flow },
        21 => Event::TrunkAgreed {
            direction: flow,
            has_picture: dice.roll(2) == 0,
        },
        22 => Event::TrunkRefused {
            cause: FarCause::default(),
        },
        23 => Event::Digits {
            device,
            request,
            digits: "5".into(),
            duration_ms: 100,
            gap_ms: 70,
        },
        24 => Event::DigitsSent,
        25 | 26 => Event::TransferAsked,
        27 => Event::TransferProgress { status: 180 },
        28 => Event::TransferAnswered { direction: flow },
        29 => Event::TransferFailed {
            cause: FarCause::default(),
        },
        30 | 31 => Event::Transfer {
            device,
            request,
            target: TransferTarget::Number("600".into()),
        },
        32 => Event::ReferAccepted,
        33 => Event::ReferProgress { status: 180 },
        34 => Event::ReferDone,
        35 => Event::ReferFailed {
            cause: FarCause::default(),
        },
        36 => Event::Consulted {
            begins: dice.roll(2) == 0,
        },
        37 => Event::HandedOn,
        38 => Event::ReplaceAsked,
        39 => Event::TrunkReplaced {
            direction: (dice.roll(2) == 0).then_some(flow),
        },
        40 | 41 => Event::Picture {
            device,
            request,
            begins: dice.roll(2) == 0,
        },
        _ => Event::TrunkEnded {
            cause: FarCause::default(),
        },
    }
}

fn live(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut it = match dice.roll(3) {
        0 => Exchange::placed(),
        1 => Exchange::came_in(&[CALLER, ANNA]),
        _ => Exchange::answered(),
    };
    let mut asked = 0_i64;
    let mut finished = 0;
    let mut last_seq = 0;
    let mut transferring = false;
    for _ in 0..60 {
        if dice.roll(8) == 0 {
            it.now += std::time::Duration::from_secs(dice.roll(20));
            it.call.handle_timeout(it.now);
        } else {
            let event = event(&mut dice);
            asked += i64::from(matches!(
                event,
                Event::Hangup { .. }
                    | Event::Accept { .. }
                    | Event::Reject { .. }
                    | Event::Hold { .. }
                    | Event::Resume { .. }
                    | Event::Picture { .. }
                    | Event::Digits { .. }
                    | Event::Transfer { .. }
            ));
            // Who tells that a transfer failed has closed its leg.
            transferring &= !matches!(event, Event::TransferFailed { .. });
            it.call.handle(event, it.now);
        }
        while let Some(command) = it.call.poll_command() {
            match command {
                Command::Reply { .. } => asked -= 1,
                Command::Finish { .. } => finished += 1,
                Command::Tell { seq, device, .. } if it.call.device() == Some(device) => {
                    assert!(seq >= last_seq, "seed {seed}: seq went back");
                    last_seq = seq;
                }
                Command::PlaceTransfer => {
                    assert!(!transferring, "seed {seed}: two transfers at once");
                    transferring = true;
                }
                Command::CompleteTransfer | Command::AbandonTransfer => {
                    assert!(transferring, "seed {seed}: there is no transfer");
                    transferring = false;
                }
                Command::PlaceTrunk
                | Command::AnswerTrunk
                | Command::OfferTrunk { .. }
                | Command::OfferPicture { .. }
                | Command::ReferTrunk { .. } => {
                    assert_eq!(finished, 0, "seed {seed}: the trunk is used after the end");
                }
                _ => {}
            }
        }
        assert!(asked >= 0, "seed {seed}: a request was answered twice");
        assert!(finished <= 1, "seed {seed}: finished twice");
        let over = it.call.phase() == Phase::Ended;
        assert_eq!(
            over,
            finished == 1,
            "seed {seed}: ended without finishing, or the reverse"
        );
        assert!(
            !over || it.call.poll_timeout().is_none(),
            "seed {seed}: a timer outlives the call"
        );
        assert!(
            !over || asked == 0,
            "seed {seed}: a request was never answered"
        );
    }
}

#[test]
fn every_life_keeps_the_rules() {
    let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    if let Some(seed) = number("CAUSEWAY_SEED") {
        return live(seed);
    }
    for seed in 0..number("CAUSEWAY_LIVES").unwrap_or(100_000) {
        live(seed);
    }
}
