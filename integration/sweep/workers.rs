//! The sweep at work: two threads, each with one pod after the other.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use super::mutant::Mutant;
use super::subject::Subject;
use super::trial::{Bench, Trial};
use super::{Task, sanity};

/// Pods at a time; most of a trial is waiting.
const WORKERS: usize = 3;
/// Mutants that one pod sees before another worker may take the rest.
const BATCH: usize = 40;

/// Tries all mutants, and gives the results in the order of their names.
pub fn run(tasks: Vec<Task>) -> Vec<Trial> {
    let queue: Mutex<VecDeque<Task>> = Mutex::new(tasks.into_iter().flat_map(batches).collect());
    let next = || queue.lock().expect("no worker failed").pop_front();
    let mut trials: Vec<Trial> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut trials = Vec::new();
                    while let Some((subject, mutants)) = next() {
                        trials.extend(batch(&subject, &mutants));
                    }
                    trials
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker's trials")).collect()
    });
    trials.sort_by(|a, b| a.mutant.cmp(&b.mutant));
    trials
}

fn batches((subject, mutants): Task) -> Vec<Task> {
    mutants.chunks(BATCH).map(|some| (subject.clone(), some.to_vec())).collect()
}

/// In one pod: the intact rules, then the mutants.
fn batch(subject: &Subject, mutants: &[Mutant]) -> Vec<Trial> {
    let pod = subject.world().start();
    let mut bench = Bench::new(&pod, subject);
    sanity::check(subject, bench.intact());
    let all = std::iter::once(Mutant::intact(subject)).chain(mutants.iter().cloned());
    all.map(|mutant| twice_if_wrong(&mut bench, &mutant)).collect()
}

/// A flow may meet a conntrack entry of an earlier one and end elsewhere by that: what is wrong
/// counts when it is wrong twice, and that it was tried again is told.
fn twice_if_wrong(bench: &mut Bench, mutant: &Mutant) -> Trial {
    let trial = bench.try_out(mutant);
    if !trial.is_wrong() {
        return trial;
    }
    eprintln!("tried again: {}", trial.mutant);
    bench.try_out(mutant)
}
