//! Links the shipped binary at a fixed address. A position-independent one has 18,000 pointers
//! that the loader writes before `main`, each start again, and each page of them is copied;
//! `docs/performance.md` has the measurement.

#![expect(clippy::disallowed_methods, reason = "cargo tells a build script by its environment")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    if release && linux {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
