//! The image's archive, as another program reads it.

use std::{fs, path::Path, process::Command};

#[test]
#[ignore = "needs skopeo: make test-beside"]
fn skopeo_takes_the_archive_and_finds_the_same_digest() {
    let place = tempfile::tempdir().expect("a directory");
    let binary = place.path().join("stand-in");
    fs::write(&binary, "#!/bin/sh\n").expect("write");
    let tar = place.path().join("podprobe.oci.tar");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("images/archive");
    let written = Command::new("python3")
        .arg(script)
        .args(["--output", &tar.display().to_string()])
        .arg(format!("linux/amd64={}", binary.display()))
        .output()
        .expect("python3");
    let said = String::from_utf8_lossy(&written.stdout).into_owned();
    let digest = said.trim_end().rsplit(' ').next().expect("a digest").to_owned();
    assert!(digest.starts_with("sha256:"), "{said}");
    let copy = place.path().join("copy");
    for (from, to) in [
        (format!("oci-archive:{}", tar.display()), format!("dir:{}", copy.display())),
        (format!("docker-archive:{}", tar.display()), format!("dir:{}-old", copy.display())),
    ] {
        let ended = Command::new("skopeo").args(["--insecure-policy", "copy", &from, &to]).output();
        let ended = ended.expect("skopeo; `make test-beside` installs it");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let manifest = copy.join("manifest.json");
    let told = Command::new("skopeo").arg("manifest-digest").arg(manifest).output();
    let told = told.expect("skopeo").stdout;
    assert_eq!(String::from_utf8_lossy(&told).trim(), digest);
}
