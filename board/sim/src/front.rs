//! Somebody's finger at the front panel.

use crate::board::SimBoard;
use crate::parts::{SimButton, SimLamps};
use causeway_board::panel::PanelStatus;
use causeway_board::{Button, Lamps, Panel, PanelAction, StatusLamps};

/// How often the button is read, as a board does that has no edges.
const STEP_MS: u64 = 10;

/// A panel on a simulated board, driven as a box drives it.
#[derive(Debug)]
pub struct Front {
    pub board: SimBoard,
    panel: Panel,
    button: SimButton,
    lamps: SimLamps,
    actions: Vec<PanelAction>,
}

impl Default for Front {
    fn default() -> Self {
        Self::new()
    }
}

impl Front {
    /// Nobody touches it.
    pub fn new() -> Self {
        let board = SimBoard::new();
        Self {
            panel: Panel::new(),
            button: board.button(),
            lamps: board.lamps(),
            actions: Vec::new(),
            board,
        }
    }

    pub fn set_status(&mut self, status: PanelStatus) {
        self.panel.set_status(status);
    }

    /// The finger is where it is for so long.
    pub fn pass(&mut self, ms: u64) -> &mut Self {
        for _ in 0..ms / STEP_MS {
            self.board.pass(STEP_MS);
            let now_ms = self.board.now_ms();
            // A fault of the button counts as released.
            let down = self.button.is_down().unwrap_or(false);
            self.actions.extend(self.panel.handle_button(down, now_ms));
            let _ = self.lamps.show(self.panel.lamps(now_ms));
        }
        self
    }

    /// Down, with contacts that bounce, for so long.
    pub fn down(&mut self, ms: u64) -> &mut Self {
        self.bounce(true);
        self.pass(ms)
    }

    /// Up, likewise.
    pub fn up(&mut self, ms: u64) -> &mut Self {
        self.bounce(false);
        self.pass(ms)
    }

    fn bounce(&mut self, to: bool) {
        for level in [to, !to, to] {
            self.board.set_button(level);
            self.pass(STEP_MS);
        }
    }

    /// What is lit now.
    pub fn lit(&self) -> Lamps {
        self.lamps.lit()
    }

    /// What is lit each `step_ms`, `count` times, from now on.
    pub fn watch(&mut self, step_ms: u64, count: usize) -> String {
        let looks: Vec<String> = (0..count)
            .map(|_| {
                let lit = self.lit().to_string();
                self.pass(step_ms);
                lit
            })
            .collect();
        looks.join(" ")
    }

    /// What was asked for since the last call.
    pub fn actions(&mut self) -> Vec<PanelAction> {
        std::mem::take(&mut self.actions)
    }
}
