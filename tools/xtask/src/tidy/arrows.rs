//! The import arrows: which of our crates may depend on which, and where a few foreign crates may appear.
//!
//! | crate | may import |
//! |---|---|
//! | gateway | everything under `firmware` and `board` |
//! | appliance | config, directory, maintenance, board |
//! | api | call, directory |
//! | call | directory, media |
//! | directory, config, sip, media, turn, board, update | none of ours |
//! | board-sim, board-linux | board |
//! | maintenance | board, board-linux |
//! | cable | board, for the transfer of files alone; board-linux in its tests |
//! | phone, xtask | none of ours: a peer built on the stack it tests proves nothing |
//! | everything under `tests` | what it tests |

use serde_json::Value;

/// What a crate may import of ours; none: anything.
fn allowed(package: &str, folder: &str) -> Option<&'static [&'static str]> {
    if folder.starts_with("tests/") {
        return None;
    }
    Some(match package {
        "causeway-gateway" => &[
            "causeway-api",
            "causeway-call",
            "causeway-config",
            "causeway-directory",
            "causeway-media",
            "causeway-sip",
            "causeway-turn",
            "causeway-board",
            "causeway-board-sim",
            "causeway-board-linux",
            "causeway-update",
        ],
        "causeway-appliance" => &[
            "causeway-config",
            "causeway-directory",
            "causeway-maintenance",
            "causeway-board",
            "causeway-board-linux",
        ],
        "causeway-api" => &["causeway-call", "causeway-directory"],
        "causeway-call" => &["causeway-directory", "causeway-media"],
        "causeway-board-sim" | "causeway-board-linux" => &["causeway-board"],
        "causeway-maintenance" => &["causeway-board", "causeway-board-linux"],
        "causeway-cable" => &["causeway-board", "causeway-board-linux"],
        _ => &[],
    })
}

/// Foreign crates that belong in few places.
fn foreign(dependency: &str, package: &str, folder: &str, kind: &str) -> Result<(), &'static str> {
    let tests = folder.starts_with("tests/");
    let tools = folder.starts_with("tools/");
    let (good, rule) = match dependency {
        "tokio" => (
            tests || tools || matches!(package, "causeway-gateway" | "causeway-api"),
            "tokio belongs in gateway, api, tools and tests",
        ),
        "rtc" => (
            matches!(package, "causeway-gateway" | "causeway-phone"),
            "rtc belongs in gateway, and in the phone to name the types of webrtc",
        ),
        "rsip" => (
            package == "causeway-phone" || (package == "causeway-sip" && kind == "dev"),
            "rsip belongs in the phone, and in sip as a test's oracle",
        ),
        _ => (true, ""),
    };
    if good { Ok(()) } else { Err(rule) }
}

/// Every arrow of `metadata` (of `cargo metadata --no-deps`) that must not be there.
pub fn findings(metadata: &Value) -> Result<Vec<String>, String> {
    let root = metadata["workspace_root"]
        .as_str()
        .ok_or("cargo metadata names no root")?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata lists no packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let folder = manifest
            .strip_prefix(root)
            .unwrap_or(manifest)
            .trim_start_matches('/');
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let kind = dependency["kind"].as_str().unwrap_or("normal");
            if names.contains(&to) && allowed(name, folder).is_some_and(|list| !list.contains(&to))
            {
                findings.push(format!("{folder}: {name} must not import {to}"));
            }
            if let Err(rule) = foreign(to, name, folder, kind) {
                findings.push(format!("{folder}: {name} must not import {to}: {rule}"));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(name: &str, folder: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|(n, kind)| json!({"name": n, "kind": kind}))
            .collect();
        json!({"name": name, "manifest_path": format!("/tree/{folder}/Cargo.toml"), "dependencies": dependencies})
    }

    fn metadata(packages: &[Value]) -> Value {
        json!({"workspace_root": "/tree", "packages": packages})
    }

    #[test]
    fn downward_arrows_pass() {
        let tree = metadata(&[
            package(
                "causeway-directory",
                "firmware/directory",
                &[("serde", None)],
            ),
            package("causeway-media", "firmware/media", &[("opus", None)]),
            package("causeway-sip", "firmware/sip", &[("rsip", Some("dev"))]),
            package(
                "causeway-call",
                "firmware/call",
                &[("causeway-directory", None), ("causeway-media", None)],
            ),
            package(
                "causeway-gateway",
                "firmware/gateway",
                &[("causeway-sip", None), ("rtc", None), ("tokio", None)],
            ),
            package(
                "causeway-vectors",
                "tests/vectors",
                &[("causeway-sip", None), ("tokio", None)],
            ),
        ]);
        assert_eq!(findings(&tree).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn sideways_and_upward_arrows_are_found() {
        let tree = metadata(&[
            package("causeway-sip", "firmware/sip", &[("causeway-media", None)]),
            package(
                "causeway-media",
                "firmware/media",
                &[("causeway-call", Some("dev"))],
            ),
            package("causeway-call", "firmware/call", &[("causeway-sip", None)]),
            package("causeway-phone", "tools/phone", &[("causeway-sip", None)]),
        ]);
        assert_eq!(findings(&tree).unwrap().len(), 4);
    }

    #[test]
    fn foreign_crates_stay_where_they_belong() {
        let tree = metadata(&[
            package(
                "causeway-sip",
                "firmware/sip",
                &[("tokio", Some("dev")), ("rsip", None)],
            ),
            package("causeway-harness", "tests/harness", &[("rtc", None)]),
        ]);
        assert_eq!(findings(&tree).unwrap().len(), 3);
    }
}
