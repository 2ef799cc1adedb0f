//! Links libvpx, statically: the box's image need not have the release of it that the build machine has.

use std::env;
use std::path::PathBuf;

fn main() {
    let shim = "src/video/codec/libvpx.c";
    println!("cargo:rerun-if-changed={shim}");
    println!("cargo:rerun-if-env-changed=LIBVPX_DIR");
    let mut build = cc::Build::new();
    build.file(shim).opt_level(2).warnings(true);
    let folder = library();
    if let Some(above) = folder.parent()
        && env::var_os("LIBVPX_DIR").is_some()
    {
        build.include(above.join("include"));
    }
    build.compile("causeway_vpx");
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rustc-link-lib=static=vpx");
}

/// The folder that holds `libvpx.a`: `LIBVPX_DIR`, or where Debian and others keep libraries of the target.
fn library() -> PathBuf {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let named = env::var_os("LIBVPX_DIR").map(PathBuf::from);
    let usual = [
        format!("/usr/lib/{architecture}-linux-gnu"),
        "/usr/local/lib".to_owned(),
        "/usr/lib64".to_owned(),
        "/usr/lib".to_owned(),
    ];
    let mut folders = named
        .into_iter()
        .chain(usual.into_iter().map(PathBuf::from));
    folders
        .find(|folder| folder.join("libvpx.a").is_file())
        .unwrap_or_else(|| {
            panic!(
                "there is no libvpx.a for {architecture}: install libvpx-dev, or name its folder in LIBVPX_DIR"
            )
        })
}
