//! Flags of the node layer.

use std::{path::PathBuf, str::FromStr};

use clap::Args;

use super::values::list;
use crate::{finding::Layer, plan::NodePlan};

/// What the node layer looks at.
#[derive(Debug, Args)]
#[command(next_help_heading = "Node")]
pub struct NodeArgs {
    /// Look at the node's CNI files, too, with the host's root mounted here; for `check node` alone,
    /// the default is /host.
    #[arg(long, env = "PODPROBE_HOST_ROOT", value_name = "DIR")]
    host_root: Option<PathBuf>,

    /// Where CNI configurations lie on the host; default: where its container runtime is told to
    /// look, or /etc/cni/net.d.
    #[arg(
        long,
        env = "PODPROBE_CNI_CONF_DIR",
        value_name = "DIR,…",
        default_value = "",
        hide_default_value = true
    )]
    cni_conf_dir: Paths,

    /// Where CNI plugins lie on the host; default: likewise, or /opt/cni/bin.
    #[arg(
        long,
        env = "PODPROBE_CNI_BIN_DIR",
        value_name = "DIR,…",
        default_value = "",
        hide_default_value = true
    )]
    cni_bin_dir: Paths,

    /// Run the host's own programs: each plugin of the active CNI configuration, with
    /// `CNI_COMMAND=VERSION` and the host's root as its own (`SYS_CHROOT`), to see that it starts and
    /// knows the configuration's version.
    #[arg(
        long,
        env = "PODPROBE_EXEC_CNI",
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        hide_default_value = true,
        action = clap::ArgAction::Set
    )]
    pub(super) exec_cni: bool,
}

impl NodeArgs {
    /// Whether a flag asks for the layer without its name.
    pub(super) fn implied(&self, layer: Layer) -> bool {
        layer == Layer::Node && self.host_root.is_some()
    }

    pub(super) fn into_plan(self) -> NodePlan {
        let NodePlan { host_root, .. } = NodePlan::default();
        NodePlan {
            host_root: self.host_root.unwrap_or(host_root),
            conf_dirs: self.cni_conf_dir.0,
            bin_dirs: self.cni_bin_dir.0,
            exec: self.exec_cni,
        }
    }
}

/// A comma-separated list of absolute paths.
#[derive(Clone, Debug)]
struct Paths(Vec<String>);

impl FromStr for Paths {
    type Err = String;
    fn from_str(text: &str) -> Result<Paths, String> {
        list(text, path).map(Paths)
    }
}

fn path(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no absolute path"))
    }
}
