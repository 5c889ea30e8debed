//! The mesh's own CNI plugin: chained where the runtime looks, or only lying about.

use super::{
    chain::{Chain, is_multus},
    judge::{Judging, unseen},
    seen::{Content, Seen, join},
};
use crate::finding::{Code, Finding};

/// The plugins by the names of `--mesh`: each programs its mesh's rules when a pod is made (istio
/// `cni/`, linkerd2-proxy-init `cni-plugin/`, kuma `app/cni/`, consul-k8s `control-plane/cni/`).
const PLUGINS: [(&str, &str); 6] = [
    ("istio", "istio-cni"),
    ("istio-tproxy", "istio-cni"),
    ("istio-ambient", "istio-cni"),
    ("linkerd", "linkerd-cni"),
    ("kuma", "kuma-cni"),
    ("consul", "consul-cni"),
];

/// Where Multus finds what pods name in annotations: istio-cni's place where it is not chained
/// (istio, `chained: false`).
pub const BESIDE: [&str; 1] = ["/etc/cni/multus/net.d"];

/// The plugins that a mesh may have; all of them while it is not decided which mesh this is.
#[must_use]
pub fn plugins(mesh: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = PLUGINS
        .iter()
        .filter(|(of, _)| mesh == *of || mesh == "auto")
        .map(|(_, name)| *name)
        .collect();
    names.dedup();
    names
}

/// Whether a plugin is some mesh's.
#[must_use]
pub fn is_mesh(kind: &str) -> bool {
    PLUGINS.iter().any(|(_, name)| kind == *name)
}

/// Judges whether the mesh's plugin runs for new pods.
pub(super) fn judge(judging: &Judging, path: &str, chain: &Chain) -> Vec<Finding> {
    let auto = judging.plan.mesh == "auto";
    let wanted = plugins(&judging.plan.mesh);
    let of = |plugin: &&str| one(judging, path, chain, plugin, auto);
    wanted.iter().filter_map(of).collect()
}

fn one(judging: &Judging, path: &str, chain: &Chain, plugin: &str, auto: bool) -> Option<Finding> {
    let seen = judging.seen;
    let runs = |chain: &Chain| chain.uses.iter().any(|used| used.kind == plugin);
    if runs(chain) || (chain.uses.iter().any(|used| is_multus(&used.kind)) && beside(seen, plugin))
    {
        return None;
    }
    let candidates = seen.candidates();
    let elsewhere = candidates.iter().find(|file| seen.chain(file).is_some_and(|c| runs(&c)));
    let programs = seen.bin_dirs.iter().map(|directory| join(directory, plugin));
    let installed = programs
        .clone()
        .find(|program| seen.programs.get(program).is_some_and(|program| program.place.is_ok()));
    let trace = match (elsewhere, &installed) {
        (Some(file), _) => format!("it is in {file}, which no pod is made with"),
        (None, Some(program)) if !auto => format!("its program lies at {program}, unused"),
        _ => String::new(),
    };
    if !trace.is_empty() && !chain.unfollowed.is_empty() {
        let why = chain.unfollowed.join(", ");
        let reason = format!("look for {plugin} in what {path} leads to: {why}");
        return Some(unseen(plugin, reason));
    }
    if trace.is_empty() {
        let reason =
            format!("look for {plugin}: it is neither in {path} nor among the node's plugins");
        let absent = Finding::new(Code::CniMeshAbsent, plugin, reason);
        return (!auto).then_some(absent);
    }
    let reason = format!("look for {plugin} in {path}, which pods are made with: {trace}");
    let chained: Vec<&str> = chain.uses.iter().map(|used| used.kind.as_str()).collect();
    Some(Finding::new(Code::CniMeshNotChained, plugin, reason).with("chain", chained))
}

/// Whether a configuration of its own lies where Multus finds it.
fn beside(seen: &Seen, plugin: &str) -> bool {
    let places = |path: &String| BESIDE.iter().any(|place| path.starts_with(place));
    let named = format!("\"{plugin}\"");
    seen.files
        .iter()
        .filter(|(path, _)| places(path))
        .any(|(_, file)| matches!(&file.content, Content::Text(text) if text.contains(&named)))
}
