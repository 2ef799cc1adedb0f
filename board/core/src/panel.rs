//! The front panel: one button and four lamps.
//!
//! | state | button | after | next | what |
//! |---|---|---|---|---|
//! | unread | up | | up | |
//! | unread | down | | jammed | held since power-on: ignored |
//! | up | down | | down | |
//! | down | up | < 2 s | up | [`PanelAction::Locate`] |
//! | down | up | 2 to 5 s | up | nothing: somebody thought better of it |
//! | down | up | 5 to 10 s | up | [`PanelAction::Reboot`] |
//! | down | up | 10 to 20 s | up | [`PanelAction::FactoryReset`] |
//! | down | | > 20 s | jammed | nothing: somebody leans on it |
//! | jammed | up | | up | |
//!
//! What happens is decided by letting go, so that a button that got stuck never wipes a box. Meanwhile the lamps say what
//! letting go would do:
//!
//! | held | lamps |
//! |---|---|
//! | < 5 s | as ever, after 2 s `Power` alone, blinking twice a second |
//! | 5 to 10 s | a countdown: all four blink, from the right one less every 1.25 s |
//! | 10 to 20 s | all blink ten times a second |
//!
//! A level counts when it stood for 30 ms (contacts bounce).

use crate::hardware::{Button, Lamp, Lamps, StatusLamps};

const BOUNCE_MS: u64 = 30;
const LOCATE_BELOW_MS: u64 = 2_000;
const REBOOT_FROM_MS: u64 = 5_000;
const RESET_FROM_MS: u64 = 10_000;
const JAMMED_FROM_MS: u64 = 20_000;
/// Nobody searches for longer.
const LOCATE_FOR_MS: u64 = 600_000;
const COUNTDOWN_STEP_MS: u64 = 1_250;
/// Half a period of blinking.
const SLOW_MS: u64 = 1_000;
const BLINK_MS: u64 = 250;
const FAST_MS: u64 = 50;

/// What somebody wants of the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelAction {
    /// Show which box this is, or stop it; the panel's lamp does so by itself.
    Locate {
        on: bool,
    },
    Reboot,
    FactoryReset,
}

/// What the lamps tell when nobody touches the button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PanelStatus {
    /// At least one trunk is up.
    pub trunk: bool,
    /// There is a call.
    pub call: bool,
    /// Something wants to be looked at.
    pub alarm: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unread,
    Up,
    Down { since_ms: u64 },
    Jammed,
}

/// The button's state machine and what the lamps show.
#[derive(Debug)]
pub struct Panel {
    state: State,
    /// The level as it came last, and since when.
    level: Option<(bool, u64)>,
    status: PanelStatus,
    located_ms: Option<u64>,
}

impl Default for Panel {
    fn default() -> Self {
        Self::new()
    }
}

impl Panel {
    /// Just powered on, the button not read yet.
    pub const fn new() -> Self {
        Self {
            state: State::Unread,
            level: None,
            status: PanelStatus {
                trunk: false,
                call: false,
                alarm: false,
            },
            located_ms: None,
        }
    }

    /// What the lamps shall tell.
    pub fn set_status(&mut self, status: PanelStatus) {
        self.status = status;
    }

    /// The button's level as it is now, bouncing or not. To be called on edges and at [`Panel::next_look_ms`] at the
    /// latest; every 10 ms will do.
    pub fn handle_button(&mut self, down: bool, now_ms: u64) -> Option<PanelAction> {
        match self.level {
            Some((level, since_ms)) if level == down => {
                if now_ms.saturating_sub(since_ms) >= BOUNCE_MS {
                    return self.settled(down, since_ms, now_ms);
                }
            }
            Some(_) | None => self.level = Some((down, now_ms)),
        }
        None
    }

    fn settled(&mut self, down: bool, since_ms: u64, now_ms: u64) -> Option<PanelAction> {
        match (self.state, down) {
            (State::Unread, true) => self.state = State::Jammed,
            (State::Unread | State::Jammed, false) => self.state = State::Up,
            (State::Up, true) => self.state = State::Down { since_ms },
            (State::Down { since_ms: pressed }, true) => {
                if now_ms.saturating_sub(pressed) > JAMMED_FROM_MS {
                    self.state = State::Jammed;
                }
            }
            (State::Down { since_ms: pressed }, false) => {
                self.state = State::Up;
                return self.let_go(since_ms.saturating_sub(pressed), now_ms);
            }
            (State::Up, false) | (State::Jammed, true) => {}
        }
        None
    }

    fn let_go(&mut self, held_ms: u64, now_ms: u64) -> Option<PanelAction> {
        match held_ms {
            0..LOCATE_BELOW_MS => {
                let on = !self.is_located(now_ms);
                self.located_ms = on.then_some(now_ms);
                Some(PanelAction::Locate { on })
            }
            LOCATE_BELOW_MS..REBOOT_FROM_MS => None,
            REBOOT_FROM_MS..RESET_FROM_MS => Some(PanelAction::Reboot),
            RESET_FROM_MS..=JAMMED_FROM_MS => Some(PanelAction::FactoryReset),
            _ => None,
        }
    }

    fn is_located(&self, now_ms: u64) -> bool {
        self.located_ms
            .is_some_and(|since| now_ms.saturating_sub(since) < LOCATE_FOR_MS)
    }

    /// What the lamps show now.
    pub fn lamps(&self, now_ms: u64) -> Lamps {
        if let State::Down { since_ms } = self.state {
            let held_ms = now_ms.saturating_sub(since_ms);
            match held_ms {
                0..LOCATE_BELOW_MS => {}
                LOCATE_BELOW_MS..REBOOT_FROM_MS => {
                    return Lamps::NONE.with(Lamp::Power, blink(held_ms, BLINK_MS));
                }
                REBOOT_FROM_MS..RESET_FROM_MS => {
                    let gone = (held_ms - REBOOT_FROM_MS) / COUNTDOWN_STEP_MS;
                    let left = 4 - u32::try_from(gone).unwrap_or(4).min(4);
                    return if blink(held_ms, BLINK_MS) {
                        Lamps::first(left)
                    } else {
                        Lamps::NONE
                    };
                }
                RESET_FROM_MS..=JAMMED_FROM_MS => {
                    return if blink(held_ms, FAST_MS) {
                        Lamps::ALL
                    } else {
                        Lamps::NONE
                    };
                }
                _ => {}
            }
        }
        Lamps::NONE
            .with(Lamp::Power, !self.status.alarm || blink(now_ms, SLOW_MS))
            .with(Lamp::Trunk, self.status.trunk)
            .with(Lamp::Call, self.status.call)
            .with(
                Lamp::Locate,
                self.is_located(now_ms) && blink(now_ms, BLINK_MS),
            )
    }

    /// When button and lamps want to be looked at again without an edge.
    pub fn next_look_ms(&self, now_ms: u64) -> u64 {
        let bouncing =
            matches!(self.level, Some((_, since)) if now_ms.saturating_sub(since) < BOUNCE_MS);
        let step_ms = match self.state {
            _ if bouncing => 10,
            State::Down { .. } => FAST_MS,
            State::Unread => 10,
            State::Up | State::Jammed => BLINK_MS,
        };
        now_ms.saturating_add(step_ms)
    }
}

/// The panel with its hardware: reads the button, writes the lamps that changed.
#[derive(Debug)]
pub struct FrontPanel<B, L> {
    pub panel: Panel,
    button: B,
    lamps: L,
    /// What the lamps were last told, all of them taking it.
    shown: Option<Lamps>,
}

impl<B: Button, L: StatusLamps> FrontPanel<B, L> {
    /// Just powered on.
    pub const fn new(button: B, lamps: L) -> Self {
        Self {
            panel: Panel::new(),
            button,
            lamps,
            shown: None,
        }
    }

    pub const fn lamps(&self) -> &L {
        &self.lamps
    }

    /// Looks once; to be called again at [`Panel::next_look_ms`]. A button that cannot be read counts as released, and lamps
    /// that fail are tried again: neither keeps the box from its work.
    pub fn look(&mut self, now_ms: u64) -> Option<PanelAction> {
        let down = self.button.is_down().unwrap_or(false);
        let action = self.panel.handle_button(down, now_ms);
        let lamps = self.panel.lamps(now_ms);
        if self.shown != Some(lamps) {
            self.shown = self.lamps.show(lamps).is_ok().then_some(lamps);
        }
        action
    }
}

/// Lit in the first half of each period.
const fn blink(ms: u64, half_ms: u64) -> bool {
    (ms / half_ms).is_multiple_of(2)
}
