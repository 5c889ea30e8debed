//! Where podprobe is wrong and is known to be, and why.

use super::trial::Trial;

/// A wrong verdict that is put up with.
struct Known {
    mutant: &'static str,
    vantage: &'static str,
    reason: &'static str,
}

/// As 1337:1337 in TPROXY mode, where the proxy is 0:1337.
const IDLE_USER: &str = "the same happens to this user when only the rules for it are gone, which serve \
                         nobody: any other identity sees it";

const KNOWN: &[Known] = &[
    Known {
        mutant: "istio-tproxy/nft/delete/istio-proxy-nat output 1",
        vantage: "proxy",
        reason: IDLE_USER,
    },
    Known {
        mutant: "istio-tproxy/nft/foreign/accept outbound",
        vantage: "proxy",
        reason: IDLE_USER,
    },
    Known { mutant: "istio-tproxy/nft/without/all", vantage: "proxy", reason: IDLE_USER },
    Known {
        mutant: "istio-tproxy/nft/without/istio-proxy-nat",
        vantage: "proxy",
        reason: IDLE_USER,
    },
    Known {
        mutant: "istio-tproxy/nft/without/istio-proxy-nat istio-output",
        vantage: "proxy",
        reason: IDLE_USER,
    },
    Known { mutant: "istio-tproxy/stopped/3 of 4", vantage: "proxy", reason: IDLE_USER },
    Known { mutant: "istio-tproxy/v4/delete/nat OUTPUT 1", vantage: "proxy", reason: IDLE_USER },
    Known {
        mutant: "istio-tproxy/v4/foreign/accept outbound",
        vantage: "proxy",
        reason: IDLE_USER,
    },
    Known { mutant: "istio-tproxy/v4/only/mangle", vantage: "proxy", reason: IDLE_USER },
    Known {
        mutant: "istio-tproxy/v4/without/nat ISTIO_OUTPUT",
        vantage: "proxy",
        reason: IDLE_USER,
    },
    Known { mutant: "istio-tproxy/v6/delete/nat OUTPUT 1", vantage: "proxy", reason: IDLE_USER },
    Known {
        mutant: "istio-tproxy/v6/foreign/accept outbound",
        vantage: "proxy",
        reason: IDLE_USER,
    },
    Known { mutant: "istio-tproxy/v6/only/mangle", vantage: "proxy", reason: IDLE_USER },
    Known {
        mutant: "istio-tproxy/v6/without/nat ISTIO_OUTPUT",
        vantage: "proxy",
        reason: IDLE_USER,
    },
];

/// What is wrong and not known, and what is known and no longer wrong. `whole`: every mutant was tried.
pub fn unexpected(trials: &[Trial], whole: bool) -> Vec<String> {
    compare(trials, KNOWN, whole)
}

fn compare(trials: &[Trial], list: &[Known], whole: bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for trial in trials {
        for verdict in &trial.verdicts {
            let name = verdict.vantage.name;
            let is_this = |known: &&Known| known.mutant == trial.mutant && known.vantage == name;
            match (verdict.wrong(trial.broken), list.iter().find(is_this)) {
                (Some(wrong), None) => complaints.push(format!(
                    "{wrong}: {} as {name}{}{}",
                    trial.mutant,
                    evidence(&verdict.visible),
                    verdict.words
                )),
                (None, Some(known)) => complaints.push(format!(
                    "right by now, take it off the list: {} as {name} ({})",
                    trial.mutant, known.reason
                )),
                _ => {}
            }
        }
    }
    let tried = |known: &Known| trials.iter().any(|trial| trial.mutant == known.mutant);
    let gone = list.iter().filter(|known| whole && !tried(known));
    complaints.extend(gone.map(|known| format!("no such mutant: {}", known.mutant)));
    complaints
}

/// The first flows that show it.
fn evidence(visible: &[String]) -> String {
    visible.iter().take(3).flat_map(|flow| ["\n      ", flow]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::trial::Verdict;
    use crate::sweep::vantage::Vantage;

    const LIST: &[Known] = &[Known { mutant: "m", vantage: "other", reason: "because" }];

    fn trial(broken: bool, visible: bool, rejected: bool) -> Vec<Trial> {
        let vantage = Vantage::ids("other", 1, 1);
        let visible = visible.then(|| "a flow".to_owned()).into_iter().collect();
        let verdicts = vec![Verdict { vantage, visible, rejected, words: String::new() }];
        vec![Trial { mutant: "m".into(), subject: "s", broken, verdicts }]
    }

    #[test]
    fn only_what_is_seen_must_be_rejected_and_only_what_is_broken_may_be() {
        let wrong = |trials: Vec<Trial>| compare(&trials, &[], true).len();
        assert_eq!(wrong(trial(true, true, false)), 1, "missed");
        assert_eq!(wrong(trial(false, false, true)), 1, "a false alarm");
        assert_eq!(wrong(trial(false, true, true)), 1, "nobody's flow, and so a false alarm");
        let right =
            [(true, true, true), (true, false, false), (true, false, true), (false, true, false)];
        for (broken, visible, rejected) in right {
            assert_eq!(wrong(trial(broken, visible, rejected)), 0, "{broken} {visible} {rejected}");
        }
    }

    #[test]
    fn what_is_known_must_still_be_so() {
        assert_eq!(compare(&trial(true, true, false), LIST, true), [""; 0]);
        assert!(compare(&trial(true, true, true), LIST, false)[0].starts_with("right by now"));
        assert_eq!(compare(&[], LIST, true), ["no such mutant: m"]);
        assert_eq!(compare(&[], LIST, false), [""; 0]);
    }
}
