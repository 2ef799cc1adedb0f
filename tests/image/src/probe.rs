//! A unit that comes along as a string of the firmware.

/// What the box does for a test, besides its own work: shell commands as root, run once when the start is over. Their
/// output goes to the serial console, and `PROBE END` after it.
#[derive(Debug, Clone)]
pub struct Probe {
    pub name: &'static str,
    pub script: &'static str,
    /// Switches the box off in the end.
    pub off: bool,
}

/// Tells `SLOT a: active DATA`, when the gateway stands or two minutes later: which slot runs, its state, whether the data partition is there.
pub const STATE: Probe = Probe {
    name: "state",
    script: r"n=0
while [ $n -lt 240 ] && ! systemctl is-active --quiet causeway.service; do n=$((n + 1)); sleep 0.5; done
echo SLOT $(sed -n 's/.*causeway.slot=\([ab]\).*/\1/p' /proc/cmdline): $(systemctl is-active causeway.service) $([ -e /run/causeway-data-ok ] && echo DATA)",
    off: false,
};

impl Probe {
    /// The strings of SMBIOS type 11 that make PID 1 have this unit and start it.
    pub fn strings(&self) -> [String; 2] {
        let Self { name, script, off } = self;
        let off = if *off { "; systemctl poweroff" } else { "" };
        let script = script
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "; ")
            .replace('%', "%%");
        let unit = format!(
            "[Service]
ExecStart=/bin/sh -c \"systemctl is-system-running --wait; {script}; echo PROBE END{off}\"
\
             StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
"
        );
        let wanted = format!("[Unit]\nWants={name}.service\n");
        [
            format!(
                "io.systemd.credential.binary:systemd.extra-unit.{name}.service={}",
                base64(&unit)
            ),
            format!(
                "io.systemd.credential.binary:systemd.unit-dropin.multi-user.target~{name}={}",
                base64(&wanted)
            ),
        ]
    }
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0u32, |bits, i| {
            bits << 8 | u32::from(three.get(i).copied().unwrap_or(0))
        });
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i > three.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length() {
        let all = ["", "f", "fo", "foo", "foob"].map(base64);
        assert_eq!(all, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}
