//! Every single rule deleted in turn: who must see it, and who must stay quiet.
//!
//! Rules that only the outside meets (nat PREROUTING) and rules that an earlier one makes idle must not be
//! "seen": a gate that cries wolf is switched off. A rule that no row matches fails the sweep.

mod iptables;
mod nftables;

use See::{Must, Quiet};

use crate::world::{Backend, Output, Pod, Rules, Who, World, rule_lines};

/// What one identity says about a set of rules without this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum See {
    /// Exit 30.
    Must,
    /// Exit 0: nothing that this identity can make happen has changed.
    Quiet,
    /// Either: the change is real, but only for an identity that nobody in the pod has.
    May,
}

/// A row: what the rule says, and what it means to proxy, application and root.
struct Row {
    says: fn(&str) -> bool,
    seen: [See; 3],
}

/// Given where DNS capture is on.
const DNS: &[&str] = &["--dns-capture", "true"];
/// Given where the rule set has exclusions.
const EXCLUDED: &[&str] =
    &["--exclude-outbound-ports", "5432", "--exclude-outbound-cidrs", "10.96.64.0/18"];

const NOBODY: [See; 3] = [Quiet, Quiet, Quiet];
const INSIDE: [See; 3] = [Must, Quiet, Must];
const OUTWARD: [See; 3] = [Quiet, Must, Must];
const EVERYBODY: [See; 3] = [Must, Must, Must];
/// Real for a uid or gid of 1337 without the other one: root alone could try it.
const HALF_PROXY: [See; 3] = [Quiet, Quiet, See::May];

/// One family's, or one back end's, part of a rule set.
type Part = fn(&mut Rules) -> &mut String;

/// Deletes each rule of one part, loads the rest, and asks all three identities.
fn sweep(backend: Backend, table: &[Row], rules: &Rules, part: Part, flags: &[&str]) {
    let pod = World::DUAL.start();
    let whole = part(&mut rules.clone()).clone();
    let numbers = rule_lines(&whole);
    assert!(numbers.len() >= 20, "only {} rules found", numbers.len());
    let mut wrong = Vec::new();
    for number in numbers {
        let mut mutant = rules.clone();
        *part(&mut mutant) = without_line(&whole, number);
        pod.load(backend, &mutant);
        let rule = whole.lines().nth(number).expect("a line");
        wrong.extend(
            Who::ALL
                .into_iter()
                .zip(expected(table, rule))
                .filter_map(|(who, see)| ask(&pod, who, see, rule, flags)),
        );
    }
    assert!(wrong.is_empty(), "{} wrong verdicts:\n{}", wrong.len(), wrong.join("\n"));
}

/// The complaint, when the identity does not say what it must. A query to 127.0.0.1:53 may get the
/// source port of one that an earlier mutant let go, whose conntrack entry then still lets it go: what
/// is wrong counts when it is wrong twice, and that it was asked again is told.
fn ask(pod: &Pod, who: Who, see: See, rule: &str, flags: &[&str]) -> Option<String> {
    let right = |run: &Output| match see {
        See::Must => run.code == 30,
        See::Quiet => run.code == 0,
        See::May => matches!(run.code, 0 | 30),
    };
    let look = || pod.run(who, &[&["check"], flags].concat());
    let first = look();
    if right(&first) {
        return None;
    }
    eprintln!("asked again: without `{rule}`: {who:?}");
    let run = look();
    (!right(&run)).then(|| format!("without `{rule}`: {who:?} {see:?}: {run}"))
}

fn expected(table: &[Row], rule: &str) -> [See; 3] {
    let row = table.iter().find(|row| (row.says)(rule));
    row.unwrap_or_else(|| panic!("no row of the table knows `{rule}`")).seen
}

fn without_line(text: &str, number: usize) -> String {
    let kept = text.lines().enumerate().filter(|(line, _)| *line != number);
    kept.flat_map(|(_, line)| [line, "\n"]).collect()
}
