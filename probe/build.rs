//! How the released binary is linked where musl makes it static: a million bytes less than a linker makes of it unasked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=probe/release.ld");
    let is = |variable, value| env::var(variable).is_ok_and(|it| it == value);
    if !is("PROFILE", "release") || !is("CARGO_CFG_TARGET_ENV", "musl") {
        return;
    }
    let script = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it") + "/probe/release.ld";
    // A static executable relocates itself at its start: packed, its table is 0.2 MB smaller, and read faster.
    // musl understands it since 1.2.4; a linker that does not leaves the table as it was.
    // A compiler that links takes these options as a linker by itself does (lld, in images/cross).
    for argument in ["-T", &script, "-z", "pack-relative-relocs"] {
        println!("cargo::rustc-link-arg-bin=podprobe={argument}");
    }
}
