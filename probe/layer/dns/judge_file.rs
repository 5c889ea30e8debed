//! Judging resolv.conf: each odd place with what each resolver does there.

use serde_json::json;

use super::{
    conf::{Anomaly, File, Oddity, anomalies},
    expansion::cost,
    outcome::Seen,
    zone,
};
use crate::{
    finding::{Code, Finding, Layer, Severity},
    plan::{DnsPlan, Plan},
    pod::{
        Pod,
        resolv_conf::{Reader, Reading},
    },
};

/// Options that musl does not know, and Rust resolvers know in part.
pub(super) const GLIBC_OPTIONS: [&str; 7] =
    ["edns0", "trust-ad", "no-aaaa", "single-request", "single-request-reopen", "rotate", "use-vc"];
/// A name outside the cluster, to show what a lookup costs. It is not asked for.
pub(super) const OUTSIDE: &str = "example.com";

/// Judges the file.
#[must_use]
pub fn judge(plan: &Plan, pod: &Pod, seen: &Seen) -> Vec<Finding> {
    let file = &seen.file;
    let path = plan.dns.resolv_conf.display().to_string();
    let text = match file {
        File::Text(text) => text,
        File::Unreadable(errno) => {
            let reason = format!("read {path}: {errno}");
            // What podprobe itself lacks, no resolver needs to lack.
            if ["EMFILE", "ENFILE", "ENOMEM"].contains(&errno.as_str()) {
                let unread = Finding::new(Code::ProbeFailed, path, reason);
                return vec![Finding { layer: Layer::Dns, ..unread }];
            }
            return vec![Finding::new(Code::ResolvConfMissing, path, reason)];
        }
    };
    let mut odd = anomalies(text);
    odd.sort_by_key(|anomaly| code(anomaly.oddity));
    let mut findings: Vec<Finding> = odd
        .chunk_by(|one, other| code(one.oddity) == code(other.oddity))
        .map(|places| finding(&path, places))
        .collect();
    findings.extend(scope_unknown(&path, pod, file));
    let explained = findings.iter().any(|finding| finding.severity == Severity::Fail);
    let helpless: Vec<&str> = [Reader::Glibc, Reader::Musl]
        .into_iter()
        .filter(|reader| file.read(*reader).servers.is_empty())
        .map(Reader::name)
        .collect();
    if !explained && !helpless.is_empty() {
        let who = helpless.join(" and ");
        let reason = format!("read {path}: {who} finds no nameserver, and would ask 127.0.0.1");
        findings.push(Finding::new(Code::ResolvConfNoNameserver, &path, reason));
    }
    if zone(&plan.dns, file).is_none() {
        let reason = format!("look for svc.<cluster domain> in the search list of {path}: none");
        findings.push(Finding::new(Code::ResolvConfNotCluster, &path, reason));
    }
    if odd.is_empty() && findings.iter().all(|finding| finding.severity != Severity::Fail) {
        findings.push(plain(&path, &plan.dns, seen));
    }
    findings
}

fn code(oddity: Oddity) -> Code {
    match oddity {
        Oddity::ByteOrderMark => Code::ResolvConfBom,
        Oddity::CarriageReturn => Code::ResolvConfCrlf,
        Oddity::LeadingSpace => Code::ResolvConfLeadingSpace,
        Oddity::Nameserver | Oddity::Directive => Code::ResolvConfBadAddress,
        Oddity::Unspecified => Code::ResolvConfUnspecified,
        Oddity::OneTooMany => Code::ResolvConfExtraServers,
        Oddity::ScopeMissing => Code::ResolvConfScope,
        Oddity::Comma => Code::ResolvConfSearchComma,
        Oddity::LongLine => Code::ResolvConfSearchTooLong,
        Oddity::LongList => Code::ResolvConfSearchMany,
        Oddity::Overridden => Code::ResolvConfOverridden,
        Oddity::Zero => Code::ResolvConfZeroTimers,
    }
}

/// Places listed as evidence of one finding.
const LISTED: usize = 16;

/// One finding for all places of a code, the first one in words.
fn finding(path: &str, places: &[Anomaly]) -> Finding {
    let first = &places[0];
    let more = match places.len() - 1 {
        0 => String::new(),
        1 => " (and one more place)".to_owned(),
        n => format!(" (and {n} more places)"),
    };
    let reason = format!(
        "read {path}: line {}, column {}, has \"{}\": {}{more}",
        first.line,
        first.column,
        first.text,
        in_words(first)
    );
    let evidence: Vec<_> = places
        .iter()
        .take(LISTED)
        .map(|place| {
            let [glibc, musl, rust] = &place.readers;
            json!({
                "line": place.line, "column": place.column, "text": place.text,
                "glibc": glibc, "musl": musl, "rust": rust,
            })
        })
        .collect();
    Finding::new(code(first.oddity), path, reason).with("places", evidence)
}

/// "glibc ignores it, musl asks 10.96.0.10, …".
fn in_words(place: &Anomaly) -> String {
    let each = Reader::ALL.iter().zip(&place.readers);
    let each: Vec<String> =
        each.map(|(reader, does)| format!("{}: {does}", reader.name())).collect();
    each.join("; ")
}

/// A nameserver on an interface that this pod does not have.
fn scope_unknown(path: &str, pod: &Pod, file: &File) -> Option<Finding> {
    let links = pod.links.seen()?;
    let known = |scope: &str| {
        links.iter().any(|link| link.name == scope || link.index.to_string() == scope)
    };
    let reading = file.read(Reader::Glibc);
    let scopes = reading.servers.iter().filter_map(|s| Some((s.address, s.scope.as_ref()?)));
    let (address, scope) = scopes.filter(|(_, scope)| !known(scope)).min()?;
    let reason = format!("read {path}: nameserver {address}%{scope}: this pod has no {scope}");
    Some(Finding::new(Code::ResolvConfScope, path, reason))
}

/// Nothing odd: what it says, what a lookup costs, and whom its options concern.
fn plain(path: &str, plan: &DnsPlan, seen: &Seen) -> Finding {
    let file = &seen.file;
    let reading = file.read(Reader::Glibc);
    let servers: Vec<String> = reading.servers.iter().map(|s| s.address.to_string()).collect();
    let name = plan.names().next().map_or(OUTSIDE, String::as_str);
    let costs = Reader::ALL.map(|reader| cost(reader, &file.read(reader), name));
    let reason = format!(
        "nameserver {}; search {}; ndots {}; looking up {name} in vain costs {} queries",
        servers.join(", "),
        if reading.search.is_empty() { "nothing".to_owned() } else { reading.search.join(" ") },
        clamped(reading.ndots, file.read(Reader::Rust).ndots),
        queries(costs)
    );
    let costs: Vec<_> = plan
        .names()
        .map(|name| {
            let [glibc, musl, rust] = Reader::ALL.map(|r| cost(r, &file.read(r), name));
            json!({ "name": name, "glibc": glibc, "musl": musl, "rust": rust })
        })
        .collect();
    let mut finding = Finding::new(Code::ResolvConfRead, path, reason);
    if !costs.is_empty() {
        finding = finding.with("queriesInVain", costs);
    }
    let ignored: Vec<&str> = file.options().filter(|word| GLIBC_OPTIONS.contains(word)).collect();
    if !ignored.is_empty() {
        finding = finding.with("optionsThatMuslIgnores", ignored);
    }
    if differs(&reading) {
        let text = "a name with as many dots as ndots that does not exist as it is: glibc and Rust \
                    resolvers try the search list, musl never does";
        finding = finding.with("searchAfterwards", text);
    }
    finding
}

/// The C libraries' number, and where the file has more, what they make of that.
fn clamped(libc: u32, written: u32) -> String {
    if written > libc {
        format!("{libc} (not {written}, for C libraries)")
    } else {
        libc.to_string()
    }
}

/// One number, or each resolver's.
pub(super) fn queries([glibc, musl, rust]: [usize; 3]) -> String {
    if glibc == musl && musl == rust {
        glibc.to_string()
    } else {
        format!("{glibc} (glibc), {musl} (musl) or {rust} (Rust)")
    }
}

/// With a search list, musl and the others differ about names with enough dots.
fn differs(reading: &Reading) -> bool {
    !reading.search.is_empty()
}
