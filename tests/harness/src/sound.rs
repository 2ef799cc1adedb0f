//! A sound card that nobody hears: PulseAudio with a null sink, without which Firefox's audio clock stands still.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::error::{HarnessError, Result};
use crate::program::Program;

const START: Duration = Duration::from_secs(10);

/// Starts a PulseAudio of our own whose socket and files are in `folder`.
pub async fn start(folder: &Path) -> Result<Program> {
    let socket = folder.join("pulse.sock");
    let mut command = Command::new("pulseaudio");
    command
        .args([
            "-n",
            "--daemonize=no",
            "--use-pid-file=no",
            "--exit-idle-time=-1",
            "--disable-shm=yes",
            "--log-target=stderr",
        ])
        // Without rewinds it plays 50 ms at a time, as a real card does; else two seconds, which a new stream waits for.
        .arg("--load=module-null-sink sink_name=causeway rate=48000 norewinds=1")
        .arg(format!(
            "--load=module-native-protocol-unix auth-anonymous=1 socket={}",
            socket.display()
        ))
        .env("HOME", folder)
        .env("PULSE_RUNTIME_PATH", folder.join("pulse"))
        .env("XDG_RUNTIME_DIR", folder)
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
    let mut program = Program::start("pulseaudio", command, None)?;
    let deadline = Instant::now() + START;
    while !socket.exists() {
        if program.ended().is_some() || Instant::now() > deadline {
            return Err(HarnessError::new(format!(
                "PulseAudio does not start:\n{}",
                program.tail(10)
            )));
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(program)
}

/// What a program needs in its environment to find that sound card.
pub fn environment(folder: &Path) -> [(String, String); 2] {
    [
        (
            "PULSE_SERVER".to_owned(),
            format!("unix:{}", folder.join("pulse.sock").display()),
        ),
        ("XDG_RUNTIME_DIR".to_owned(), folder.display().to_string()),
    ]
}
