//! What podprobe said of a world, and whether that is right.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::world::{Output, Pod, Who};

use super::blueprint::{Blueprint, Time};
use super::fault::Fault;
use super::setting::Command;

/// What became of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Right,
    /// Broken, and it says ok.
    Missed,
    /// The cause is none of the faults.
    NamesNone,
    /// The cause is right, and the exit code is not.
    WrongExit,
    /// Healthy, and it says otherwise.
    FalseAlarm,
    Hang,
    Panic,
    /// No report, or one that contradicts itself.
    Malformed,
    /// Something is left behind.
    Leak,
}

/// A world, and what was said of it.
pub struct Trial {
    pub seed: u64,
    pub title: String,
    pub faults: Vec<&'static str>,
    pub verdict: Verdict,
    pub cause: String,
    pub exit: i32,
    /// Failures that neither a fault's names nor the cause account for.
    pub strangers: BTreeSet<String>,
    pub elapsed: Duration,
    /// How long after its deadline the run ended.
    pub late: Duration,
    /// Everything that was said, where it is wrong.
    pub words: String,
}

/// Whether the run is right, and what is wrong if it is not.
pub fn judge(blueprint: &Blueprint, run: &Output) -> (Verdict, String) {
    let drop_in = blueprint.setting.command == Command::IstioIptables;
    let bug = matches!(run.code, 2 | 101 | 132..=139) || (run.code == 1 && !drop_in);
    if run.stderr.contains("panicked at") || bug {
        return (Verdict::Panic, String::new());
    }
    let said = Said::of(blueprint, run);
    let Some(said) = said else { return (Verdict::Malformed, "no report".into()) };
    if blueprint.faults.is_empty() {
        // The look that passes may have begun before the rules came: what differs then is no failure.
        let warned = !said.complaints.is_empty() && blueprint.time != Time::Healing;
        let fine = run.code == 0 && said.causes.is_empty() && !warned;
        return if fine {
            (Verdict::Right, String::new())
        } else {
            (Verdict::FalseAlarm, format!("{:?}", said.complaints))
        };
    }
    if run.code == 0 {
        return (Verdict::Missed, String::new());
    }
    let alone = blueprint.faults.len() == 1;
    let names = |fault: &Fault| {
        let beside = if alone { &[] } else { fault.beside };
        fault.names.iter().chain(beside).any(|name| said.causes.contains(*name))
    };
    let naming: Vec<_> = blueprint.faults.iter().filter(|fault| names(fault)).collect();
    if naming.is_empty() {
        return (Verdict::NamesNone, String::new());
    }
    let right = |fault: &Fault| {
        // Programming the rules again repairs nothing below them: the drop-in says 1.
        let below = drop_in && !fault.exits.contains(&30);
        if below { run.code == 1 } else { fault.exits.contains(&run.code) }
    };
    let later = blueprint.time == Time::Later && run.code == 90;
    if later || naming.iter().any(|fault| right(fault)) {
        return (Verdict::Right, String::new());
    }
    (Verdict::WrongExit, String::new())
}

/// What a run said.
struct Said {
    /// The cause, and the findings that it was told from.
    causes: BTreeSet<String>,
    /// What fails or warns.
    complaints: BTreeSet<String>,
    /// What fails, and follows from nothing.
    unexplained: BTreeSet<String>,
}

impl Said {
    fn of(blueprint: &Blueprint, run: &Output) -> Option<Said> {
        if blueprint.setting.command == Command::IstioIptables {
            return Some(Said::in_lines(run));
        }
        let report: Value = serde_json::from_str(&run.stdout).ok()?;
        let texts = |value: &Value| -> BTreeSet<String> {
            let all = value.as_array().cloned().unwrap_or_default();
            all.iter().filter_map(|text| text.as_str().map(String::from)).collect()
        };
        let mut causes = texts(&report["cause"]["toldBy"]);
        causes.extend(report["cause"]["code"].as_str().map(String::from));
        let mut accounted = texts(&report["cause"]["explains"]);
        accounted.extend(causes.iter().cloned());
        let unexplained =
            run.codes("fail").into_iter().filter(|code| !accounted.contains(code)).collect();
        let complaints = ["fail", "warn"].iter().flat_map(|severity| run.codes(severity)).collect();
        Some(Said { causes, complaints, unexplained })
    }

    /// The drop-in's lines: time, level, code and reason.
    fn in_lines(run: &Output) -> Said {
        let causes: BTreeSet<String> = run
            .stdout
            .lines()
            .filter_map(|line| line.split('\t').nth(2)?.split_once(": "))
            .map(|(code, _)| code.strip_prefix("also ").unwrap_or(code).to_owned())
            .filter(|code| code.contains('-') && !code.contains(' '))
            .collect();
        let complaints = if run.code == 0 { BTreeSet::new() } else { causes.clone() };
        let causes = if run.code == 0 { BTreeSet::new() } else { causes };
        Said { causes, complaints, unexplained: BTreeSet::new() }
    }
}

/// What was recorded is judged the same once more.
pub fn replay(pod: &Pod, run: &Output, words: String) -> (Verdict, String) {
    let file = pod.file("recording");
    if !file.exists() {
        return (Verdict::Right, words);
    }
    let path = file.display().to_string();
    let again = pod.run(Who::App, &["check", "--output", "json", "--replay", &path]);
    if (again.code, again.cause()) == (run.code, run.cause()) {
        (Verdict::Right, words)
    } else {
        (Verdict::Malformed, format!("replayed otherwise: {again}"))
    }
}

/// All that is told of a world.
pub fn judged(blueprint: &Blueprint, run: Option<&Output>, verdict: Verdict, words: &str) -> Trial {
    let said = run.and_then(|run| Said::of(blueprint, run));
    let names: BTreeSet<&str> =
        blueprint.faults.iter().flat_map(|fault| fault.names).copied().collect();
    let strangers = said.map(|said| said.unexplained).unwrap_or_default();
    let strangers = strangers.into_iter().filter(|code| !names.contains(code.as_str())).collect();
    let cause = match (run, blueprint.setting.command) {
        (Some(run), Command::Gate | Command::Check) if run.stdout.starts_with('{') => run.cause(),
        _ => String::new(),
    };
    let wrong = verdict != Verdict::Right || super::replays();
    let words = match (wrong, run) {
        (true, Some(run)) => format!("{words}\n{run}"),
        (true, None) => "it did not end".into(),
        (false, _) => String::new(),
    };
    let elapsed = run.map_or(Duration::MAX, |run| run.elapsed);
    let waits = blueprint.setting.command != Command::Check && blueprint.time != Time::Later;
    let late = if waits { elapsed.saturating_sub(blueprint.deadline) } else { Duration::ZERO };
    Trial {
        seed: blueprint.seed,
        title: blueprint.title(),
        faults: blueprint.faults.iter().map(|fault| fault.name).collect(),
        verdict,
        cause,
        exit: run.map_or(-1, |run| run.code),
        strangers,
        elapsed,
        late,
        words,
    }
}
