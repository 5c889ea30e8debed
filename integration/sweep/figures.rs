//! The table: per rule set and vantage, how much of what breaks is noticed.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::trial::{Trial, Verdict};

/// One line of the table.
#[derive(Default)]
struct Row {
    mutants: usize,
    broken: usize,
    visible: usize,
    detected: usize,
    missed: usize,
    beyond: usize,
    alarms: usize,
}

impl Row {
    fn add(&mut self, broken: bool, visible: bool, rejected: bool) {
        self.mutants += 1;
        self.broken += usize::from(broken);
        self.visible += usize::from(broken && visible);
        self.detected += usize::from(broken && visible && rejected);
        self.missed += usize::from(broken && visible && !rejected);
        self.beyond += usize::from(broken && !visible && rejected);
        self.alarms += usize::from(!broken && rejected);
    }

    fn line(&self, subject: &str, vantage: &str) -> String {
        let Row { mutants, broken, visible, detected, missed, beyond, alarms } = self;
        format!(
            "{subject:<18} {vantage:<8} {mutants:>7} {broken:>6} {visible:>7} {detected:>8} \
             {missed:>6} {beyond:>6} {alarms:>6}\n"
        )
    }
}

/// Two init containers, one as the proxy and one as another user.
const PAIR: [&str; 2] = ["proxy", "other"];

/// The whole table.
pub fn table(trials: &[Trial]) -> String {
    let mut text = format!(
        "{:<18} {:<8} {:>7} {:>6} {:>7} {:>8} {:>6} {:>6} {:>6}\n",
        "rule set",
        "vantage",
        "mutants",
        "broken",
        "visible",
        "detected",
        "missed",
        "beyond",
        "alarms"
    );
    let mut subjects: Vec<&str> = trials.iter().map(|trial| trial.subject).collect();
    subjects.sort_unstable();
    subjects.dedup();
    for subject in &subjects {
        let own: Vec<&Trial> = trials.iter().filter(|trial| trial.subject == *subject).collect();
        text.push_str(&rows(subject, &own));
    }
    text.push_str(&rows("all", &trials.iter().collect::<Vec<_>>()));
    text
}

fn rows(subject: &str, trials: &[&Trial]) -> String {
    let mut text = String::new();
    for vantages in [&PAIR[..1], &PAIR[1..], &PAIR, &["root"], &["admin"], &["sidecar"]] {
        let mut row = Row::default();
        for trial in trials {
            let seen: Vec<&Verdict> =
                trial.verdicts.iter().filter(|v| vantages.contains(&v.vantage.name)).collect();
            if seen.len() == vantages.len() {
                let visible = seen.iter().any(|verdict| !verdict.visible.is_empty());
                row.add(trial.broken, visible, seen.iter().any(|verdict| verdict.rejected));
            }
        }
        if row.mutants > 0 {
            let _ = write!(text, "{}", row.line(subject, &vantages.join("+")));
        }
    }
    text
}

/// Prints it, and leaves it in the build's directory.
pub fn publish(table: &str) {
    println!("{table}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sweep.txt");
    fs::write(&file, table).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}
