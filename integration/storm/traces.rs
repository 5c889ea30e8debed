//! What is in a pod that podprobe must leave as it was.

use std::collections::BTreeSet;
use std::fs;

use crate::world::Pod;

/// Files of the pod's namespace that say what it has.
const TABLES: [&str; 3] = ["dev", "route", "if_inet6"];
/// What podprobe is told to write.
const OWN: [&str; 2] = ["recording", "resolv.conf"];

/// Interfaces, addresses, routes and files.
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
        Traces(all)
    }

    /// What there is now that was not there then, one a line.
    pub fn left_since(&self, pod: &Pod) -> String {
        let now = Traces::of(pod);
        now.0.difference(&self.0).cloned().collect::<Vec<_>>().join("\n")
    }
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
