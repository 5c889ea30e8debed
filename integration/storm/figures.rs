//! The table: worlds, verdicts, and what is wrong by fault.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::judge::{Trial, Verdict};

/// What came of all worlds.
#[derive(Default)]
pub struct Figures {
    verdicts: BTreeMap<Verdict, usize>,
    /// Per fault: worlds that have it, those where it is the only one, and wrong ones.
    faults: BTreeMap<&'static str, [usize; 3]>,
    /// Per fault that is alone: the causes.
    causes: BTreeMap<(&'static str, String), usize>,
    /// Failures that nothing accounts for, each with a seed that shows it.
    strangers: BTreeMap<String, (usize, u64)>,
    late: Vec<Duration>,
    worlds: usize,
    healthy: usize,
}

impl Figures {
    /// Counts this world as well.
    pub fn add(&mut self, trial: &Trial) {
        self.worlds += 1;
        *self.verdicts.entry(trial.verdict).or_default() += 1;
        self.healthy += usize::from(trial.faults.is_empty());
        for fault in &trial.faults {
            let [worlds, alone, wrong] = self.faults.entry(fault).or_default();
            *worlds += 1;
            *alone += usize::from(trial.faults.len() == 1);
            *wrong += usize::from(trial.verdict != Verdict::Right);
        }
        if let [fault] = trial.faults[..] {
            let cause = format!("{} {}", trial.cause, trial.exit);
            *self.causes.entry((fault, cause)).or_default() += 1;
        }
        for stranger in &trial.strangers {
            let with = format!("{stranger} beside {}", trial.cause);
            self.strangers.entry(with).or_insert((0, trial.seed)).0 += 1;
        }
        if trial.elapsed != Duration::MAX && !trial.faults.is_empty() {
            self.late.push(trial.late);
        }
    }

    /// Everything, in lines.
    pub fn table(&mut self) -> String {
        let mut text = format!("{} worlds, {} of them healthy\n", self.worlds, self.healthy);
        for (verdict, count) in &self.verdicts {
            let _ = writeln!(text, "{:<12} {count:>7}", format!("{verdict:?}"));
        }
        self.late.sort();
        if let Some(last) = self.late.last() {
            let at = |share: usize| self.late[(self.late.len() - 1) * share / 1000];
            let _ = writeln!(
                text,
                "after the deadline: median {:?}, 99 % {:?}, 99.9 % {:?}, all {last:?}",
                at(500),
                at(990),
                at(999)
            );
        }
        let _ = writeln!(text, "\n{:<28} {:>7} {:>7} {:>7}", "fault", "worlds", "alone", "wrong");
        for (fault, [worlds, alone, wrong]) in &self.faults {
            let _ = writeln!(text, "{fault:<28} {worlds:>7} {alone:>7} {wrong:>7}");
            for ((_, cause), count) in self.causes.iter().filter(|((of, _), _)| of == fault) {
                let _ = writeln!(text, "    {cause:<40} {count:>7}");
            }
        }
        for (stranger, (count, seed)) in &self.strangers {
            let _ = writeln!(text, "also failing: {stranger}: {count}, such as STORM={seed}");
        }
        text
    }
}

/// Leaves it in the build's directory.
pub fn publish(table: &str) {
    println!("{table}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("storm.txt");
    fs::write(&file, table).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}
