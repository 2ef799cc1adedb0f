//! A folder that stands for a box, with updates made and signed here.

use causeway_maintenance::update::installer::Installer;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Key and certificate.
#[derive(Debug)]
pub struct Signer {
    key: PathBuf,
    pem: PathBuf,
}

pub struct TestBox {
    root: tempfile::TempDir,
    rauc: PathBuf,
    pub ours: Signer,
    pub stranger: Signer,
    image: Vec<u8>,
}

/// Stops what it holds.
pub struct Service(Vec<Child>);

impl Drop for Service {
    fn drop(&mut self) {
        for child in self.0.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl TestBox {
    /// None where there is no rauc that is new enough; that is told.
    pub fn new() -> Option<Self> {
        let rauc = PathBuf::from(std::env::var_os("CAUSEWAY_RAUC").unwrap_or("rauc".into()));
        let said = Command::new(&rauc).arg("--version").output();
        let version = said.map_or(String::new(), |said| {
            String::from_utf8_lossy(&said.stdout).into_owned()
        });
        let minor = version.trim().strip_prefix("rauc 1.")?.split('.').next()?;
        if minor.parse::<u32>().ok()? < 13 {
            eprintln!("not tested: {} is older than 1.13", version.trim());
            return None;
        }
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        for folder in [
            "etc/rauc",
            "proc",
            "var/lib/rauc",
            "efi/loader/entries",
            "run",
            "keys",
        ] {
            fs::create_dir_all(at(folder)).expect("a folder");
        }
        let ours = Signer::new(&at("keys"), "ours");
        let stranger = Signer::new(&at("keys"), "stranger");
        fs::write(at("etc/os-release"), "ID=causeway\nIMAGE_VERSION=0.1.0\n").expect("written");
        fs::write(at("proc/cmdline"), "quiet causeway.slot=a\n").expect("written");
        fs::write(
            at("efi/loader/entries/causeway-a.conf"),
            "title Causeway 0.1.0\nversion 1\n",
        )
        .expect("written");
        for slot in ["slot-a", "slot-b"] {
            fs::write(at(slot), vec![0; 1 << 20]).expect("written");
        }
        // As the loader's backend of the image does it, and its hook: the entry comes last.
        let backend = format!(
            "#!/bin/sh\ncase $1 in\nget-current|get-primary) echo a ;;\nget-state) echo good ;;\nset-primary)\n\
             printf 'title Causeway %s\\nversion 2\\n' \"$(cat {0}/version)\" >{0}/efi/loader/entries/causeway-$2+3.conf ;;\nesac\n",
            root.path().display()
        );
        fs::write(at("backend"), backend).expect("written");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(at("backend"), executable).expect("a mode");
        let system = format!(
            "[system]\ncompatible=causeway-x86_64\nbootloader=custom\nbundle-formats=verity plain\nmin-bundle-version=0.1.0\n\
             data-directory={0}/var/lib/rauc\nmountprefix={0}/run/rauc\n[keyring]\npath={0}/keys/ours.pem\n\
             [handlers]\nbootloader-custom-backend={0}/backend\n\
             [slot.root.0]\ndevice={0}/slot-a\ntype=raw\nbootname=a\n[slot.root.1]\ndevice={0}/slot-b\ntype=raw\nbootname=b\n",
            root.path().display()
        );
        fs::write(at("etc/rauc/system.conf"), system).expect("written");
        // More than one level of hashes, and nothing that can be packed.
        let mut state = 1_u32;
        let image = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        });
        let image = image.take(768 * 1024).collect();
        Some(Self {
            root,
            rauc,
            ours,
            stranger,
            image,
        })
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, name: &str) -> String {
        self.root.path().join(name).display().to_string()
    }

    pub fn image(&self) -> &[u8] {
        &self.image
    }

    pub fn slot_b(&self) -> Vec<u8> {
        fs::read(self.root().join("slot-b")).expect("slot b")
    }

    /// Whoever installs, by the rauc of the test and the bus of its service, if there is one.
    pub fn installer(&self) -> Installer {
        let bus = fs::read_to_string(self.root().join("bus")).unwrap_or_default();
        let mut words: Vec<OsString> = vec!["env".into(), "DBUS_STARTER_BUS_TYPE=session".into()];
        words.push(format!("DBUS_SESSION_BUS_ADDRESS={}", bus.trim()).into());
        words.push(self.rauc.clone().into());
        words.push(format!("--conf={}", self.path("etc/rauc/system.conf")).into());
        Installer::with(self.root(), words)
    }

    pub fn bundle(&self, name: &str, board: &str, version: &str, signer: &Signer) -> String {
        self.make(name, board, version, signer, "verity")
    }

    /// Of the format without a tree: installing another takes device-mapper.
    pub fn plain_bundle(&self, name: &str, version: &str) -> String {
        fs::write(self.root().join("version"), version).expect("written");
        self.make(name, "causeway-x86_64", version, &self.ours, "plain")
    }

    fn make(&self, name: &str, board: &str, version: &str, by: &Signer, format: &str) -> String {
        let tree = self.root().join(format!("{name}.tree"));
        fs::create_dir_all(&tree).expect("a folder");
        fs::write(tree.join("root.img"), &self.image).expect("written");
        let manifest = format!(
            "[update]\ncompatible={board}\nversion={version}\n[bundle]\nformat={format}\n[image.root]\nfilename=root.img\n"
        );
        fs::write(tree.join("manifest.raucm"), manifest).expect("written");
        let to = self.path(&format!("{name}.raucb"));
        // Any version makes them.
        let said = Command::new("rauc")
            .arg("bundle")
            .arg(format!("--cert={}", by.pem.display()))
            .arg(format!("--key={}", by.key.display()))
            .arg(format!("--keyring={}", by.pem.display()))
            .arg(&tree)
            .arg(&to)
            .output()
            .expect("rauc");
        assert!(said.status.success(), "{said:?}");
        to
    }

    pub fn changed(&self, from: &str, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut octets = fs::read(from).expect("a bundle");
        change(&mut octets);
        let to = self.path(&format!("{name}.raucb"));
        fs::write(&to, octets).expect("written");
        to
    }

    /// A bus and rauc's service on it; none where there is no bus to be had, or not as root, and that is told.
    pub fn service(&self) -> Option<Service> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("not tested: only root mounts bundles");
            return None;
        }
        let bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut bus) = bus else {
            eprintln!("not tested: no dbus-daemon");
            return None;
        };
        let mut address = String::new();
        let out = bus.stdout.take().expect("its output");
        BufReader::new(out)
            .read_line(&mut address)
            .expect("its address");
        fs::write(self.root().join("bus"), &address).expect("written");
        let log = fs::File::create(self.root().join("service.log")).expect("a log");
        let service = Command::new(&self.rauc)
            .arg(format!("--conf={}", self.path("etc/rauc/system.conf")))
            .arg("service")
            .env("DBUS_STARTER_BUS_TYPE", "session")
            .env("DBUS_SESSION_BUS_ADDRESS", address.trim())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("rauc's service");
        let service = Service(vec![bus, service]);
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let said = Command::new(&self.rauc)
                .arg("status")
                .env("DBUS_STARTER_BUS_TYPE", "session")
                .env("DBUS_SESSION_BUS_ADDRESS", address.trim())
                .output()
                .expect("rauc");
            if said.status.success() {
                return Some(service);
            }
            assert!(Instant::now() < end, "the service does not come: {said:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Signer {
    fn new(folder: &Path, name: &str) -> Self {
        let signer = Self {
            key: folder.join(format!("{name}.key")),
            pem: folder.join(format!("{name}.pem")),
        };
        let said = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"])
            .args(["-subj", &format!("/CN={name}"), "-keyout"])
            .arg(&signer.key)
            .arg("-out")
            .arg(&signer.pem)
            .output()
            .expect("openssl");
        assert!(said.status.success(), "{said:?}");
        signer
    }
}
