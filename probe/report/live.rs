//! A look on a terminal while it goes on: each layer's findings as soon as it was looked at.

use std::{
    env,
    io::{Write, stdout},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Report, duration, flow, text};
use crate::{
    finding::{Finding, Layer, Severity},
    judge,
    record::{Course, RECORDING_VERSION, Recording},
    run::{Sofar, Step},
    secret::masked,
};

/// How often the live line is rewritten.
const TICK: Duration = Duration::from_millis(100);
/// A layer that takes no longer has no live line: it would only flicker.
const BRIEF: Duration = Duration::from_millis(100);

/// What takes the live line away (ECMA-48: erase in line).
const CLEAR: &str = "\r\x1b[K";

/// How a terminal shows the report.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether words have colours.
    pub colour: bool,
    /// Whether only ASCII is understood.
    pub ascii: bool,
}

impl Style {
    /// What the environment says of the terminal on stdout.
    #[must_use]
    pub fn of_terminal() -> Style {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Style { colour: env::var_os("NO_COLOR").is_none(), ascii: !has_arrows(set) }
    }

    /// The text as the terminal understands it.
    #[must_use]
    pub fn fit(&self, text: &str) -> String {
        if self.ascii { flow::in_ascii(text) } else { text.to_owned() }
    }
}

/// Whether the locale is one of UTF-8: the first of these variables that is set decides (POSIX, 8.2).
fn has_arrows(set: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Who writes to the terminal meanwhile.
pub struct Live(JoinHandle<Told>);

/// What stands on the terminal.
#[derive(Debug, Default)]
pub struct Told {
    /// Whose look it is.
    pub header: bool,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// Starts to write; what is sent is told, until the sender is dropped.
#[must_use]
pub fn start(style: Style) -> (Sender<Step>, Live) {
    let (steps, told) = channel();
    (steps, Live(thread::spawn(move || follow(&told, style))))
}

impl Live {
    /// What stands on the terminal, once the look is over.
    #[must_use]
    pub fn told(self) -> Told {
        self.0.join().unwrap_or_default()
    }
}

fn follow(steps: &Receiver<Step>, style: Style) -> Told {
    let mut told = Told::default();
    let mut current: Option<(Layer, Instant)> = None;
    let mut clear = "";
    loop {
        match steps.recv_timeout(TICK) {
            Ok(Step::Looking(layer)) => current = Some((layer, Instant::now())),
            Ok(Step::Looked(layer, sofar)) => {
                current = None;
                let text = style.fit(&tell(layer, &sofar, &mut told, style.colour));
                write(&format!("{clear}{text}"));
                clear = "";
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some((layer, since)) = current.filter(|(_, since)| since.elapsed() >= BRIEF) {
            write(&style.fit(&looking(layer, since.elapsed())));
            clear = CLEAR;
        }
    }
    write(clear);
    told
}

/// The live line: `looking at dns … 1.2 s`.
fn looking(layer: Layer, since: Duration) -> String {
    format!("{CLEAR}looking at {} … {}", layer.name(), duration(since.as_secs_f64() * 1000.0))
}

/// What a layer that was just looked at says that does not stand there yet.
fn tell(layer: Layer, sofar: &Sofar, told: &mut Told, colour: bool) -> String {
    let report = so_far(sofar);
    let mut text = String::new();
    let of_layer = |finding: &&Finding| finding.layer == layer;
    // The rules are read afterwards, and tell more of why.
    let unfinished = layer == Layer::Redirect
        && report.findings.iter().filter(of_layer).any(|f| f.severity == Severity::Fail);
    if !told.header {
        text.push_str(&text::header(&report));
        told.header = true;
    }
    for finding in report.findings.iter().filter(of_layer) {
        if !unfinished {
            text.push_str(&text::line(finding, colour));
            told.findings.push(finding.clone());
        }
    }
    text
}

/// The report of a look that is not over.
fn so_far(sofar: &Sofar) -> Report {
    let course = Course { attempts: 1, cut: true, ..Course::default() };
    judge::judge(&Recording {
        recording_version: RECORDING_VERSION,
        plan: sofar.plan.clone(),
        seen: Some(sofar.seen.clone()),
        course,
    })
}

fn write(text: &str) {
    let mut stdout = stdout();
    // A terminal that went away is no failure of the pod.
    let _ = stdout.write_all(masked(text).as_bytes());
    let _ = stdout.flush();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::Plan,
        pod::{Environment, tests::sample},
        profile::NONE,
        record::Seen,
    };

    #[test]
    fn the_first_variable_that_is_set_decides_about_arrows() {
        let of = |list: &'static [(&str, &str)]| {
            has_arrows(|name| {
                let found = list.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(of(&[("LANG", "C.UTF-8")]) && of(&[("LC_ALL", "de_AT.utf8"), ("LANG", "C")]));
        assert!(!of(&[]) && !of(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]));
    }

    #[test]
    fn a_layer_is_told_once_and_the_header_first() {
        let plan = Plan { layers: vec![Layer::Link], ..Plan::new("check", "none", NONE.capture()) };
        let sofar = Sofar { plan, seen: Seen::of(sample(), Environment::default()) };
        let mut told = Told::default();
        let text = tell(Layer::Link, &sofar, &mut told, false);
        assert!(text.starts_with("podprobe check, mesh none"), "{text}");
        assert!(
            !told.findings.is_empty()
                && told.findings.iter().all(|finding| finding.layer == Layer::Link)
        );
        let rest = text::rest(&so_far(&sofar), &told, false);
        for finding in &told.findings {
            assert!(text.contains(&text::line(finding, false)), "{text}");
            assert!(!rest.contains(&text::line(finding, false)), "{rest}");
        }
        assert!(!rest.contains("mesh none"), "{rest}");
        assert!(!tell(Layer::Route, &sofar, &mut told, false).contains("mesh none"));
    }

    #[test]
    fn the_live_line_rewrites_itself() {
        let line = looking(Layer::Dns, Duration::from_millis(1234));
        assert_eq!(line, "\r\x1b[Klooking at dns … 1.2 s");
        assert_eq!(flow::in_ascii(&line), "\r\x1b[Klooking at dns ... 1.2 s");
    }
}
