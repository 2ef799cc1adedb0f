//! The journal reaches rsyslog over TLS, whole and in order, also across a server that goes away and comes back. A script stands for the
//! journal: it has the same lines and honours the cursor.

use causeway_maintenance::syslog::{Settings, forward};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rsyslog() -> Option<PathBuf> {
    let there = |path: &str| Path::new(path).exists().then(|| PathBuf::from(path));
    let program = there("/usr/sbin/rsyslogd");
    let tls = ["x86_64", "aarch64"].iter().any(|arch| {
        Path::new(&format!("/usr/lib/{arch}-linux-gnu/rsyslog/lmnsd_gtls.so")).exists()
    });
    if program.is_none() || !tls {
        eprintln!("not tested: rsyslog or rsyslog-gnutls is not installed");
    }
    program.filter(|_| tls)
}

fn serve(program: &Path, folder: &Path, port: u16) -> Server {
    let at = folder.display();
    let settings = format!(
        "global(workDirectory=\"{at}\" DefaultNetstreamDriver=\"gtls\" DefaultNetstreamDriverCAFile=\"{at}/server.pem\"\n\
         DefaultNetstreamDriverCertFile=\"{at}/server.pem\" DefaultNetstreamDriverKeyFile=\"{at}/server.key\")\n\
         module(load=\"imtcp\" StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\")\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
         template(name=\"all\" type=\"string\" string=\"%pri% %timereported:::date-rfc3339% %hostname% %app-name% %procid% %msg%\\n\")\n\
         action(type=\"omfile\" file=\"{at}/received\" template=\"all\")\n"
    );
    fs::write(folder.join("rsyslog.conf"), settings).expect("written");
    let _ = fs::remove_file(folder.join("pid"));
    let child = Command::new(program)
        .arg("-n")
        .arg("-f")
        .arg(folder.join("rsyslog.conf"))
        .arg("-i")
        .arg(folder.join("pid"))
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("rsyslog.log")).expect("a log"))
        .spawn()
        .expect("rsyslogd");
    let server = Server(child);
    until("the server listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    server
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_server_that_goes_away_misses_nothing() {
    let Some(program) = rsyslog() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let said = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
        ])
        .args([
            "-subj",
            "/CN=logs.example",
            "-addext",
            "subjectAltName=DNS:logs.example",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(at("server.key"))
        .arg("-out")
        .arg(at("server.pem"))
        .output()
        .expect("openssl");
    assert!(said.status.success(), "{said:?}");
    // Lines whose number is their cursor; more come as long as they are written.
    let journal = r#"
        case $1 in --after-cursor=*) n=${1#*=} ;; *) n=0 ;; esac
        while :; do
            if [ "$n" -lt "$(cat "$0")" ]; then
                n=$((n + 1))
                echo "{\"__CURSOR\":\"$n\",\"__REALTIME_TIMESTAMP\":\"1800000000000000\",\"PRIORITY\":\"5\",\"_HOSTNAME\":\"front-desk\",\"SYSLOG_IDENTIFIER\":\"causewayd\",\"_PID\":\"7\",\"MESSAGE\":\"entry $n. token=hunter2\"}"
            else sleep 0.1; fi
        done"#;
    fs::write(at("last"), "20").expect("written");
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("its address").port()
    };
    let settings = Settings {
        server: format!("127.0.0.1:{port}"),
        name: "logs.example".to_owned(),
        ca: at("server.pem"),
        cursor: at("cursor"),
        journal: vec!["sh".into(), "-c".into(), journal.into(), at("last").into()],
    };
    let received = || fs::read_to_string(at("received")).unwrap_or_default();
    let has = |n: u32| {
        received()
            .lines()
            .any(|line| line.contains(&format!("entry {n}. ")))
    };

    let server = serve(&program, folder.path(), port);
    let stopping = Arc::new(AtomicBool::new(false));
    let thread = {
        let (settings, stopping) = (settings.clone(), Arc::clone(&stopping));
        thread::spawn(move || forward(&settings, &stopping, &mut |what| eprintln!("{what}")))
    };
    until("the first entries come", || has(20));
    let cursor = || fs::read_to_string(at("cursor")).unwrap_or_default();
    until("the cursor is kept", || cursor() == "20");
    drop(server);
    fs::write(at("last"), "40").expect("written");
    thread::sleep(Duration::from_secs(1));
    assert!(!has(21));
    let server = serve(&program, folder.path(), port);
    until("what was written meanwhile comes", || has(40));
    stopping.store(true, Ordering::Relaxed);
    thread.join().expect("it ends").expect("no fault");
    assert_eq!(cursor(), "40");

    // Whose certificate is another's is told nothing.
    let stopping = AtomicBool::new(false);
    let mut told = Vec::new();
    let wrong = Settings {
        name: "other.example".to_owned(),
        ..settings
    };
    fs::write(at("last"), "41").expect("written");
    forward(&wrong, &stopping, &mut |what| {
        told.push(what.to_owned());
        stopping.store(true, Ordering::Relaxed);
    })
    .expect("the settings may work one day");
    assert!(told[0].contains("certificate"), "{told:?}");
    drop(server);

    let numbers: Vec<u32> = received()
        .lines()
        .filter_map(|line| line.split("entry ").nth(1)?.split('.').next()?.parse().ok())
        .collect();
    assert!((1..=40).all(|n| numbers.contains(&n)), "{numbers:?}");
    assert!(!numbers.contains(&41));
    let first = received();
    let first = first.lines().next().expect("a line");
    assert_eq!(
        first,
        "29 2027-01-15T08:00:00.000000Z front-desk causewayd 7 entry 1. token=***"
    );
}
