//! How often the finding about a broken mutant names the rule that was deleted, altered or put in.
//!
//! A mutant counts when podprobe with `NET_ADMIN` rejects it. What the rule is called is told by
//! `podprobe rules` on the intact rules, or follows from where the foreign rule was put.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use crate::world::{Pod, Who};

use super::mutant::{self, Mutant};
use super::subject::{self, Subject};

/// Mutants of each rule set that every test run tries.
const SAMPLE: usize = 4;
/// Pods at a time.
const WORKERS: usize = 3;
/// Of a hundred rejected mutants so many must be named.
const GOAL: usize = 95;

#[test]
fn findings_name_the_wrong_rule_in_a_sample_of_mutants() {
    judge(&score(|mutants| super::smallest_hashes(mutants, SAMPLE)));
}

#[test]
#[ignore = "takes minutes: make naming"]
fn findings_name_the_wrong_rule_of_every_mutant() {
    let wanted = std::env::var("SWEEP").unwrap_or_default();
    let all = wanted.is_empty() || wanted == "all";
    judge(&score(|mut mutants| {
        mutants.retain(|mutant| all || mutant.name.contains(&wanted));
        mutants
    }));
}

/// Which rule a mutant is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Culprit {
    /// One of the mesh's own: table, chain, position; gone or altered.
    Own(Place, bool),
    /// A foreign one, wherever it stands.
    Foreign(Place),
}

/// Table, chain, position; and the family for iptables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    family: &'static str,
    table: String,
    chain: String,
    position: u64,
}

/// What became of one mutant.
struct Score {
    subject: &'static str,
    mutant: String,
    rejected: bool,
    /// By the finding that is the cause, and by any.
    named: [bool; 2],
    words: String,
}

fn judge(scores: &[Score]) {
    let mut rows: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    let mut unnamed = String::new();
    for score in scores {
        let row = rows.entry(score.subject).or_default();
        let [cause, any] = score.named;
        for (sum, counts) in row.iter_mut().zip([true, score.rejected, cause, any]) {
            *sum += usize::from(counts);
        }
        if score.rejected && !any {
            let _ = writeln!(unnamed, "{}\n{}", score.mutant, score.words);
        }
    }
    println!(
        "{:<18} {:>7} {:>8} {:>8} {:>6}",
        "rule set", "mutants", "rejected", "by cause", "named"
    );
    for (subject, [mutants, rejected, cause, any]) in &rows {
        println!("{subject:<18} {mutants:>7} {rejected:>8} {cause:>8} {any:>6}");
    }
    let sum = |index: usize| rows.values().map(|row| row[index]).sum::<usize>();
    let (rejected, named) = (sum(1), sum(3));
    println!("{:<18} {:>7} {rejected:>8} {:>8} {named:>6}", "all", sum(0), sum(2));
    assert!(rejected > 0, "no mutant was rejected");
    assert!(named * 100 >= rejected * GOAL, "{named} of {rejected} named; not:\n{unnamed}");
    eprintln!("not named:\n{unnamed}");
}

fn score(some: impl Fn(Vec<Mutant>) -> Vec<Mutant>) -> Vec<Score> {
    let tasks = subject::all().into_iter().map(|subject| {
        let mut mutants = mutant::all(&subject);
        mutants.retain(|mutant| culprit(&subject, mutant).is_some());
        let mutants = some(mutants);
        (subject, mutants)
    });
    let queue: Mutex<VecDeque<(Subject, Vec<Mutant>)>> =
        Mutex::new(tasks.filter(|(_, mutants)| !mutants.is_empty()).collect());
    let next = || queue.lock().expect("no worker failed").pop_front();
    thread::scope(|scope| {
        let work = || {
            let mut scores = Vec::new();
            while let Some((subject, mutants)) = next() {
                scores.extend(batch(&subject, &mutants));
            }
            scores
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("scores")).collect()
    })
}

fn batch(subject: &Subject, mutants: &[Mutant]) -> Vec<Score> {
    let pod = subject.world().start();
    let intact = texts(&pod, subject);
    mutants.iter().map(|mutant| one(&pod, subject, &intact, mutant)).collect()
}

/// The intact rules as podprobe prints them.
fn texts(pod: &Pod, subject: &Subject) -> BTreeMap<Place, String> {
    pod.load(subject.backend, &subject.rules);
    let arguments = [&["rules", "--output", "json"], &promise(subject)[..]].concat();
    let rules = pod.run(Who::NetAdmin, &arguments).expect(0).report();
    let rules = rules["rules"].as_array().expect("rules");
    rules.iter().map(|rule| (place(rule), text(rule))).collect()
}

/// The flags that `rules` has as well.
fn promise(subject: &Subject) -> Vec<&'static str> {
    let mut flags = subject.flags.clone();
    flags.extend(["--app-uid", "2000"]);
    flags
}

fn place(rule: &Value) -> Place {
    let word = |name: &str| rule[name].as_str().unwrap_or_default().to_owned();
    let family = match rule["family"].as_str() {
        Some("ip") => "v4",
        Some("ip6") => "v6",
        _ => "",
    };
    let position = rule["position"].as_u64().unwrap_or_default();
    Place { family, table: word("table"), chain: word("chain"), position }
}

fn text(rule: &Value) -> String {
    rule["text"].as_str().unwrap_or_default().to_owned()
}

fn one(pod: &Pod, subject: &Subject, intact: &BTreeMap<Place, String>, mutant: &Mutant) -> Score {
    pod.load(subject.backend, &mutant.rules);
    let arguments = [&["check", "--output", "json"], &promise(subject)[..]].concat();
    let launch = pod.launch(Who::NetAdmin, &arguments).env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    let run = launch.run();
    let culprit = culprit(subject, mutant).expect("only such mutants are tried");
    let report = run.report();
    let findings = report["findings"].as_array().expect("findings");
    let failed: Vec<&Value> = findings.iter().filter(|f| f["severity"] == "fail").collect();
    let cause = report["cause"]["reason"].as_str().unwrap_or_default();
    let names = |finding: &&&Value| is_named(finding, &culprit, intact);
    let by_cause = failed.iter().filter(|f| f["reason"] == cause).any(|f| names(&f));
    let any = failed.iter().any(|finding| names(&finding));
    let words: Vec<&str> = failed.iter().filter_map(|f| f["reason"].as_str()).collect();
    Score {
        subject: subject.name,
        mutant: mutant.name.clone(),
        rejected: run.code == 30,
        named: [by_cause && run.code == 30, any && run.code == 30],
        words: words.iter().flat_map(|line| ["    ", line, "\n"]).collect(),
    }
}

/// Whether a finding's evidence speaks of this rule.
fn is_named(finding: &Value, culprit: &Culprit, intact: &BTreeMap<Place, String>) -> bool {
    let evidence = &finding["evidence"];
    let mut told = vec![&evidence["rule"], &evidence["absentRule"]];
    told.extend(evidence["otherRules"].as_array().into_iter().flatten());
    told.iter().filter(|rule| rule.is_object()).any(|rule| match culprit {
        Culprit::Foreign(at) => place(rule) == *at,
        Culprit::Own(at, gone) => {
            let wanted = intact.get(at).unwrap_or_else(|| panic!("{at:?} is not printed"));
            let same_chain = place(rule).table == at.table && place(rule).chain == at.chain;
            let absent = rule["position"].is_null() && text(rule) == *wanted;
            same_chain && (absent || !gone && place(rule) == *at)
        }
    })
}

/// The one rule that a mutant is about, if it is one.
fn culprit(subject: &Subject, mutant: &Mutant) -> Option<Culprit> {
    let rest = mutant.name.strip_prefix(subject.name)?.strip_prefix('/')?;
    let (family, rest) = match rest.split_once('/') {
        Some(("v4", rest)) => ("v4", rest),
        Some(("v6", rest)) => ("v6", rest),
        _ => ("", rest),
    };
    let (what, which) = rest.split_once('/')?;
    let at = |table: &str, chain: &str, position| Place {
        family,
        table: table.to_owned(),
        chain: chain.to_owned(),
        position,
    };
    match what {
        "foreign table" => Some(Culprit::Foreign(at("foreign", "first", 1))),
        "foreign" => inserted(family, mutant).map(Culprit::Foreign),
        "delete" | "exclusion" | "mark" | "wrong port" => own(&at, which, what == "delete"),
        what if what.starts_with("port ") => own(&at, which, false),
        _ => None,
    }
}

fn own(at: &dyn Fn(&str, &str, u64) -> Place, which: &str, gone: bool) -> Option<Culprit> {
    let words: Vec<&str> = which.split(' ').collect();
    let [table, chain, number] = words[..] else { return None };
    Some(Culprit::Own(at(table, chain, number.parse().ok()?), gone))
}

/// Where the rule went that was put before all others.
fn inserted(family: &'static str, mutant: &Mutant) -> Option<Place> {
    let text = match family {
        "v4" => &mutant.rules.v4,
        "v6" => &mutant.rules.v6,
        _ => &mutant.rules.nft,
    };
    let mut heading = "";
    for line in text.lines() {
        heading = line.strip_prefix('*').unwrap_or(heading);
        let words: Vec<&str> = line.split(' ').collect();
        let (table, chain) = match words[..] {
            ["-I", chain, ..] => (heading, chain),
            ["insert", "rule", _, table, chain, ..] => (table, chain),
            _ => continue,
        };
        return Some(Place { family, table: table.into(), chain: chain.into(), position: 1 });
    }
    None
}
