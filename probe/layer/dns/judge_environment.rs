//! Judging `RES_OPTIONS` and `LOCALDOMAIN`: what they change, for whom, and which words do nothing.

use super::{
    environment::Variables,
    expansion::cost,
    judge_file::{GLIBC_OPTIONS, OUTSIDE},
    outcome::Seen,
};
use crate::{
    finding::{Code, Finding},
    plan::Plan,
    pod::resolv_conf::{Reader, Reading},
};

/// What the environment makes of the file; nothing where it changes nothing.
pub(super) fn judge(plan: &Plan, seen: &Seen) -> Vec<Finding> {
    let variables = &seen.variables;
    let (file, glibc) = (seen.file.read(Reader::Glibc), seen.reading(Reader::Glibc));
    let mut does = changes(&file, &glibc);
    let unknown = variables.unknown();
    let options: Vec<&str> = variables.words().filter(|w| GLIBC_OPTIONS.contains(w)).collect();
    let new: Vec<&str> = options.into_iter().filter(|word| !seen.file.has_option(word)).collect();
    if !new.is_empty() {
        does.push(format!("goes by {}", new.join(" ")));
    }
    if !unknown.is_empty() {
        does.push(format!("does not know {}", unknown.join(" ")));
    }
    if does.is_empty() {
        return Vec::new();
    }
    let name = plan.dns.names().next().map_or(OUTSIDE, String::as_str);
    let (before, after) = (cost(Reader::Glibc, &file, name), cost(Reader::Glibc, &glibc, name));
    if before != after {
        does.push(format!("asks {after} queries for {name} in vain instead of {before}"));
    }
    let subject = named(variables).join(" and ");
    // More tries, and other packets: they find the same names.
    let same_names = file.search == glibc.search && file.ndots == glibc.ndots;
    let code = if same_names && unknown.is_empty() {
        Code::ResolverEnvironmentSet
    } else {
        Code::ResolverEnvironment
    };
    let set = set(variables).join(" and ");
    let ignore = if variables.domain.is_some() && variables.options.is_some() {
        "ignore both"
    } else {
        "ignore it"
    };
    let reason = format!("read {set}: glibc {}; musl and Rust resolvers {ignore}", does.join(", "));
    let mut findings = vec![Finding::new(code, &subject, reason)];
    if glibc.attempts == 0 && file.attempts != 0 {
        let reason = format!("read {set}: attempts:0: glibc sends nothing");
        findings.push(Finding::new(Code::ResolvConfZeroTimers, subject, reason));
    }
    findings
}

fn named(variables: &Variables) -> Vec<&'static str> {
    let both = [
        variables.options.as_ref().map(|_| "RES_OPTIONS"),
        variables.domain.as_ref().map(|_| "LOCALDOMAIN"),
    ];
    both.into_iter().flatten().collect()
}

fn set(variables: &Variables) -> Vec<String> {
    let values = [&variables.options, &variables.domain].into_iter().flatten();
    named(variables).iter().zip(values).map(|(name, value)| format!("{name}={value:?}")).collect()
}

fn changes(file: &Reading, glibc: &Reading) -> Vec<String> {
    let mut does = Vec::new();
    if file.search != glibc.search {
        let list = |reading: &Reading| match reading.search.as_slice() {
            [] => "nothing".to_owned(),
            list => list.join(" "),
        };
        does.push(format!("searches {} instead of {}", list(glibc), list(file)));
    }
    for (name, before, after) in [
        ("ndots", file.ndots, glibc.ndots),
        ("timeout", file.timeout, glibc.timeout),
        ("attempts", file.attempts, glibc.attempts),
    ] {
        if before != after {
            does.push(format!("has {name} {after} instead of {before}"));
        }
    }
    does
}
