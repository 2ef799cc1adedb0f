//! The box with a demo ACD behind it: for a person, until a key is pressed, or for one checked call.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;
use std::time::Duration;

use causeway_harness::check::{Checked, check};
use causeway_harness::config::{ADMIN_KEY, loopback};
use causeway_harness::program::{LogMark, Program};
use causeway_harness::{Acd, BoxPlan, BoxProcess, HarnessError, Result, place};
use clap::Parser;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// Starts a box on this machine with a demo contact centre behind it.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  causeway-demo\n  causeway-demo --check")]
struct Cli {
    /// Make one call with headless Chromium, print its result as JSON and stop
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = if cli.check {
        checked().await
    } else {
        demo().await.map(|()| true)
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One call between a browser and the ACD; its report is the last line of standard output.
async fn checked() -> Result<bool> {
    let stopped = stop_wanted()?;
    tokio::select! {
        checked = checked_call() => {
            let checked = checked?;
            println!("{}", checked.report);
            Ok(checked.good)
        }
        () = stopped => Err(HarnessError::new("stopped before the check was done")),
    }
}

async fn checked_call() -> Result<Checked> {
    let pbx_port = place::port_near(5070)?;
    let mut acd = Acd::start_on(pbx_port, &[]).await?;
    let causeway = BoxProcess::start(BoxPlan::new(acd.address())?.on_usual_ports()?).await?;
    let mut checked = check(&causeway, &mut acd).await;
    if !checked.good {
        eprintln!("the box's last lines:\n{}", causeway.program().tail(40));
        eprintln!("the ACD's last lines:\n{}", acd.program().tail(20));
    }
    // A box that does not stop in order is a finding too.
    if let Err(error) = causeway.stop().await {
        checked.good = false;
        checked.report["error"] = error.to_string().into();
    }
    acd.stop().await?;
    Ok(checked)
}

/// Runs until a key is pressed or a signal comes.
async fn demo() -> Result<()> {
    let stopped = stop_wanted()?;
    let pbx = loopback(place::port_near(5070)?);
    let plan = BoxPlan::new(pbx)?.on_usual_ports()?;
    let mut command = Command::new(place::program("causeway-phone")?);
    command.args([
        "acd",
        "--listen",
        &pbx.to_string(),
        "--trunk",
        &plan.sip.to_string(),
    ]);
    let contexts = format!("https://{}/api/v1/contexts/", plan.https);
    command
        .args(["--context-url", &contexts])
        .env("CAUSEWAY_ADMIN_KEY", ADMIN_KEY);
    let (output, mut events) = mpsc::unbounded_channel();
    let acd = Program::start("causeway-phone acd", command, Some(output))?;
    let causeway = BoxProcess::start(plan).await?;

    println!(
        "\nThe box runs; its files are in {}.",
        causeway.folder().display()
    );
    println!(
        "\n    Demo page    {}   (the certificate is its own: let the browser pass)",
        causeway.url("/demo/")
    );
    println!("    The ACD      answers 100, echoes 600, is busy at 486 (sip:{pbx})");
    println!(
        "    Call anna    from another SIP phone: sip:+49301001@{}\n",
        causeway.plan().sip
    );
    println!("Any key or Ctrl-C stops all of it.\n");

    tokio::pin!(stopped);
    let mut mark = LogMark::default();
    let mut look = tokio::time::interval(Duration::from_millis(200));
    let keys = KeyPress::begin();
    tokio::pin! { let pressed = pressed(keys.is_some()); }
    loop {
        tokio::select! {
            () = &mut stopped => break,
            () = &mut pressed => break,
            line = events.recv() => match line {
                Some(line) => println!("ACD  {line}"),
                None => return Err(HarnessError::new(format!("the ACD ended:\n{}", acd.tail(20)))),
            },
            _ = look.tick() => mark = show_troubles(&causeway, mark).await,
        }
    }
    drop(keys);
    println!("Stopping.");
    let (a, b) = tokio::join!(causeway.stop(), acd.stop());
    a?;
    b.map(|_| ())
}

/// Shows what the box warned of since `mark`; its ordinary log would drown the call's story.
async fn show_troubles(causeway: &BoxProcess, mut mark: LogMark) -> LogMark {
    let trouble = |line: &str| ["WARN", "ERROR"].iter().any(|level| line.contains(level));
    while let Ok((at, line)) = causeway
        .program()
        .logged(mark, "trouble", Duration::ZERO, trouble)
        .await
    {
        println!("box  {line}");
        mark = at;
    }
    causeway.program().mark()
}

/// Resolves at SIGINT, SIGTERM or SIGHUP.
fn stop_wanted() -> Result<impl Future<Output = ()>> {
    let handler = |kind| signal(kind).map_err(|e| HarnessError::new(format!("signals: {e}")));
    let mut interrupt = handler(SignalKind::interrupt())?;
    let mut terminate = handler(SignalKind::terminate())?;
    let mut hangup = handler(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Resolves when a key is pressed; never without a terminal.
async fn pressed(terminal: bool) {
    if terminal && let Ok(mut keyboard) = std::fs::File::open("/dev/tty") {
        let (tell, told) = oneshot::channel();
        // A thread of its own, because a read of a keyboard cannot be given up.
        std::thread::spawn(move || {
            if keyboard.read_exact(&mut [0u8]).is_ok() {
                let _ = tell.send(());
            }
        });
        if told.await.is_ok() {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// A terminal that hands over each key at once, until this is dropped.
#[derive(Debug)]
struct KeyPress(Termios);

impl KeyPress {
    fn begin() -> Option<Self> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO);
        tcsetattr(std::io::stdin(), SetArg::TCSANOW, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for KeyPress {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.0);
    }
}
