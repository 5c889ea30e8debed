//! Which container runtime the node has, and where it looks for CNI files.

use serde::{Deserialize, Serialize};

/// A container runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// containerd, also inside k3s, RKE2 and `MicroK8s`.
    Containerd,
    /// CRI-O.
    CriO,
}

impl Runtime {
    /// Of those whose sockets are there, the one whose choice counts: containerd, unless CRI-O's
    /// alone is there.
    #[must_use]
    pub fn that_counts(found: &[Runtime]) -> Runtime {
        match found {
            [Runtime::CriO] => Runtime::CriO,
            _ => Runtime::Containerd,
        }
    }

    /// The name that people know.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Containerd => "containerd",
            Runtime::CriO => "CRI-O",
        }
    }
}

/// Where each runtime's socket lies: that it is there tells which one the node has.
pub const SOCKETS: [(Runtime, &str); 4] = [
    (Runtime::Containerd, "/run/containerd/containerd.sock"),
    (Runtime::Containerd, "/run/k3s/containerd/containerd.sock"),
    (Runtime::Containerd, "/var/snap/microk8s/common/run/containerd.sock"),
    (Runtime::CriO, "/run/crio/crio.sock"),
];

/// Where containerd's own configuration lies: the distribution's, k3s', RKE2's, `MicroK8s`'.
pub const CONTAINERD_FILES: [&str; 4] = [
    "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
    "/var/snap/microk8s/current/args/containerd.toml",
    "/etc/containerd/config.toml",
];

/// Where CRI-O's lies; a directory of further files follows, and later ones count (crio.conf(5)).
pub const CRIO_FILE: &str = "/etc/crio/crio.conf";
/// That directory.
pub const CRIO_DIRECTORY: &str = "/etc/crio/crio.conf.d";

/// The directory of CNI configurations, unless the runtime is told another one.
pub const CONF_DIR: &str = "/etc/cni/net.d";
/// The directory of CNI plugins, likewise.
pub const BIN_DIR: &str = "/opt/cni/bin";

/// Where distributions keep configurations instead: k3s and RKE2, `MicroK8s`, `OpenShift`.
pub const OTHER_CONF_DIRS: [&str; 5] = [
    "/etc/cni/net.d",
    "/var/lib/rancher/k3s/agent/etc/cni/net.d",
    "/var/snap/microk8s/current/args/cni-network",
    "/etc/kubernetes/cni/net.d",
    "/run/multus/cni/net.d",
];

/// What a runtime's configuration says about CNI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// `conf_dir` or `network_dir`.
    pub conf_dir: Option<String>,
    /// `bin_dir`, `bin_dirs` or `plugin_dirs`.
    pub bin_dirs: Vec<String>,
}

impl Told {
    /// What a further file says counts before what this one says.
    pub fn then(&mut self, later: Told) {
        self.conf_dir = later.conf_dir.or(self.conf_dir.take());
        if !later.bin_dirs.is_empty() {
            self.bin_dirs = later.bin_dirs;
        }
    }
}

/// Reads the lines of TOML that matter here: strings and lists of strings in the section of CNI.
/// For one plain key each, a TOML parser would be the largest thing that podprobe has.
#[must_use]
pub fn told(runtime: Runtime, text: &str) -> Told {
    let mut told = Told::default();
    let mut inside = false;
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.split(']').next().unwrap_or_default();
            inside = match runtime {
                Runtime::Containerd => {
                    section.contains("cri") && section.rsplit('.').next() == Some("cni")
                }
                Runtime::CriO => section == "crio.network",
            };
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside) else { continue };
        let mut value = value.trim().to_owned();
        if value.starts_with('[') {
            for _ in 0..64 {
                let Some(more) = (!value.contains(']')).then(|| lines.next()).flatten() else {
                    break;
                };
                value.push('\n');
                value.push_str(more);
            }
        }
        let strings = strings(&value);
        match key.trim() {
            "conf_dir" | "network_dir" => told.conf_dir = strings.into_iter().next(),
            "bin_dir" | "bin_dirs" | "plugin_dirs" if !strings.is_empty() => {
                told.bin_dirs = strings;
            }
            _ => {}
        }
    }
    told
}

/// The paths among the quoted strings of a value; comments go to the end of a line.
fn strings(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(start) = rest.find(['"', '\'', '#']) {
        let quote = if rest[start..].starts_with('"') { '"' } else { '\'' };
        let inner = &rest[start + 1..];
        if rest[start..].starts_with('#') {
            rest = inner.find('\n').map_or("", |end| &inner[end..]);
            continue;
        }
        let Some(end) = inner.find(quote) else { break };
        // MicroK8s leaves its snap's variables in the file.
        let path = inner[..end]
            .replace("${SNAP_DATA}", "/var/snap/microk8s/current")
            .replace("${SNAP}", "/snap/microk8s/current");
        if path.starts_with('/') {
            found.push(path);
        }
        rest = &inner[end + 1..];
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn containerd_is_told_by_the_section_of_cni() {
        let text = r#"
version = 2
[plugins."io.containerd.grpc.v1.cri".cni]
  # conf_dir = "/not/this"
  bin_dir = "/var/lib/rancher/k3s/data/current/bin"
  conf_dir = '/var/lib/rancher/k3s/agent/etc/cni/net.d' # why
[plugins."io.containerd.grpc.v1.cri".registry]
  conf_dir = "/nor/this"
"#;
        let told = told(Runtime::Containerd, text);
        assert_eq!(told.conf_dir.as_deref(), Some("/var/lib/rancher/k3s/agent/etc/cni/net.d"));
        assert_eq!(told.bin_dirs, ["/var/lib/rancher/k3s/data/current/bin"]);
    }

    #[test]
    fn lists_go_over_lines_and_later_files_count() {
        let text = "[crio.network]\nplugin_dirs = [\n \"/opt/cni/bin/\", # usual\n \"/usr/libexec/cni\",\n]\n";
        let mut first = told(Runtime::CriO, text);
        first.then(told(
            Runtime::CriO,
            "[crio.network]\nnetwork_dir = \"/etc/kubernetes/cni/net.d\"\n",
        ));
        assert_eq!(first.conf_dir.as_deref(), Some("/etc/kubernetes/cni/net.d"));
        assert_eq!(first.bin_dirs, ["/opt/cni/bin/", "/usr/libexec/cni"]);
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "(\\[crio.network\\]\n)?(bin_dirs|conf_dir)? ?=?(\\PC|\n|\"|\\[)*") {
            let _ = (told(Runtime::Containerd, &text), told(Runtime::CriO, &text));
        }
    }
}
