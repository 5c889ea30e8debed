//! One mutant tried: what changed, who could see it, and what podprobe said.

use std::rc::Rc;

use crate::world::{Output, Pod, sh};

use super::battery::{self, Battery, Cast, Dialer, Ends};
use super::mutant::Mutant;
use super::subject::Subject;
use super::vantage::{Change, Vantage};

/// What came of one mutant.
pub struct Trial {
    pub mutant: String,
    pub subject: &'static str,
    /// A real flow ends elsewhere.
    pub broken: bool,
    pub verdicts: Vec<Verdict>,
}

impl Trial {
    /// Whether any vantage was wrong.
    pub fn is_wrong(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.wrong(self.broken).is_some())
    }
}

/// What one vantage made of it.
pub struct Verdict {
    pub vantage: Vantage,
    /// What an ideal prober would notice from here.
    pub visible: Vec<String>,
    /// Another code than 0.
    pub rejected: bool,
    /// podprobe's own words.
    pub words: String,
}

impl Verdict {
    /// Whether podprobe was right, if it could be.
    pub fn wrong(&self, broken: bool) -> Option<&'static str> {
        match (broken, self.rejected) {
            (true, false) if !self.visible.is_empty() => Some("missed"),
            (false, true) => Some("false alarm"),
            _ => None,
        }
    }
}

/// A battery, and where its flows end on the intact rules.
struct Observed<'p> {
    battery: Battery<'p>,
    intact: Ends,
}

impl<'p> Observed<'p> {
    /// Finds out on the rules that are loaded.
    fn new(pod: &'p Pod, subject: &'p Subject, cast: Cast, dialer: &Rc<Dialer>) -> Observed<'p> {
        let mut battery = Battery::new(pod, subject, cast, dialer);
        let intact = battery.steady();
        Observed { battery, intact }
    }

    /// What has changed since.
    fn changes(&mut self) -> Vec<Change> {
        let ends = self.battery.run_against(&self.intact);
        let changed = self.intact.iter().filter(|(name, was)| ends[*name] != **was);
        changed
            .map(|(name, was)| Change {
                flow: self.battery.flow(name).clone(),
                was: was.clone(),
                now: ends[name].clone(),
            })
            .collect()
    }
}

/// A pod with the intact rules' flows in mind.
pub struct Bench<'p> {
    pod: &'p Pod,
    subject: &'p Subject,
    real: Observed<'p>,
    /// One for each vantage.
    probers: Vec<Observed<'p>>,
}

impl<'p> Bench<'p> {
    /// Finds out where the flows end on the intact rules.
    pub fn new(pod: &'p Pod, subject: &'p Subject) -> Bench<'p> {
        pod.load(subject.backend, &subject.rules);
        battery::quieten(pod, subject);
        let dialer = Rc::default();
        let real = Observed::new(pod, subject, Cast::real(subject), &dialer);
        let prober = |vantage: &Vantage| {
            Observed::new(pod, subject, Cast::prober(subject, *vantage), &dialer)
        };
        let probers = subject.vantages.iter().map(prober).collect();
        Bench { pod, subject, real, probers }
    }

    /// Where the flows of a real pod end on the intact rules.
    pub fn intact(&self) -> &Ends {
        &self.real.intact
    }

    /// Loads the mutant, runs the flows, and asks podprobe from every vantage.
    pub fn try_out(&mut self, mutant: &Mutant) -> Trial {
        self.pod.load(self.subject.backend, &mutant.rules);
        if let Some((broken, _)) = mutant.plumbing {
            sh(&format!("ip {broken}"));
        }
        let broken = !self.real.changes().is_empty();
        let seen: Vec<Vec<Change>> = self.probers.iter_mut().map(Observed::changes).collect();
        battery::wait_until_gone();
        let routing = mutant.plumbing.is_some() || mutant.rules.setup != self.subject.rules.setup;
        let vantages = self.subject.vantages.iter().zip(&seen);
        let verdicts =
            vantages.map(|(vantage, changes)| self.look(*vantage, changes, routing)).collect();
        if let Some((_, repaired)) = mutant.plumbing {
            sh(&format!("ip {repaired}"));
        }
        Trial { mutant: mutant.name.clone(), subject: self.subject.name, broken, verdicts }
    }

    /// `routing`: everybody may read policy rules, routes and addresses.
    fn look(&self, vantage: Vantage, changes: &[Change], routing: bool) -> Verdict {
        let seen = changes.iter().filter(|change| change.shows());
        let mut visible: Vec<String> = seen
            .map(|change| format!("{}: {}, was {}", change.flow.name, change.now, change.was))
            .collect();
        if routing {
            visible.push("the pod's routing or addresses".into());
        }
        let arguments = [&["check", "--app-uid", "2000"], &self.subject.flags[..]].concat();
        // As in every pod: the first address of the service range.
        let launch = self.pod.launch(vantage.who, &arguments);
        let run = launch.env("KUBERNETES_SERVICE_HOST", "10.96.0.1").run();
        assert!(matches!(run.code, 0 | 10 | 20 | 30), "no verdict: {run}");
        Verdict { vantage, visible, rejected: run.code != 0, words: words(&run) }
    }
}

/// The lines that say what is wrong.
fn words(run: &Output) -> String {
    let wrong =
        |line: &&str| ["cause:", "FAIL "].iter().any(|word| line.trim_start().starts_with(word));
    let lines = run.stdout.lines().filter(wrong).take(3);
    lines.flat_map(|line| ["\n      ", line]).collect()
}
