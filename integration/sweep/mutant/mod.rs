//! Rule sets with one thing changed.

mod edits;
mod foreign;
mod text;

use std::collections::HashSet;

use super::subject::Subject;
use crate::world::{Backend, Rules};

/// One thing changed.
#[derive(Clone)]
pub struct Mutant {
    /// Always the same, and nobody else's.
    pub name: String,
    pub rules: Rules,
    /// What else is done to the pod, and how it is undone: arguments of `ip`.
    pub plumbing: Option<(&'static str, &'static str)>,
}

impl Mutant {
    fn new(name: String, rules: Rules) -> Mutant {
        Mutant { name, rules, plumbing: None }
    }

    /// The rule set itself.
    pub fn intact(subject: &Subject) -> Mutant {
        Mutant::new(format!("{}/intact", subject.name), subject.rules.clone())
    }
}

/// Every mutant of a subject, each different from the intact rules and from all others.
pub fn all(subject: &Subject) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for part in Part::of(subject) {
        mutants.extend(edits::all(subject, part));
        mutants.extend(foreign::all(subject, part));
    }
    mutants.extend(stopped(subject));
    mutants.extend(setup(subject));
    let mut seen = HashSet::from([key(&Mutant::intact(subject))]);
    mutants.retain(|mutant| seen.insert(key(mutant)));
    mutants
}

/// What makes two mutants the same.
fn key(mutant: &Mutant) -> (String, String, String, Vec<String>, Option<&'static str>) {
    let Rules { v4, v6, nft, setup } = mutant.rules.clone();
    (v4, v6, nft, setup, mutant.plumbing.map(|(broken, _)| broken))
}

/// One of the texts that make up a rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    V4,
    V6,
    Nft,
}

impl Part {
    /// The texts that the subject is loaded from.
    fn of(subject: &Subject) -> Vec<Part> {
        match subject.backend {
            Backend::Nft => vec![Part::Nft],
            _ if subject.nets.len() == 1 => vec![Part::V4],
            _ => vec![Part::V4, Part::V6],
        }
    }

    fn read(self, rules: &Rules) -> &str {
        match self {
            Part::V4 => &rules.v4,
            Part::V6 => &rules.v6,
            Part::Nft => &rules.nft,
        }
    }

    /// The subject's rules with another text in this place.
    fn write(self, rules: &Rules, text: String) -> Rules {
        let mut rules = rules.clone();
        match self {
            Part::V4 => rules.v4 = text,
            Part::V6 => rules.v6 = text,
            Part::Nft => rules.nft = text,
        }
        rules
    }

    /// The beginning of the names of its mutants.
    fn prefix(self, subject: &Subject) -> String {
        match self {
            Part::V4 => format!("{}/v4", subject.name),
            Part::V6 => format!("{}/v6", subject.name),
            Part::Nft => subject.name.to_owned(),
        }
    }
}

/// The installation ended after a quarter, half and three quarters of the rules.
fn stopped(subject: &Subject) -> Vec<Mutant> {
    let parts = Part::of(subject);
    let counts: Vec<usize> =
        parts.iter().map(|part| text::rules(part.read(&subject.rules)).len()).collect();
    let total: usize = counts.iter().sum();
    let stop = |quarters: usize| {
        let mut left = total * quarters / 4;
        let mut rules = subject.rules.clone();
        for (part, count) in parts.iter().zip(&counts) {
            let kept = left.min(*count);
            left -= kept;
            let first = text::keep(part.read(&rules), |rule| rule.position < kept);
            rules = part.write(&rules, first);
        }
        Mutant::new(format!("{}/stopped/{quarters} of 4", subject.name), rules)
    };
    (1..4).map(stop).collect()
}

/// A policy rule, a route or an address is missing.
fn setup(subject: &Subject) -> Vec<Mutant> {
    let name = |what: &str| format!("{}/setup/{what}", subject.name);
    let without = |number: usize| {
        let mut rules = subject.rules.clone();
        let command = rules.setup.remove(number);
        Mutant::new(name(&command), rules)
    };
    let mut mutants: Vec<Mutant> = (0..subject.rules.setup.len()).map(without).collect();
    let none = Rules { setup: Vec::new(), ..subject.rules.clone() };
    mutants.push(Mutant::new(name("all"), none));
    // `nft` is given something to load.
    let text = || "# nothing\n".to_owned();
    let bare = Rules { v4: text(), v6: text(), nft: text(), setup: Vec::new() };
    mutants.push(Mutant::new(format!("{}/nothing", subject.name), bare));
    for (what, broken, repaired) in PLUMBING {
        let wanted = match *what {
            "::6" => subject.passthrough && subject.nets.len() == 2,
            "IPv6 route" => subject.nets.len() == 2,
            _ => true,
        };
        if wanted {
            let plumbing = Some((*broken, *repaired));
            mutants.push(Mutant { plumbing, ..Mutant::new(name(what), subject.rules.clone()) });
        }
    }
    mutants
}

/// What the world has besides the rule sets' own routing.
const PLUMBING: &[(&str, &str, &str)] = &[
    ("::6", "-6 address del ::6/128 dev lo", "-6 address add ::6/128 dev lo nodad"),
    ("IPv4 route", "route del default", "route add default via 10.77.0.1"),
    ("IPv6 route", "-6 route del default", "-6 route add default via fd77::1"),
];
