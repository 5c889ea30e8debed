//! A storm of faults: worlds made by chance, each broken on purpose, and whether podprobe says so.
//!
//! A seed decides everything about a world: mesh, rules, identity, families, servers, time, and one to three
//! faults, each with the codes that rightly name it. A run must end in time with one of the faults as its cause;
//! a world without faults must pass without a word. `make storm WORLDS=10000` tries many;
//! `STORM=seed make storm` tries one, and prints everything.

mod blueprint;
mod fault;
mod figures;
mod hostile;
mod judge;
mod manners;
mod random;
mod servers;
mod setting;
mod traces;
mod trial;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use figures::Figures;
use judge::{Trial, Verdict};

/// Worlds that every test run tries.
const SAMPLE: u64 = 60;
/// Worlds at a time; most of a trial is waiting.
const WORKERS: usize = 8;

#[test]
fn a_sample_of_broken_worlds_is_told_by_one_of_its_faults() {
    weather(1, SAMPLE);
}

#[test]
#[ignore = "takes an hour: make storm"]
fn broken_worlds_are_told_by_one_of_their_faults() {
    match number("STORM") {
        Some(seed) => {
            let trial = trial::try_out(seed);
            println!("{seed}: {}\n{:?}\n{}", trial.title, trial.verdict, trial.words);
            assert_eq!(trial.verdict, Verdict::Right);
        }
        None => weather(number("FIRST").unwrap_or(1), number("WORLDS").unwrap_or(10_000)),
    }
}

#[test]
fn a_seed_makes_the_same_world_again() {
    let titles = || (0..2000).map(|seed| blueprint::Blueprint::draw(seed).title());
    let all: Vec<String> = titles().collect();
    assert!(titles().eq(all.iter().cloned()));
    let different: BTreeSet<&String> = all.iter().collect();
    assert!(different.len() > 1500, "only {} different worlds", different.len());
    for fault in fault::all() {
        let worlds = all.iter().filter(|title| title.contains(fault.name)).count();
        assert!(worlds > 0, "no world has {}", fault.name);
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Whether one world is looked at closely.
fn replays() -> bool {
    number("STORM").is_some()
}

/// Tries so many worlds, prints the figures, and fails where podprobe is wrong.
fn weather(first: u64, worlds: u64) {
    let next = AtomicU64::new(first);
    let figures = Mutex::new(Figures::default());
    let wrong = Mutex::new(Vec::new());
    let workers = number("WORKERS").map_or(WORKERS, |n| usize::try_from(n).expect("workers"));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + worlds {
                        return;
                    }
                    let trial = trial::try_out(seed);
                    tell(&trial);
                    figures.lock().expect("no worker failed").add(&trial);
                    if trial.verdict != Verdict::Right {
                        wrong.lock().expect("no worker failed").push(line(&trial));
                    }
                }
            });
        }
    });
    figures::publish(&figures.lock().expect("no worker failed").table());
    let wrong = wrong.into_inner().expect("no worker failed");
    assert!(wrong.is_empty(), "{} wrong verdicts:\n{}", wrong.len(), wrong.join("\n"));
}

fn line(trial: &Trial) -> String {
    let Trial { seed, title, verdict, cause, exit, .. } = trial;
    format!("STORM={seed} {verdict:?}: {cause} ({exit}); {title}")
}

/// What is wrong is told at once.
fn tell(trial: &Trial) {
    if trial.verdict != Verdict::Right {
        eprintln!("{}\n{}", line(trial), trial.words);
    }
}
