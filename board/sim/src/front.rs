//! Somebody's finger at the front panel.

use crate::board::SimBoard;
use crate::parts::{SimButton, SimLamps};
use causeway_board::panel::PanelStatus;
use causeway_board::{FrontPanel, Lamps, PanelAction};

/// How often the button is read, as a board does that has no edges.
const STEP_MS: u64 = 10;

/// A panel on a simulated board, driven as a box drives it.
#[derive(Debug)]
pub struct Front {
    pub board: SimBoard,
    front: FrontPanel<SimButton, SimLamps>,
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
            front: FrontPanel::new(board.button(), board.lamps()),
            actions: Vec::new(),
            board,
        }
    }

    pub fn set_status(&mut self, status: PanelStatus) {
        self.front.panel.set_status(status);
    }

    /// The finger is where it is for so long.
    pub fn pass(&mut self, ms: u64) -> &mut Self {
        for _ in 0..ms / STEP_MS {
            self.board.pass(STEP_MS);
            self.actions.extend(self.front.look(self.board.now_ms()));
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
        self.front.lamps().lit()
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
