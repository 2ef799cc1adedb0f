//! Kamailio as a proxy that keeps transactions and stays in the dialog: what calls are measured against.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::sleep;

use crate::box_process::cpu_ms;
use crate::config::loopback;
use crate::error::{Doing, HarnessError, Result};
use crate::place::{self, TempFolder};
use crate::program::Program;

/// A running Kamailio.
#[derive(Debug)]
pub struct Kamailio {
    program: Program,
    address: SocketAddr,
    _folder: TempFolder,
}

impl Kamailio {
    /// Starts one that hands every call on to `next`.
    ///
    /// # Errors
    /// When it is not installed or does not take its configuration.
    pub async fn start(next: SocketAddr) -> Result<Self> {
        let folder = TempFolder::new("kamailio")?;
        let config = folder.path().join("kamailio.cfg");
        let address = loopback(place::free_port()?);
        std::fs::write(&config, configuration(address, next)).doing("Kamailio's configuration")?;
        let path = if std::path::Path::new("/usr/sbin/kamailio").exists() {
            "/usr/sbin/kamailio"
        } else {
            "kamailio"
        };
        let mut command = Command::new(path);
        command.args(["-DD", "-E", "-m", "512", "-M", "32", "-w"]);
        command.arg(folder.path()).arg("-Y").arg(folder.path());
        command.arg("-f").arg(&config);
        let mut program = Program::start("kamailio", command, None)?;
        sleep(Duration::from_secs(2)).await;
        if let Some(status) = program.ended() {
            let tail = program.tail(20);
            return Err(HarnessError::new(format!(
                "kamailio ended with {status}:\n{tail}"
            )));
        }
        Ok(Self {
            program,
            address,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Processor time of all its processes so far, in milliseconds.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu_ms(&self) -> Result<f64> {
        let main = self.program.pid();
        let children = std::fs::read_to_string(format!("/proc/{main}/task/{main}/children"))
            .doing("Kamailio's processes")?;
        let mut sum = cpu_ms(main)?;
        for child in children.split_whitespace().filter_map(|c| c.parse().ok()) {
            sum += cpu_ms(child).unwrap_or_default();
        }
        Ok(sum)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(self) -> Result<()> {
        self.program.stop().await.map(|_| ())
    }
}

fn configuration(listen: SocketAddr, next: SocketAddr) -> String {
    format!(
        r#"debug=0
log_stderror=yes
fork=yes
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:{listen}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {{
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            t_relay();
            exit;
        }}
        if (is_method("ACK")) {{
            if (t_check_trans()) t_relay();
            exit;
        }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    t_check_trans();
    if (is_method("INVITE")) record_route();
    $du = "sip:{next}";
    if (!t_relay()) sl_reply_error();
    exit;
}}
"#
    )
}
