//! Gathers the pages and the SDK that the box serves. They are built and committed apart; a file
//! that is not there becomes an empty one, which is answered with 404, and a warning.

use std::fmt::Write;
use std::path::Path;

const ASSETS: [(&str, &str); 8] = [
    ("SDK_JS", "sdk/dist/causeway.js"),
    ("SDK_TYPES", "sdk/dist/causeway.d.ts"),
    ("DEMO_INDEX", "demo/index.html"),
    ("DEMO_AGENT", "demo/agent.html"),
    ("DEMO_JS", "demo/demo.js"),
    ("DEMO_AGENT_JS", "demo/agent.js"),
    ("DEMO_CSS", "demo/demo.css"),
    ("DEMO_ICON", "demo/icon.svg"),
];

fn main() {
    let crate_folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let web = Path::new(&crate_folder).join("../web");
    let mut code = String::new();
    for (name, path) in ASSETS {
        let file = web.join(path);
        println!("cargo::rerun-if-changed={}", file.display());
        if file.is_file() {
            let _ = writeln!(
                code,
                "pub(super) const {name}: &[u8] = include_bytes!({file:?});"
            );
        } else {
            let _ = writeln!(code, "pub(super) const {name}: &[u8] = &[];");
        }
    }
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    if let Err(error) = std::fs::write(Path::new(&out).join("assets.rs"), code) {
        println!("cargo::error=cannot write the list of assets: {error}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
