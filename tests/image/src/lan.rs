//! A network with the box in it and people on both sides of it: a namespace of the kernel, with the machine's cable as a tap.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use causeway_harness::network::Namespace;

/// The network 10.77.0.0/24. It is gone with its last clone.
#[derive(Debug, Clone)]
pub struct Lan(Namespace);

impl Lan {
    /// What the box's cable is called at this end.
    pub(crate) const CABLE: &'static str = "box0";
    /// Who is not the box: PBX, callers, whoever looks.
    pub const OTHERS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
    /// The box, once it is told so.
    pub const BOX: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2));

    /// # Panics
    /// Without the rights to make it.
    pub async fn new() -> Self {
        let namespace = Namespace::new("lan").await.expect("a namespace");
        let cable = Self::CABLE;
        for words in [
            format!("tuntap add dev {cable} mode tap"),
            format!("addr add {}/24 dev {cable}", Self::OTHERS),
            format!("link set {cable} up"),
            // WebRTC's stack asks for names by multicast.
            format!("route add 224.0.0.0/4 dev {cable}"),
        ] {
            namespace.ip(&words).await.expect("a tap");
        }
        Self(namespace)
    }

    /// For programs of the harness, which run in it then.
    pub fn namespace(&self) -> &Namespace {
        &self.0
    }

    pub(crate) fn enter(&self, command: &mut Command) {
        let program = command.get_program().to_owned();
        let mut inside =
            tokio::process::Command::from(std::mem::replace(command, Command::new(program)));
        self.0.enter(&mut inside);
        *command = inside.into_std();
    }
}
