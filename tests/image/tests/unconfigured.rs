//! A box fresh from the factory: it says so on the console, and answers nobody but who has the code for the page of the first
//! set-up.

use causeway_image_tests::{Disk, HTTPS, OTHERS, Probe, SIP, Setup, answers_options};
use std::time::Duration;

/// What listens on addresses other people reach, other than for answers to what the box asks itself.
const SOCKETS: Probe = Probe {
    name: "sockets",
    script: "ss -Hlntu | while read kind state in out local rest; do echo SOCKET $kind $local; done
echo ROOT $(cut -d: -f2 /etc/shadow | sort -u | tr '\\n' ' ')
echo GETTY $(systemctl list-units --all --plain --no-legend '*getty*.service' 'emergency.service' 'debug-shell.service' | grep -c running)
echo GATEWAY $(systemctl is-active causeway.service)
echo RULES $(nft list chain inet box input | grep -c 'policy drop')",
    off: false,
};

#[test]
fn nothing_answers_before_there_is_a_password() {
    let disk = Disk::new("unconfigured");
    let mut machine = Setup::default().with(SOCKETS).boot(&disk);
    let limit = Duration::from_secs(180);
    machine.line("GATEWAY inactive", limit);
    machine.line("PROBE END", limit);
    let console = machine.console();

    // Whatever listens listens to the box itself, is the box's name on the local network, or waits for its own address.
    let strange: Vec<&str> = console
        .lines()
        .filter_map(|line| line.split_once("SOCKET ")?.1.split_once(' '))
        .map(|(_, address)| address)
        .filter(|address| {
            let own = ["127.", "[::1]", "[fe80::"]
                .iter()
                .any(|a| address.starts_with(a));
            let name = address.ends_with(":5353");
            let lease = address.ends_with(":68") || address.ends_with(":546");
            let page = address.ends_with(":443");
            !own && !name && !lease && !page
        })
        .collect();
    assert_eq!(strange, Vec::<&str>::new());
    assert!(console.contains("SOCKET"), "the list came");
    // And what is sent to it finds nobody.
    for port in OTHERS.into_iter().chain([HTTPS, SIP]) {
        let page = port == 443;
        assert_eq!(machine.speaks(port), page, "TCP port {port}");
    }
    assert!(console.contains("code for the set-up page"), "{console}");
    assert!(!answers_options(&machine));
    assert!(console.contains("RULES 1"), "the firewall is up");

    // No terminal to log in at, no password that would match.
    assert!(console.contains("GETTY 0"), "{console}");
    let (passwords, _) = machine.line("ROOT ", limit);
    let passwords = passwords.trim_start_matches("ROOT ");
    assert!(
        passwords.split_whitespace().all(|hash| hash == "!*"),
        "{passwords}"
    );
    assert!(!console.contains("login:"));
}
