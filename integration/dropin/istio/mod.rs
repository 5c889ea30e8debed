//! `podprobe istio-iptables` on the real kernel.

mod meant;
mod repair;
mod words;

use crate::world::{Backend, Output, Pod, Rules, World};

const START: &str = "TIME\tinfo\tStarting iptables validation. This check verifies that iptables rules are properly established for the network.\n";
const LISTENING: &str =
    "TIME\tinfo\tListening on 127.0.0.1:15001\nTIME\tinfo\tListening on 127.0.0.1:15006\n";
const NOT_READY: &str = "TIME\terror\tiptables validation failed; workload is not ready for Istio.
When using Istio CNI, this can occur if a pod is scheduled before the node is ready.

If installed with 'cni.repair.deletePods=true', this pod should automatically be deleted and retry.
Otherwise, this pod will need to be manually removed so that it is scheduled on a node with istio-cni running, allowing iptables rules to be established.

";

/// What Istio 1.10 injects where its CNI plugin is on.
const ISTIO_1_10: &str = "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x _ -b * \
    -d 15090,15021,15020 --run-validation --skip-rule-apply";
/// What Istio 1.20 injects.
const ISTIO_1_20: &str = "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x _ -b * \
    -d 15090,15021,15020 --log_output_level=default:info --run-validation --skip-rule-apply";
/// What Istio 1.30 injects, with every optional argument.
const ISTIO_1_30: &str = "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x _ -b * \
    -d 15090,15021,15020 -q _ -o _ -k _ -c eth7 --log_output_level=default:info,ads:debug \
    --run-validation --skip-rule-apply";

/// The words of a line; `_` is the empty value.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().map(|word| if word == "_" { "" } else { word }).collect()
}

/// A 1.20 injection with more flags behind it, and a short wait.
fn injected<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&words(ISTIO_1_20)[..], &["--probe-timeout=600ms"], more].concat()
}

fn intact() -> Pod {
    Pod::with(World::V4, Backend::IptablesNft, &Rules::istio())
}

/// Output with what varies from run to run replaced: times, durations, counts, and the sentence
/// behind a code or a hint, which other tests are about.
fn golden(run: &Output) -> String {
    run.stdout.lines().map(|line| plain(line) + "\n").collect()
}

fn plain(line: &str) -> String {
    let fields: Vec<&str> = line.splitn(3, '\t').collect();
    let [time, level, message] = fields[..] else { return line.to_owned() };
    let digits: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(digits, "0000-00-00T00:00:00.000000Z", "{line}");
    format!("TIME\t{level}\t{}", without_variance(message))
}

fn without_variance(message: &str) -> String {
    for counted in ["proved ", "broken after "] {
        if message.starts_with(counted) {
            return format!("{counted}#");
        }
    }
    if message.starts_with("ended by signal ")
        && let Some((start, end)) = message.split_once(" after ")
    {
        return format!("{start} after #;{}", end.split_once(';').expect("an end").1);
    }
    if let Some(waited) = message.strip_prefix("waiting: ") {
        return format!("waiting: {}", without_variance(waited));
    }
    match message.split_once(": ") {
        Some((code, _)) if is_code(code) || code == "hint" => format!("{code}: …"),
        _ => message.to_owned(),
    }
}

fn is_code(word: &str) -> bool {
    word.contains('-') && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}
