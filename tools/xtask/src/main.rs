//! The project's commands: run the box, test it, check it, measure it.
//!
//! Pure Rust with few dependencies, so that it builds on a machine that has nothing but Rust, a linker and git; whatever
//! the command at hand needs beyond that it installs itself (`needs`). It never talks to the box: the programs it
//! starts do.

mod bare;
mod bench;
mod fuzz;
mod image;
mod interop;
mod load;
mod needs;
mod quality;
mod reach;
mod run;
mod sim;
mod soak;
mod step;
mod storm;
mod suite;
mod tally;
mod tidy;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Every command of the project.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "\
Examples:
  cargo xtask run            start the box on this machine with a demo phone behind it
  cargo xtask run --check    the same, then one call between a browser and the phone, checked
  cargo xtask test           every default test
  cargo xtask ci             formatting, lints, import arrows and every default test"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build and start the box on the simulated board, with a demo ACD, and print the demo page's address
    #[command(after_help = "\
Examples:
  cargo xtask run                 a keypress or Ctrl-C stops all of it
  cargo xtask run --check --yes   make one call with a headless browser; the last line is a JSON object,
                                  the exit code says whether both tones were right")]
    Run(RunArgs),
    /// Run every default test; the last line is `N passed, N failed`
    #[command(after_help = "\
Examples:
  cargo xtask test
  cargo xtask test --only causeway-sip    one crate
  cargo xtask test --only browser         one stage: crates, sdk, browser, interop
  cargo xtask test --no-interop           leave Asterisk out")]
    Test(TestArgs),
    /// Formatting, lints, import arrows and every default test: what CI runs
    #[command(after_help = "Example:\n  cargo xtask ci --yes")]
    Ci(CiArgs),
    /// Check the import arrows, file sizes and the tree's layout
    #[command(after_help = "Example:\n  cargo xtask tidy")]
    Tidy,
    /// Measure the cost of a transcoded call and the time a call takes to set up
    #[command(after_help = "\
Examples:
  cargo xtask bench
  cargo xtask bench --seconds 30 --calls 50 --json bench.json
  cargo xtask bench media --against rtpengine    more and more calls of real speech, engine and load on a processor each")]
    Bench(BenchArgs),
    /// Judge how calls sound on bad networks: real speech through a box, beside the codec alone
    #[command(after_help = "\
Examples:
  cargo xtask quality                       about six minutes; fails where a call sounds worse than the codec alone
  cargo xtask quality --quick --json quality.json")]
    Quality(QualityArgs),
    /// Feed every parser mutated input
    #[command(after_help = "\
Examples:
  cargo xtask fuzz --seconds 300               every target, five minutes each
  cargo xtask fuzz --seconds 60 sip_message    one target
  cargo xtask fuzz --list")]
    Fuzz(FuzzArgs),
    /// Run the tests against Asterisk in a cached chroot, making that chroot if need be
    #[command(after_help = "\
Examples:
  cargo xtask interop
  cargo xtask interop --fresh    make the chroot anew")]
    Interop(InteropArgs),
    /// Run seeds of simulated SIP in virtual time: two endpoints, or one and a rude peer, on a bad network
    #[command(after_help = "\
Examples:
  cargo xtask sim --seeds 20000
  cargo xtask sim --replay 406    show one seed's messages as a ladder, and what was wrong with it")]
    Sim(SimArgs),
    /// Call the box with SIPp: calls a second, cost of a call beside Kamailio's, what many calls leave, overload
    #[command(after_help = "\
Examples:
  cargo xtask load                              100000 calls and a flood of two minutes: half an hour or so
  cargo xtask load --calls 5000 --seconds 20    a look")]
    Load(LoadArgs),
    /// Let strangers send rubbish at every media port while people call: handshakes during set-ups, sound during calls
    #[command(after_help = "\
Examples:
  cargo xtask storm                               500 set-ups, then 20 calls for a minute
  cargo xtask storm --setups 50 --seconds 10      a look")]
    Storm(StormArgs),
    /// Keep a box under calls that come and go, for hours: what it holds, and how late it becomes
    #[command(after_help = "\
Examples:
  cargo xtask soak                             60 calls at any time, two hours
  cargo xtask soak --calls 10 --minutes 10     a look")]
    Soak(SoakArgs),
    /// Call the box with browsers in networks of many kinds: who is heard, by which way, how soon, or told why not
    #[command(after_help = "\
Examples:
  cargo xtask reach                      every network, Chromium and Firefox: two minutes; needs root
  cargo xtask reach --only tls-443       one network
  cargo xtask reach --json reach.json")]
    Reach(ReachArgs),
    /// Make the box's disk image, or boot it in QEMU and break it
    #[command(after_help = "\
Examples:
  cargo xtask image x86_64    Debian's packages once, then two builds that must be the same; needs root
  cargo xtask image test      boots, falls back, is reset by its watchdog: in QEMU, without KVM")]
    Image {
        #[command(subcommand)]
        what: image::ImageCommand,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Make one call with headless Chromium, print its result as JSON and stop
    #[arg(long)]
    check: bool,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
    /// Build optimised
    #[arg(long)]
    release: bool,
}

#[derive(Debug, Args)]
struct TestArgs {
    /// One stage (crates, sdk, browser, interop) or one crate's tests
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Leave out the tests against Asterisk
    #[arg(long)]
    no_interop: bool,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct CiArgs {
    /// Leave out the tests against Asterisk
    #[arg(long)]
    no_interop: bool,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
struct BenchArgs {
    #[command(subcommand)]
    what: Option<BenchWhat>,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How long the calls talk, in seconds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(5..=3600))]
    seconds: u32,
    /// Calls at once
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    calls: u32,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum BenchWhat {
    /// Cost, latency and memory of calls of real speech, beside the bare codec and another engine
    #[command(after_help = "\
The engine runs on the first processor alone, both ends of every call on the second: the machine should do nothing else.
Rows that deliver less than 99.9 % are marked and not counted; calls are added until 1 % is lost or 2 % is late.

Examples:
  cargo xtask bench media
  cargo xtask bench media --modes transcode --steps 80,150 --seconds 30 --against rtpengine --json media.json
  cargo xtask bench media --modes video,video-transcode       pictures of 640 × 360, 15 a second, 500 kbit/s")]
    Media(MediaBenchArgs),
}

/// Engines under the same load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Against {
    Rtpengine,
    /// Transcoding alone
    Asterisk,
}

#[derive(Debug, Args)]
struct MediaBenchArgs {
    /// What the engine does: transcode, relay, video (H.264 as it is), video-transcode (VP8 to H.264 and back)
    #[arg(long, value_delimiter = ',', default_value = "transcode,relay")]
    modes: Vec<String>,
    /// Calls at once, row after row; when left out what suits the mode: 20,80,150 and more, of transcoded pictures 2,5,8 and more
    #[arg(long, value_delimiter = ',')]
    steps: Vec<u32>,
    /// How long each row is measured
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(2..=3600))]
    seconds: u32,
    /// Put the same load through another engine as well
    #[arg(long)]
    against: Option<Against>,
    /// Also write the rows to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct QualityArgs {
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fewer networks, less speech: a minute
    #[arg(long)]
    quick: bool,
    /// Draws the networks
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct FuzzArgs {
    /// How long to feed each target
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Name the targets and stop
    #[arg(long)]
    list: bool,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
    /// The targets to feed; all of them when none is named
    targets: Vec<String>,
}

#[derive(Debug, Args)]
struct SimArgs {
    /// How many seeds
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Threads; all cores by default
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=256))]
    jobs: Option<u64>,
    /// Show this seed again
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
}

#[derive(Debug, Args)]
struct LoadArgs {
    /// Calls that must leave nothing behind
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    calls: u32,
    /// How long ten times too many calls come, in seconds
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(5..=3600))]
    seconds: u32,
    /// Do not search: this many calls a second are sustained
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: Option<u32>,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct StormArgs {
    /// Calls set up while 1 000 handshakes a second begin at every media port
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    setups: u32,
    /// How long calls stand while 10 000 packets of sound a second come to every media port
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=3600))]
    seconds: u32,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct SoakArgs {
    /// Calls at any time; each lasts 20 to 240 seconds and is followed by another
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=1000))]
    calls: u16,
    /// How long it goes on
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(8..=10_000))]
    minutes: u32,
    /// Also write the minutes to this file, as they come
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct ReachArgs {
    /// Also write the rows to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only these networks: open, nat-box, symmetric, no-udp, tcp-443, tls-443, ipv6, http-443, no-relay
    #[arg(long, value_name = "NETWORK")]
    only: Vec<String>,
    /// Without Firefox
    #[arg(long)]
    no_firefox: bool,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct InteropArgs {
    /// Make the chroot anew
    #[arg(long)]
    fresh: bool,
    /// Only make the chroot
    #[arg(long)]
    prepare: bool,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Test(args) => suite::test(&args),
        Command::Ci(args) => suite::ci(&args),
        Command::Tidy => tidy::command(),
        Command::Bench(args) => bench::bench(&args),
        Command::Quality(args) => quality::quality(&args),
        Command::Fuzz(args) => fuzz::fuzz(&args),
        Command::Interop(args) => interop::interop(&args),
        Command::Sim(args) => sim::sim(&args),
        Command::Load(args) => load::load(&args),
        Command::Storm(args) => storm::storm(&args),
        Command::Soak(args) => soak::soak(&args),
        Command::Reach(args) => reach::reach(&args),
        Command::Image { what } => image::image(&what),
    };
    match done {
        Ok(code) => code,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}
