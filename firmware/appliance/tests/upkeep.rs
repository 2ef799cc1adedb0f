//! What keeps the box in order, asked for on its socket.

mod boxd;

use boxd::{Boxd, TRUNK_SECRET, eventually};
use serde_json::json;
use std::fs;
use std::process::Command;

#[test]
fn the_support_bundle_has_the_configuration_and_no_secret() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let done = console.gets(json!({ "do": "support_bundle" }));
    let path = done["path"].as_str().unwrap();
    let unpacked = boxd.path("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let tar = Command::new("tar")
        .arg("-xzf")
        .arg(path)
        .arg("-C")
        .arg(&unpacked)
        .status();
    assert!(tar.unwrap().success());
    let found = Command::new("grep")
        .args(["-rl", "192.0.2.20"])
        .arg(&unpacked)
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&found.stdout).contains("configuration.toml"));
    let key = boxd.file("run/causeway/admin-key");
    for secret in [TRUNK_SECRET, key.trim()] {
        let found = Command::new("grep")
            .args(["-rl", "--", secret])
            .arg(&unpacked)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    }
}

#[test]
fn a_factory_reset_is_written_down_for_the_next_start() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    console.gets(json!({ "do": "factory_reset" }));
    assert!(boxd.path("var/factory-reset").exists());
    assert!(
        console.heard.contains("systemctl --no-block reboot"),
        "{}",
        console.heard
    );
}

#[test]
fn alarms_are_read_and_published() {
    let boxd = Boxd::start();
    eventually("alarms", || {
        boxd.file("run/causeway/alarms.json").contains("alarms")
    });
    let told = boxd.somebody("console").gets(json!({ "do": "alarms" }));
    assert!(told["alarms"].is_array(), "{told}");
}

#[test]
fn an_update_that_is_none_is_refused() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    assert_eq!(
        console.is_refused(json!({ "do": "update", "source": "relative/path" })),
        "source"
    );
    let slots = console.gets(json!({ "do": "slots" }));
    assert_eq!(slots["slots"].as_array().unwrap().len(), 2);
}
