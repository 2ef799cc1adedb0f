//! Who is fed: a device, and the service manager.

mod support;

use causeway_board::Watchdog;
use causeway_board_linux::{DevWatchdog, Notifier, Pin};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use support::Machine;

#[test]
fn the_device_is_fed_and_disarmed_by_its_own_octets() {
    let machine = Machine::new();
    machine.write("dev/watchdog0", "");
    let path = machine.root().join("dev/watchdog0");
    let mut watchdog = DevWatchdog::open(&path).unwrap();
    watchdog.feed().unwrap();
    watchdog.feed().unwrap();
    assert_eq!(machine.read("dev/watchdog0"), "\0\0");
    assert!(watchdog.set_timeout(30).is_err(), "a file has no timeout");
    watchdog.disarm().unwrap();
    assert_eq!(machine.read("dev/watchdog0"), "\0\0V");
    assert_eq!(
        DevWatchdog::open(&machine.root().join("dev/none"))
            .unwrap_err()
            .kind(),
        ErrorKind::NotFound
    );
}

fn heard(socket: &UnixDatagram) -> String {
    let mut octets = [0; 256];
    let count = socket.recv(&mut octets).unwrap();
    String::from_utf8_lossy(&octets[..count]).into_owned()
}

#[test]
fn the_manager_hears_what_is_said() {
    let machine = Machine::new();
    let path = machine.root().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let mut notifier = Notifier::to(path.as_os_str(), Some(Duration::from_secs(10))).unwrap();
    notifier.ready().unwrap();
    notifier.status("3 calls\nREADY=0").unwrap();
    notifier.feed().unwrap();
    notifier.stopping().unwrap();
    let all: Vec<String> = (0..4).map(|_| heard(&manager)).collect();
    assert_eq!(
        all,
        ["READY=1", "STATUS=3 calls", "WATCHDOG=1", "STOPPING=1"]
    );
    assert_eq!(notifier.watchdog(), Some(Duration::from_secs(10)));
}

#[test]
fn an_abstract_socket_is_one_with_an_at() {
    let name = format!("causeway-notify-{}", std::process::id());
    let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let notifier = Notifier::to(format!("@{name}").as_ref(), None).unwrap();
    notifier.ready().unwrap();
    assert_eq!(heard(&manager), "READY=1");
}

#[test]
fn a_manager_that_does_not_read_or_is_gone_stops_nobody() {
    let machine = Machine::new();
    let path = machine.root().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let mut notifier = Notifier::to(path.as_os_str(), None).unwrap();
    let full = (0..100_000).find_map(|_| notifier.feed().err()).unwrap();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    drop(manager);
    assert!(notifier.feed().is_err());
    assert!(Notifier::to("".as_ref(), None).is_err());
    assert!(Notifier::to(machine.root().join("nobody").as_os_str(), None).is_err());
}

#[test]
fn a_pin_of_no_chip_is_an_error() {
    let machine = Machine::new();
    machine.write("dev/gpiochip0", "");
    for chip in ["dev/gpiochip0", "dev/gpiochip1"] {
        let chip = machine.root().join(chip);
        assert!(Pin::input(&chip, 3, true).is_err());
        assert!(Pin::output(&chip, 3).is_err());
    }
}

#[test]
fn a_reload_is_dated_and_ends() {
    let name = format!("causeway-reload-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let pid1 = UnixDatagram::bind_addr(&address).unwrap();
    let mut heard = [0; 128];
    let mut hear = || {
        let n = pid1.recv(&mut heard).unwrap();
        String::from_utf8_lossy(&heard[..n]).into_owned()
    };
    let before = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    let manager = Notifier::to(format!("@{name}").as_ref(), None).unwrap();
    manager.reloading().unwrap();
    let begun = hear();
    let usec = begun.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    let usec: i64 = usec.parse().unwrap();
    assert!(usec >= before.num_microseconds(), "{begun}");
    manager.reloaded("2 trunks\nand more").unwrap();
    assert_eq!(hear(), "READY=1\nSTATUS=2 trunks");
}
