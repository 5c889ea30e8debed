//! What is in a pod that podprobe must leave as it was.

use std::collections::BTreeSet;
use std::fs;

use crate::world::Pod;

/// Files of the pod's namespace that say what it has.
const TABLES: [&str; 3] = ["dev", "route", "if_inet6"];
/// What podprobe is told to write.
const OWN: [&str; 2] = ["recording", "resolv.conf"];

/// Interfaces, addresses, routes, files, mounts and processes.
#[derive(PartialEq, Eq)]
pub struct Traces(BTreeSet<String>);

impl Traces {
    /// Of this pod, now.
    pub fn of(pod: &Pod) -> Traces {
        let mut all = BTreeSet::new();
        for table in TABLES {
            let text = fs::read_to_string(format!("/proc/thread-self/net/{table}"));
            all.extend(text.unwrap_or_default().lines().map(|line| stable(table, line)));
        }
        let files = fs::read_dir(pod.file("")).expect("the pod's own directory");
        let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
        all.extend(names.filter(|name| !OWN.contains(&name.as_str())));
        let mounts = fs::read_to_string("/proc/thread-self/mounts").unwrap_or_default();
        all.extend(mounts.lines().map(|line| format!("mount {line}")));
        all.extend(processes());
        Traces(all)
    }

    /// What there is now that was not there then, one a line.
    pub fn left_since(&self, pod: &Pod) -> String {
        let now = Traces::of(pod);
        now.0.difference(&self.0).cloned().collect::<Vec<_>>().join("\n")
    }
}

/// Other processes in the calling thread's network namespace.
fn processes() -> Vec<String> {
    let namespace = |id: &str| fs::read_link(format!("/proc/{id}/ns/net")).ok();
    let here = namespace("thread-self").expect("the thread's network namespace");
    let own = std::process::id().to_string();
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    all.filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|id| *id != own && namespace(id).as_ref() == Some(&here))
        .map(|id| format!("process {id}"))
        .collect()
}

/// Without what changes by itself: counters, reference counts, cached routes.
fn stable(table: &str, line: &str) -> String {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let kept = match table {
        "dev" => &fields[..fields.len().min(1)],
        "route" => &fields[..fields.len().min(3)],
        _ => &fields[..],
    };
    format!("{table} {}", kept.join(" "))
}
