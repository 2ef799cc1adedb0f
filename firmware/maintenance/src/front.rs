//! The front panel: a thread looks at the button and drives the lamps; what somebody wants comes out of a channel.
//!
//! What a press means is `causeway_board::Panel`'s to say. A board without lamps and without a button has no thread.

use causeway_board::hardware::{Button, PinButton, StatusLamps, lamp_test};
use causeway_board::panel::PanelStatus;
use causeway_board::{FrontPanel, PanelAction};
use causeway_board_linux::{BoardDescription, Pin, PinError, SysfsLamps};
use embedded_hal::delay::DelayNs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Actions that wait for whoever carries them out; a button cannot be pressed much faster.
const WAITING: usize = 8;
/// How long each lamp is lit at power-on, in milliseconds.
const TEST_MS: u32 = 300;

/// The panel of a board that has one. Its thread ends when this is dropped.
#[derive(Debug)]
pub struct Front {
    actions: Receiver<PanelAction>,
    status: Arc<AtomicU8>,
    stopping: Arc<AtomicBool>,
}

impl Front {
    /// The panel of `board` below `root`; none when it has neither lamps nor button.
    ///
    /// # Errors
    /// When what the board is said to have is not there.
    pub fn open(root: &Path, board: &BoardDescription) -> io::Result<Option<Self>> {
        if board.button.is_none() && board.lamps.iter().all(Option::is_none) {
            return Ok(None);
        }
        let lamps = SysfsLamps::open(root, board.lamps)?;
        Ok(Some(match board.button {
            Some(at) => {
                let chip = root.join(at.chip.trim_start_matches('/'));
                let pin = Pin::input(&chip, at.line, at.active_low).map_err(io::Error::other)?;
                let active_low = at.active_low;
                Self::run(PinButton { pin, active_low }, lamps)?
            }
            None => Self::run(NoButton, lamps)?,
        }))
    }

    /// A panel of any lamps and button, which are tried once.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn run<B, L>(button: B, lamps: L) -> io::Result<Self>
    where
        B: Button + Send + 'static,
        L: StatusLamps + Send + 'static,
    {
        let (to, actions) = sync_channel(WAITING);
        let front = Self {
            actions,
            status: Arc::default(),
            stopping: Arc::default(),
        };
        let (status, stopping) = (Arc::clone(&front.status), Arc::clone(&front.stopping));
        thread::Builder::new()
            .name("front panel".to_owned())
            .spawn(move || drive(button, lamps, &status, &stopping, &to))?;
        Ok(front)
    }

    /// What the lamps shall tell.
    pub fn show(&self, status: PanelStatus) {
        let bits = [status.trunk, status.call, status.alarm];
        let bits = bits
            .iter()
            .rev()
            .fold(0, |bits, bit| bits << 1 | u8::from(*bit));
        self.status.store(bits, Relaxed);
    }

    /// What somebody wants, waited for at most `limit`; none: nothing.
    pub fn action(&self, limit: Duration) -> Option<PanelAction> {
        self.actions.recv_timeout(limit).ok()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stopping.store(true, Relaxed);
    }
}

fn drive<B: Button, L: StatusLamps>(
    button: B,
    mut lamps: L,
    status: &AtomicU8,
    stopping: &AtomicBool,
    to: &SyncSender<PanelAction>,
) {
    // A lamp that fails is dark; nothing else depends on it.
    let _ = lamp_test(&mut lamps, &mut Sleep, TEST_MS);
    let mut front = FrontPanel::new(button, lamps);
    let epoch = Instant::now();
    let now = || u64::try_from(epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
    while !stopping.load(Relaxed) {
        let bits = status.load(Relaxed);
        front.panel.set_status(PanelStatus {
            trunk: bits & 1 != 0,
            call: bits & 2 != 0,
            alarm: bits & 4 != 0,
        });
        let at = now();
        if let Some(action) = front.look(at) {
            // Who does not come for actions gets the first ones.
            let _ = to.try_send(action);
        }
        // The button has no interrupt here: it is looked at as often as it bounces.
        let next = front.panel.next_look_ms(at).saturating_sub(now());
        thread::sleep(Duration::from_millis(next.clamp(1, 20)));
    }
}

struct NoButton;

impl Button for NoButton {
    type Error = PinError;

    fn is_down(&mut self) -> Result<bool, PinError> {
        Ok(false)
    }
}

struct Sleep;

impl DelayNs for Sleep {
    fn delay_ns(&mut self, ns: u32) {
        thread::sleep(Duration::from_nanos(ns.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_board_linux::description::BOARDS;
    use std::fs;

    struct Finger(Arc<AtomicBool>);

    impl Button for Finger {
        type Error = io::Error;

        fn is_down(&mut self) -> io::Result<bool> {
            Ok(self.0.load(Relaxed))
        }
    }

    #[test]
    fn a_board_without_a_panel_has_none() {
        let root = tempfile::tempdir().unwrap();
        let bare = BOARDS.iter().find(|b| b.button.is_none()).unwrap();
        assert!(Front::open(root.path(), bare).unwrap().is_none());
    }

    #[test]
    fn a_press_is_told_and_lamps_follow() {
        let root = tempfile::tempdir().unwrap();
        let names = ["power", "trunk", "call", "locate"];
        for name in names {
            let folder = root.path().join("sys/class/leds").join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("max_brightness"), "1\n").unwrap();
            fs::write(folder.join("brightness"), "0\n").unwrap();
        }
        let lit = |name: &str| {
            let path = root
                .path()
                .join("sys/class/leds")
                .join(name)
                .join("brightness");
            fs::read_to_string(path).unwrap().starts_with('1')
        };
        let until = |is: &dyn Fn() -> bool, what: &str| {
            let end = Instant::now() + Duration::from_secs(20);
            while !is() {
                assert!(Instant::now() < end, "{what}");
                thread::sleep(Duration::from_millis(5));
            }
        };
        let lamps = SysfsLamps::open(root.path(), names.map(Some)).unwrap();
        let down = Arc::new(AtomicBool::new(false));
        let front = Front::run(Finger(Arc::clone(&down)), lamps).unwrap();
        front.show(PanelStatus {
            trunk: true,
            ..PanelStatus::default()
        });
        until(
            &|| lit("power") && lit("trunk") && !lit("call"),
            "a trunk is up",
        );
        // The button was seen released first: nobody held it at power-on.
        thread::sleep(Duration::from_millis(200));
        down.store(true, Relaxed);
        thread::sleep(Duration::from_millis(300));
        down.store(false, Relaxed);
        let action = front.action(Duration::from_secs(20));
        assert_eq!(action, Some(PanelAction::Locate { on: true }));
        until(&|| lit("locate"), "it blinks");
        assert_eq!(front.action(Duration::from_millis(50)), None);
    }
}
