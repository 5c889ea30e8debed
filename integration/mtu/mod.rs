//! Packets that are too large for the way: real routers with a narrow link, with and without their
//! ICMP messages, and servers behind them.

/// Which peers are asked, when, and as whom.
mod asked_for;
/// What a TLS server says first.
mod flight;
/// Packets that vanish, by their size.
mod hole;
/// What looks like a hole and is none.
mod intact;
/// podprobe's own far side.
mod peer;
/// The pod's node and what lies behind it.
pub mod place;

use crate::world::{Launch, Output, Who};
use place::Place;

/// Nameservers beyond the node, in both families.
const BOTH: &str = "search svc.cluster.local\nnameserver 10.99.0.2\nnameserver fd99::2\n";
/// The one of IPv4.
const V4: &str = "search svc.cluster.local\nnameserver 10.99.0.2\n";
/// No nameserver outside of the pod.
const NONE: &str = "nameserver 127.0.0.53\n";

/// podprobe's mtu layer, with this resolv.conf, as an application in no mesh.
fn launch<'p>(place: &'p Place, resolv_conf: &str, more: &[&str]) -> Launch<'p> {
    let path = place.pod.file("resolv.conf");
    std::fs::write(&path, resolv_conf).expect("write resolv.conf");
    let path = path.display().to_string();
    let mut arguments = vec!["check", "mtu", "--mesh", "none", "--output", "json"];
    arguments.extend(["--resolv-conf", &path]);
    arguments.extend(more);
    place.pod.launch(Who::App, &arguments)
}

/// The findings of one code: their reasons.
fn reasons(run: &Output, code: &str) -> Vec<String> {
    run.findings(code).iter().map(|finding| finding["reason"].to_string()).collect()
}

/// The only reason of this code.
#[track_caller]
fn reason(run: &Output, code: &str) -> String {
    let reasons = reasons(run, code);
    assert_eq!(reasons.len(), 1, "{code}: {reasons:?}\n{run}");
    reasons[0].clone()
}

/// The run says this and nothing else, and ends as it must.
#[track_caller]
fn says(run: Output, codes: &[&str]) -> Output {
    let exit = if run.codes("fail").is_empty() { 0 } else { 70 };
    let run = run.expect(exit);
    let all = ["fail", "unknown", "warn", "ok"].map(|severity| run.codes(severity)).concat();
    assert_eq!(all, codes, "{run}");
    run
}
