//! A web page calls through the booted box: SIP and sound pass it both ways, and what calls cost it in memory is told.

use causeway_harness::Acd;
use causeway_harness::config::{APP, APP_SECRET, sha256};
use causeway_harness::https;
use causeway_harness::load::Load;
use causeway_image_tests::{Disk, Lan, Probe, Setup};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const BOOT: Duration = Duration::from_secs(240);
const HTTPS: u16 = 443;
/// What the box is asked to carry at once for the figure: without transcoding, for a machine without KVM is slow.
const CALLS: u32 = 50;

/// Says every two seconds what is in use.
const MEMORY: Probe = Probe {
    name: "memory",
    script: "while sleep 2
do set -- $(sed -n 's/^Mem\\(Total\\|Available\\): *\\([0-9]*\\).*/\\2/p' /proc/meminfo)
echo MEMORY $((($1 - $2) / 1024)) MB
done",
    off: false,
};

fn document() -> String {
    let (own, pbx) = (Lan::BOX, Lan::OTHERS);
    format!(
        r#"[box]
name = "image-call"
[network.ipv4]
address = "{own}/24"
[[trunk]]
name = "pbx"
address = "{pbx}:5060"
transport = "udp"
codecs = ["PCMA"]
[[app]]
key = "{APP}"
secret_sha256 = ["{}"]
origins = ["https://{own}", "https://{own}:{HTTPS}"]
destinations = ["*"]
caller_id = "+49301000"
max_calls = 100
calls_per_minute = 6000
"#,
        sha256(APP_SECRET)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_passes_the_booted_box() {
    let lan = Lan::new().await;
    let inside = Some(lan.namespace());
    let acd = Acd::start_in(inside, SocketAddr::new(Lan::OTHERS, 5060), &[])
        .await
        .expect("a PBX");
    let disk = Disk::configured("call", &document());
    let mut machine = Setup::default().on(&lan).with(MEMORY).boot(&disk);
    let at = SocketAddr::new(Lan::BOX, HTTPS);
    let until = Instant::now() + BOOT;
    while https::ask_from(inside, at, "/healthz", None, None)
        .await
        .is_err()
    {
        assert!(
            Instant::now() < until,
            "the box does not answer:\n{}",
            machine.console()
        );
    }
    machine.line("MEMORY", BOOT);
    let idle = memory(&machine.console());

    // Coded anew on its way: Opus from the page, G.711 towards the PBX, which sends every sound back.
    let url = format!("https://{at}");
    let report = Load::new(1, 1, 5.0)
        .run_at(&url, inside)
        .await
        .expect("a caller");
    println!("a call: {report:#}");
    assert_eq!(report["connected"], 1, "{report:#}");
    assert_eq!(
        report["heard_ok"], 1,
        "the caller hears itself by way of the PBX: {report:#}"
    );

    let mut many = Load::new(CALLS, CALLS, 20.0);
    many.codec = "pcma".to_owned();
    let report = many.run_at(&url, inside).await.expect("callers");
    println!("{CALLS} calls: {report:#}");
    assert_eq!(report["connected"], CALLS, "{report:#}");
    let busy = memory(&machine.console());
    println!("FIGURES memory in use: {idle} MB idle, {busy} MB at most with {CALLS} calls");
    machine.cut();
    acd.stop().await.expect("the PBX ends");
}

/// The most that was told so far.
fn memory(console: &str) -> u32 {
    let told = console.lines().filter_map(|line| {
        let (_, rest) = line.split_once("MEMORY ")?;
        rest.split_once(" MB")?.0.parse().ok()
    });
    told.max().unwrap_or(0)
}
