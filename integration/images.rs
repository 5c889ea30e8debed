//! The image without docker: the same bytes each time, as the OCI image specification wants them; and what it is made of.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_podprobe");
/// The machine that tests run on, by its name in images.
const PLATFORM: &str = if cfg!(target_arch = "aarch64") { "linux/arm64" } else { "linux/amd64" };
/// The specification's media types, after their common beginning.
const MEDIA: &str = "application/vnd.oci.image.";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn python(script: &str, words: &[&str]) -> Output {
    let output = Command::new("python3")
        .arg(root().join("images").join(script))
        .args(words)
        .env_remove("SOURCE_DATE_EPOCH")
        .output();
    output.unwrap_or_else(|error| panic!("python3: {error}; .ci/tools installs it"))
}

/// An archive of these binaries.
fn archive(place: &Path, name: &str, binaries: &[&str]) -> PathBuf {
    let path = place.join(name);
    let output = ["--output", &path.display().to_string(), "--revision", "abc"].map(String::from);
    let words: Vec<&str> =
        output.iter().map(String::as_str).chain(binaries.iter().copied()).collect();
    let ended = python("archive", &words);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    path
}

/// The files of an archive. Python's own reader, for the tar command's formats differ.
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let place = tempfile::tempdir().expect("a directory");
    let tar = Command::new("tar").arg("-xf").arg(path).arg("-C").arg(place.path()).status();
    assert!(tar.expect("tar").success());
    let listed = Command::new("tar").arg("-tf").arg(path).output().expect("tar").stdout;
    let listed = String::from_utf8(listed).expect("names");
    let names = listed.lines().map(str::to_owned);
    names.map(|name| (name.clone(), fs::read(place.path().join(name)).expect("read"))).collect()
}

fn sha256(content: &[u8]) -> String {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("content");
    fs::write(&file, content).expect("write");
    let told = Command::new("sha256sum").arg(file).output().expect("sha256sum").stdout;
    format!("sha256:{}", String::from_utf8_lossy(&told[..64]))
}

/// What a descriptor names: there, as large as it says, and with the digest it says.
fn blob<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value, media: &str) -> &'a [u8] {
    assert_eq!(descriptor["mediaType"], format!("{MEDIA}{media}"));
    let digest = descriptor["digest"].as_str().expect("a digest");
    let content = &files[&format!("blobs/{}", digest.replace(':', "/"))];
    assert_eq!(descriptor["size"], content.len());
    assert_eq!(digest, sha256(content));
    content
}

fn parsed(content: &[u8]) -> Value {
    serde_json::from_slice(content).expect("JSON")
}

/// The configuration of an image, after all that the specification asks of it was looked at.
fn image(files: &BTreeMap<String, Vec<u8>>, descriptor: &Value) -> Value {
    let manifest = parsed(blob(files, descriptor, "manifest.v1+json"));
    assert_eq!(manifest["schemaVersion"], 2);
    assert_eq!(manifest["mediaType"], descriptor["mediaType"]);
    let config = parsed(blob(files, &manifest["config"], "config.v1+json"));
    assert_eq!(config["architecture"], descriptor["platform"]["architecture"]);
    assert_eq!(config["os"], "linux");
    let layers = manifest["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 1);
    let packed = blob(files, &layers[0], "layer.v1.tar+gzip");
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("layer.gz");
    fs::write(&file, packed).expect("write");
    let plain = Command::new("gzip").arg("-dc").arg(&file).output().expect("gzip").stdout;
    assert_eq!(config["rootfs"], json!({"type": "layers", "diff_ids": [sha256(&plain)]}));
    config
}

#[test]
fn two_builds_are_one_image_and_another_binary_is_another() {
    let place = tempfile::tempdir().expect("a directory");
    let binary = place.path().join("stand-in");
    fs::write(&binary, "#!/bin/sh\n").expect("write");
    let asked = format!("{PLATFORM}={}", binary.display());
    let first = fs::read(archive(place.path(), "1.tar", &[&asked])).expect("read");
    // Neither the binary's time nor its mode may tell.
    fs::remove_file(&binary).expect("remove");
    fs::write(&binary, "#!/bin/sh\n").expect("write");
    let touched = Command::new("touch").args(["-d", "2001-01-01"]).arg(&binary).status();
    assert!(touched.expect("touch").success());
    let second = fs::read(archive(place.path(), "2.tar", &[&asked])).expect("read");
    assert!(first == second, "two archives of one binary differ");
    fs::write(&binary, "#!/bin/sh\n#").expect("write");
    let third = fs::read(archive(place.path(), "3.tar", &[&asked])).expect("read");
    assert!(first != third, "the binary is not in the archive");
}

#[test]
fn the_archive_is_an_oci_image_of_the_real_binary() {
    let place = tempfile::tempdir().expect("a directory");
    // Its beginning: with debug information, the whole takes a minute to compress.
    let beginning = place.path().join("podprobe");
    fs::write(&beginning, &fs::read(BINARY).expect("read")[..4 << 20]).expect("write");
    let asked = format!("{PLATFORM}={}", beginning.display());
    let files = files(&archive(place.path(), "real.tar", &[&asked]));
    assert_eq!(parsed(&files["oci-layout"]), json!({"imageLayoutVersion": "1.0.0"}));
    let index = parsed(&files["index.json"]);
    assert_eq!(index["schemaVersion"], 2);
    let top = &index["manifests"][0];
    assert_eq!(top["annotations"]["org.opencontainers.image.ref.name"], "0.1.0");
    let config = image(&files, top);
    let run = &config["config"];
    assert_eq!(
        run["User"], "65532:65532",
        "the kubelet sees that it is not root by a number alone"
    );
    assert_eq!((&run["Entrypoint"], &run["Cmd"]), (&json!(["/podprobe"]), &json!(["gate"])));
    // Older docker loads by another file, which must mean the same image.
    let old = parsed(&files["manifest.json"]);
    assert_eq!(old[0]["RepoTags"], json!(["podprobe:0.1.0"]));
    let layer = old[0]["Layers"][0].as_str().expect("a layer");
    let layer = place.path().join(layer.rsplit('/').next().expect("a digest"));
    fs::write(&layer, &files[old[0]["Layers"][0].as_str().expect("a layer")]).expect("write");
    let listed = Command::new("tar").args(["-tvzf"]).arg(&layer).output().expect("tar").stdout;
    let listed = String::from_utf8(listed).expect("names");
    assert!(listed.lines().all(|line| line.contains(" 0/0 ")), "not root's: {listed}");
    assert!(
        listed.lines().any(|line| line.starts_with("-rwxr-xr-x") && line.ends_with(" podprobe"))
    );
    for name in ["usr/lib/linkerd/linkerd2-network-validator", "usr/bin/kumactl"] {
        assert!(listed.contains(&format!(" {name} -> /podprobe\n")), "{listed}");
    }
}

#[test]
fn both_platforms_are_one_index() {
    let place = tempfile::tempdir().expect("a directory");
    let stand_in = |machine: u8| {
        let path = place.path().join(format!("elf-{machine}"));
        let mut header = vec![0; 64];
        header[..4].copy_from_slice(b"\x7fELF");
        header[18] = machine;
        fs::write(&path, header).expect("write");
        path.display().to_string()
    };
    // The numbers that ELF has for x86-64 and AArch64.
    let (amd64, arm64) = (stand_in(62), stand_in(183));
    let both = [format!("linux/arm64={arm64}"), format!("linux/amd64={amd64}")];
    let files = files(&archive(place.path(), "both.tar", &[&both[0], &both[1]]));
    let top = parsed(&files["index.json"])["manifests"][0].clone();
    let index = parsed(blob(&files, &top, "index.v1+json"));
    let machines = index["manifests"].as_array().expect("manifests").iter();
    let machines: Vec<Value> =
        machines.map(|one| image(&files, one)["architecture"].clone()).collect();
    assert_eq!(machines, ["amd64", "arm64"]);

    let wrong = python("archive", &["--output", "/dev/null", &format!("linux/arm64={amd64}")]);
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(!wrong.status.success() && said.contains("was built for amd64"), "{said}");
}

#[test]
fn the_dockerfiles_say_what_the_archive_has() {
    let place = tempfile::tempdir().expect("a directory");
    let binary = place.path().join("stand-in");
    fs::write(&binary, "#!/bin/sh\n").expect("write");
    let asked = format!("{PLATFORM}={}", binary.display());
    let files = files(&archive(place.path(), "stand-in.tar", &[&asked]));
    let config = image(&files, &parsed(&files["index.json"])["manifests"][0])["config"].clone();
    for name in ["Dockerfile", "Dockerfile.prebuilt"] {
        let text = fs::read_to_string(root().join("images").join(name)).expect("read");
        let text = text.replace("${VERSION}", "0.1.0").replace("${REVISION}", "abc");
        let labels = config["Labels"].as_object().expect("labels");
        for (key, value) in labels {
            assert!(text.contains(&format!("{key}={value}")), "{name}: {key}={value}");
        }
        assert_eq!(text.matches("org.opencontainers.image.").count(), labels.len(), "{name}");
        for line in [
            format!("USER {}", config["User"].as_str().expect("a user")),
            format!("ENTRYPOINT {}", config["Entrypoint"]),
            format!("CMD {}", config["Cmd"]),
            "COPY images/rootfs/ /".to_owned(),
        ] {
            assert!(text.lines().any(|one| one == line), "{name}: {line}");
        }
    }
}

/// Panics name the sources they come from: each crate whose sources the binary names is in the bill.
#[test]
fn the_bill_of_materials_has_what_the_binary_was_made_of() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("bill.json");
    let ended = python("sbom", &["--output", &path.display().to_string()]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let bill = parsed(&fs::read(&path).expect("read"));
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&json!("CycloneDX"), &json!("1.5")));
    let components = bill["components"].as_array().expect("components");
    let mut listed = BTreeMap::new();
    for one in components {
        let name = one["name"].as_str().expect("a name");
        let cargo = one["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/"));
        assert!(!one["licenses"][0]["expression"].is_null(), "{name}: no licence");
        assert_eq!(cargo, one["hashes"][0]["content"].is_string(), "{name}: sum of Cargo.lock");
        listed.insert(format!("{name}-{}", one["version"].as_str().expect("a version")), cargo);
    }
    assert!(listed.keys().any(|name| name.starts_with("rust-std-")));
    for built in ["serde_derive-", "proptest-", "tempfile-"] {
        assert!(!listed.keys().any(|name| name.starts_with(built)), "{built} is not linked");
    }
    let binary = fs::read(BINARY).expect("read");
    let binary = String::from_utf8_lossy(&binary);
    // INDEX/CRATE-VERSION/src/…; what debug information has besides is cut off anywhere.
    let sources = binary.split("/registry/src/").skip(1).filter_map(|rest| {
        let mut parts = rest.splitn(4, '/').skip(1);
        let name = parts.next()?;
        (parts.next()? == "src").then_some(name)
    });
    let mut named: Vec<&str> = sources.collect();
    named.sort_unstable();
    named.dedup();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(listed.contains_key(name), "{name} is in the binary and not in the bill");
    }
}
