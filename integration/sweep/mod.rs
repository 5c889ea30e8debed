//! Rules broken one at a time: what flows say of each, and whether podprobe says the same.
//!
//! A mutant is a rule set with one thing changed. Ground truth are the flows of [`battery`], which knows nothing
//! of podprobe and reads no rules: a mutant on which one of them ends elsewhere than on the intact rules is
//! broken, and any other is equivalent. Each [`vantage`] must reject every broken mutant that its identity can
//! make visible, and accept every equivalent one. `SWEEP=part-of-a-name make sweep` looks at some mutants
//! closely.

mod battery;
mod deletion;
mod figures;
mod known;
mod mutant;
mod naming;
mod sanity;
mod subject;
mod trial;
mod vantage;
mod workers;

use mutant::Mutant;
use subject::Subject;

/// Mutants of each rule set that every test run tries.
const SAMPLE: usize = 5;

#[test]
fn a_sample_of_mutants_is_told_from_the_intact_rules() {
    judge(choose(|mutants| smallest_hashes(mutants, SAMPLE)), false);
}

#[test]
#[ignore = "takes minutes: make sweep"]
fn every_mutant_is_told_from_the_intact_rules() {
    let wanted = std::env::var("SWEEP").unwrap_or_default();
    let all = wanted.is_empty() || wanted == "all";
    let chosen = choose(|mut mutants| {
        mutants.retain(|mutant| all || mutant.name.contains(&wanted));
        mutants
    });
    assert!(
        chosen.iter().any(|(_, mutants)| !mutants.is_empty()),
        "no mutant is called `{wanted}`"
    );
    judge(chosen, all);
}

/// A subject and those of its mutants that are tried.
type Task = (Subject, Vec<Mutant>);

fn choose(some: impl Fn(Vec<Mutant>) -> Vec<Mutant>) -> Vec<Task> {
    let all = subject::all().into_iter();
    all.map(|subject| {
        let mutants = some(mutant::all(&subject));
        (subject, mutants)
    })
    .filter(|(_, mutants)| !mutants.is_empty())
    .collect()
}

/// Always the same ones, and nearly the same ones after mutants were added.
fn smallest_hashes(mut mutants: Vec<Mutant>, count: usize) -> Vec<Mutant> {
    mutants.sort_by_key(|mutant| hash(&mutant.name));
    mutants.truncate(count);
    mutants
}

/// FNV-1a over the seed (`SWEEP_SEED`) and the name.
fn hash(name: &str) -> u64 {
    let seed = std::env::var("SWEEP_SEED").unwrap_or_default();
    seed.bytes().chain(name.bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Tries all of them, prints the figures, and fails where podprobe is wrong.
fn judge(tasks: Vec<Task>, whole: bool) {
    let trials = workers::run(tasks);
    figures::publish(&figures::table(&trials));
    let wrong = known::unexpected(&trials, whole);
    assert!(wrong.is_empty(), "{} wrong verdicts:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_name_is_given_once() {
    let mut names: Vec<String> = choose(|mutants| mutants)
        .into_iter()
        .flat_map(|(_, mutants)| mutants.into_iter().map(|mutant| mutant.name))
        .collect();
    let count = names.len();
    assert!(count > 500, "only {count} mutants");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "two mutants have one name");
}
