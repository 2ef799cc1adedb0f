//! Trunks that are names, with a real name server: SRV with priorities and weights, NAPTR that chooses TCP, a name that
//! is a host, a record that changes under a call, and a DNS that does not answer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_harness::cli::causeway_says;
use causeway_harness::load::Load;
use causeway_harness::{Acd, BoxPlan, BoxProcess, NameServer, name_server};
use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(20);

fn srv(service: &str, host: &str, at: SocketAddr, priority: u16, weight: u16) -> String {
    format!(
        "srv-host={service},{host}.example,{},{priority},{weight}",
        at.port()
    )
}

fn trunk(name: &str, numbers: &str, keys: &str) -> String {
    format!(
        "[[trunk]]\nname = \"{name}\"\naddress = \"{name}.example\"\nnumbers = [\"{numbers}\"]\n{keys}\n"
    )
}

/// Calls to a number; what became of them.
async fn calls(causeway: &BoxProcess, to: &str, count: u32, seconds: f64) -> Value {
    let mut load = Load::new(count, count, seconds);
    load.to = to.to_owned();
    load.run(causeway).await.unwrap()
}

async fn targets(causeway: &BoxProcess, trunk: &str) -> Vec<(String, f64)> {
    let metrics = causeway.metrics().await.unwrap();
    let start = format!("causeway_trunk_target_up{{trunk=\"{trunk}\",target=\"");
    let of_trunk = metrics.iter().filter_map(|(name, up)| {
        let target = name.strip_prefix(&start)?.strip_suffix("\"}")?;
        Some((target.to_owned(), *up))
    });
    of_trunk.collect()
}

/// Waits until a trunk has exactly these targets that are up.
async fn leads_to(causeway: &BoxProcess, trunk: &str, up: &[SocketAddr]) -> Duration {
    let mut wanted: Vec<String> = up.iter().map(ToString::to_string).collect();
    wanted.sort();
    let begun = Instant::now();
    loop {
        let found = targets(causeway, trunk).await;
        let found: Vec<String> = found
            .into_iter()
            .filter(|(_, up)| *up == 1.0)
            .map(|(t, _)| t)
            .collect();
        if found == wanted {
            return begun.elapsed();
        }
        assert!(
            begun.elapsed() < SOON,
            "{trunk} leads to {found:?}, not {wanted:?}:\n{}",
            causeway.program().tail(30)
        );
        sleep(Duration::from_millis(100)).await;
    }
}

async fn state(causeway: &BoxProcess, trunk: &str) -> Value {
    let status = causeway.admin("/api/v1/status").await.unwrap();
    let trunks = status["trunks"].as_array().unwrap();
    trunks.iter().find(|t| t["name"] == trunk).unwrap().clone()
}

/// What box and PBX said in the call to a number.
async fn ladder(causeway: &BoxProcess, to: &str) -> String {
    let record = causeway.record(to, |r| r["to_number"] == to).await.unwrap();
    let id = record["id"].as_str().unwrap();
    let question = ["calls", "show", id, "--ladder"];
    causeway_says(causeway, &question).await.unwrap()
}

#[tokio::test]
async fn a_trunk_may_be_a_name() {
    let mut first = Acd::start(&[]).await.unwrap();
    let second = Acd::start(&[]).await.unwrap();
    let mut third = Acd::start(&[]).await.unwrap();
    let (at_first, at_second, at_third) = (first.address(), second.address(), third.address());
    let dead: SocketAddr = UdpSocket::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    // A host of its own for the name without any service: the usual port is 5060 there.
    let plain = UdpSocket::bind("127.0.53.1:5060").await.unwrap();
    let dns = name_server::free_address().unwrap();

    let records = |pair: &[String]| {
        let mut records: Vec<String> = ["one", "two"]
            .map(|host| format!("host-record={host}.example,127.0.0.1"))
            .into();
        records.extend([
            "host-record=plain.example,127.0.53.1".to_owned(),
            "naptr-record=naptr.example,10,10,s,SIPS+D2T,,_sips._tcp.naptr.example".to_owned(),
            "naptr-record=naptr.example,20,10,s,SIP+D2T,,_sip._tcp.naptr.example".to_owned(),
            "naptr-record=naptr.example,30,10,s,SIP+D2U,,_sip._udp.naptr.example".to_owned(),
            srv("_sip._tcp.naptr.example", "one", at_first, 0, 0),
            srv("_sip._udp.naptr.example", "one", dead, 0, 0),
            srv("_sip._udp.limps.example", "one", dead, 10, 0),
            srv("_sip._udp.limps.example", "two", at_third, 20, 0),
            srv("_sip._udp.shares.example", "one", at_first, 10, 50),
            srv("_sip._udp.shares.example", "two", at_second, 10, 50),
        ]);
        records.extend_from_slice(pair);
        records
    };
    let pair = [
        srv("_sip._udp.pair.example", "one", at_first, 10, 0),
        srv("_sip._udp.pair.example", "two", at_second, 20, 0),
    ];

    let mut plan = BoxPlan::new(at_first).unwrap();
    plan.trunks.clear();
    plan.sip_extra = format!("dns = [\"{dns}\"]");
    plan.tables = [
        trunk("pair", "1*", ""),
        trunk("naptr", "2*", ""),
        trunk("limps", "3*", "transport = \"udp\""),
        trunk("shares", "4*", ""),
        trunk("plain", "5*", ""),
        trunk("nowhere", "6*", ""),
    ]
    .concat();
    let causeway = BoxProcess::start(plan).await.unwrap();

    // Nobody answers for names yet: a call is refused at once, and everybody is told why.
    let report = calls(&causeway, "100", 1, 1.0).await;
    assert_eq!(report["failures"]["ended_unreachable"], 1, "{report}");
    let records_of_calls = causeway.records().await.unwrap();
    let reason = records_of_calls[0]["reason"].as_str().unwrap();
    assert!(reason.contains("has no address"), "{reason}");
    assert_eq!(state(&causeway, "pair").await["state"], "no address");

    // It comes, and the names are found without a restart.
    let server = NameServer::start(dns, &records(&pair)).await.unwrap();
    let took = leads_to(&causeway, "pair", &[at_first, at_second]).await;
    eprintln!("found {took:?} after the name server came");
    let nowhere = state(&causeway, "nowhere").await;
    assert_eq!(nowhere["state"], "no address");
    assert!(
        nowhere["dns"]
            .as_str()
            .is_some_and(|f| f.contains("knows no address for nowhere.example")),
        "{nowhere}"
    );

    // The first of its priorities, and while calls stand there the records change.
    leads_to(&causeway, "naptr", &[at_first]).await;
    let long = calls(&causeway, "100", 2, 14.0);
    let meanwhile = async {
        for _ in 0..2 {
            first.wait("answered", SOON, |_| true).await.unwrap();
        }
        server.stop().await.unwrap();
        let moved = [srv("_sip._udp.pair.example", "two", at_third, 10, 0)];
        let server = NameServer::start(dns, &records(&moved)).await.unwrap();
        // A target that fails is reason enough to ask again before the time of the answer is over.
        second.kill().await.unwrap();
        let took = leads_to(&causeway, "pair", &[at_third]).await;
        eprintln!("followed {took:?} after a target died");
        let report = calls(&causeway, "101", 1, 0.5).await;
        assert_eq!(report["connected"], 1, "{report}");
        assert_eq!(third.seen("answered").len(), 1);

        // Without a DNS everything goes on.
        server.stop().await.unwrap();
        let report = calls(&causeway, "102", 1, 0.5).await;
        assert_eq!(report["connected"], 1, "{report}");
        assert_eq!(third.seen("answered").len(), 2);
    };
    let (talked, ()) = tokio::join!(long, meanwhile);
    // (What the tone is does not matter here.) Both were ended by their callers, not before.
    let failures = talked["failures"].as_object().unwrap();
    assert!(
        talked["connected"] == 2 && failures.keys().all(|k| k == "wrong_tone"),
        "calls at a former address: {talked}"
    );
    let answered = first.seen("answered").len();

    // NAPTR: TLS would come first, and this box has none for it; TCP comes next.
    let report = calls(&causeway, "200", 1, 0.5).await;
    assert_eq!(report["connected"], 1, "{report}");
    assert_eq!(first.seen("answered").len(), answered + 1);
    // Whatever they lead to, PBXes are called by their names.
    let ladder = ladder(&causeway, "101").await;
    assert!(ladder.contains("INVITE sip:101@pair.example "), "{ladder}");
    let ladder = self::ladder(&causeway, "200").await;
    let invite = "INVITE sip:200@naptr.example;transport=tcp ";
    assert!(ladder.contains(invite), "{ladder}");

    // The dearer target is dead: the call goes to the other.
    let report = calls(&causeway, "300", 1, 0.5).await;
    assert_eq!(report["connected"], 1, "{report}");
    assert_eq!(third.seen("answered").len(), 3);

    // No service, no port: the name is a host, at 5060.
    let mut buffer = vec![0; 4_096];
    let (length, _) = timeout(SOON, plain.recv_from(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    let probe = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(
        probe.starts_with("OPTIONS sip:plain.example SIP/2.0\r\n"),
        "{probe}"
    );
    causeway.stop().await.unwrap();
    first.stop().await.unwrap();
    third.stop().await.unwrap();
}

#[tokio::test]
async fn targets_of_equal_priority_share_the_calls() {
    let mut first = Acd::start(&[]).await.unwrap();
    let mut second = Acd::start(&[]).await.unwrap();
    let (at_first, at_second) = (first.address(), second.address());
    let dns = name_server::free_address().unwrap();
    let records = [
        "host-record=one.example,127.0.0.1".to_owned(),
        srv("_sip._udp.shares.example", "one", at_first, 10, 50),
        srv("_sip._udp.shares.example", "one", at_second, 10, 50),
    ];
    let server = NameServer::start(dns, &records).await.unwrap();
    let mut plan = BoxPlan::new(at_first).unwrap();
    plan.trunks.clear();
    plan.sip_extra = format!("dns = [\"{dns}\"]");
    plan.tables = trunk("shares", "*", "");
    let causeway = BoxProcess::start(plan).await.unwrap();
    leads_to(&causeway, "shares", &[at_first, at_second]).await;
    let report = calls(&causeway, "100", 20, 1.0).await;
    assert_eq!(report["connected"], 20, "{report}");
    let shares = [first.seen("answered").len(), second.seen("answered").len()];
    eprintln!("shares of 20 calls: {shares:?}");
    assert_eq!(shares[0] + shares[1], 20);
    // That all of them fall on one side has a chance of one in 500,000.
    assert!(shares[0] > 0 && shares[1] > 0, "{shares:?}");
    causeway.stop().await.unwrap();
    server.stop().await.unwrap();
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}
