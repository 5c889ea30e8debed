//! The pure parts, measured alone: what becomes of a recording, by its file in `PODPROBE_RECORDINGS`.

use std::{env, fs, path::PathBuf};

use divan::{Bencher, black_box};
use podprobe::{
    judge,
    layer::redirect,
    pod::resolv_conf::{self, Reader},
    record::Recording,
    report::format::{Format, rendered},
};

fn main() {
    divan::main();
}

/// The names of the recordings, in their order.
fn recordings() -> Vec<String> {
    let entries = fs::read_dir(directory()).expect("a directory of recordings");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no recording in {}", directory().display());
    names
}

fn directory() -> PathBuf {
    env::var_os("PODPROBE_RECORDINGS")
        .expect("PODPROBE_RECORDINGS, which `make bench-pure` sets")
        .into()
}

fn text(name: &str) -> String {
    fs::read_to_string(directory().join(name)).expect("a recording")
}

fn recording(name: &str) -> Recording {
    Recording::parse(&text(name)).expect("a recording of this version")
}

/// Every flow that a plan implies.
#[divan::bench(args = recordings())]
fn flows(bencher: Bencher, name: &str) {
    let recording = recording(name);
    let pod = &recording.seen.as_ref().expect("a whole look").pod;
    let addresses = recording.plan.addresses(pod);
    bencher.bench(|| redirect::flows(black_box(&recording.plan.capture), black_box(&addresses)));
}

#[divan::bench(args = recordings())]
fn judged(bencher: Bencher, name: &str) {
    let recording = recording(name);
    bencher.bench(|| judge::judge(black_box(&recording)));
}

#[divan::bench(args = recordings())]
fn told(bencher: Bencher, name: &str) {
    let report = judge::judge(&recording(name));
    bencher.bench(|| rendered(black_box(&report), Format::Text, false));
}

#[divan::bench(args = recordings())]
fn told_to_machines(bencher: Bencher, name: &str) {
    let report = judge::judge(&recording(name));
    bencher.bench(|| rendered(black_box(&report), Format::Json, false));
}

/// `check --replay`, up to the judgement.
#[divan::bench(args = recordings())]
fn read_again(bencher: Bencher, name: &str) {
    let text = text(name);
    bencher.bench(|| Recording::parse(black_box(&text)));
}

/// As the kubelet writes it, and as a search list of 32 domains.
#[divan::bench(args = [3, 32])]
fn resolv_conf(bencher: Bencher, domains: usize) {
    let list: Vec<_> = (0..domains).map(|n| format!("zone{n}.svc.cluster.local")).collect();
    let file = format!("search {}\nnameserver 10.96.0.10\noptions ndots:5\n", list.join(" "));
    bencher.bench(|| resolv_conf::read(Reader::Glibc, black_box(file.as_bytes())));
}
