//! A recording that may be shown to strangers: names and addresses are others, the same by the same, and
//! it is judged as before. Whatever is told of it afterwards is told of those.

mod address;
mod words;

use serde_json::Value;

use crate::{layer::reach::Host, record::Recording};
use words::Words;

/// Fields whose text is a name, if it is one word.
const NAMES: [&str; 10] = [
    "podName",
    "podNamespace",
    "name",
    "names",
    "host",
    "serviceHost",
    "sni",
    "noProxy",
    "domain",
    "clusterDomain",
];

/// The recording with others in the place of all names and addresses.
///
/// # Errors
/// One sentence where it cannot be read again: then nothing of it may be shown.
pub fn redacted(recording: &Recording) -> Result<Recording, String> {
    let mut words = Words::default();
    words.know(names(recording));
    let text = |recording: &Recording| {
        serde_json::to_string(recording).map_err(|error| format!("redact: {error}"))
    };
    let mut value: Value =
        serde_json::from_str(&text(recording)?).map_err(|error| format!("redact: {error}"))?;
    words.know(node_names(&value));
    hide(&mut value, "", &mut words);
    Recording::parse(&value.to_string()).map_err(|problem| format!("redact: {problem}"))
}

/// Names of one word, which no form tells from other words.
fn names(recording: &Recording) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(seen) = &recording.seen {
        let environment = &seen.environment;
        names.extend(environment.pod_name.clone());
        names.extend(environment.pod_namespace.clone());
        names.extend(environment.service_host.clone());
        let proxies = environment.proxies.iter().map(|proxy| &proxy.address);
        names.extend(proxies.chain(&environment.no_proxy).map(|address| host(address)));
    }
    for target in &recording.plan.reach.targets {
        names.push(target.name.clone());
        if let Some(Host::Name(host)) = target.host() {
            names.push(host.clone());
        }
    }
    names.extend(recording.plan.dns.names.clone());
    names.extend(recording.plan.api.servers.iter().map(|server| server.host.clone()));
    let own = nix::sys::utsname::uname();
    names.extend(own.ok().and_then(|own| own.nodename().to_str().map(str::to_owned)));
    names
}

/// The host of an address or a URL, as people write them.
fn host(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split([':', '/']).next().unwrap_or_default().trim_start_matches('.').to_owned()
}

/// What CNI configurations call the node.
fn node_names(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let after = text.split("\"nodename\"").skip(1);
            after.filter_map(|rest| rest.split('"').nth(1)).map(str::to_owned).collect()
        }
        Value::Array(list) => list.iter().flat_map(node_names).collect(),
        Value::Object(fields) => fields.values().flat_map(node_names).collect(),
        _ => Vec::new(),
    }
}

fn hide(value: &mut Value, field: &str, words: &mut Words) {
    match value {
        Value::String(text) => *text = words.hidden(text, NAMES.contains(&field)),
        Value::Array(list) => list.iter_mut().for_each(|one| hide(one, field, words)),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            for (name, mut inner) in old {
                hide(&mut inner, &name, words);
                // An address may be a key; a field of podprobe's own is one word.
                fields.insert(words.hidden(&name, false), inner);
            }
        }
        _ => {}
    }
}
