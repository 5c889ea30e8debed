//! The catalogue's rows of the node layer.

use super::{
    Layer::Node,
    Severity::{Fail, Ok, Unknown, Warn},
    catalogue::{Meaning, row},
};

pub(super) const CNI_CONFIG_NONE: Meaning = row(
    Fail,
    Node,
    "the node has no CNI configuration",
    "The CNI's DaemonSet has not run on this node, writes into another directory, or removed its file when it stopped.",
    "look at the CNI's pod on this node; if the runtime is told to look elsewhere, name that by --cni-conf-dir",
    "k3s, RKE2, MicroK8s and OpenShift have directories of their own; podprobe reads them from the runtime's configuration where that is mounted, too.",
);
pub(super) const CNI_CONFIG_BOM: Meaning = row(
    Fail,
    Node,
    "the CNI configuration begins with a byte order mark",
    "It was written by an editor or a script on Windows.",
    "write the file again without the mark (UTF-8, no BOM)",
    "Go's JSON parser refuses the first character; editors do not show it.",
);
pub(super) const CNI_CONFIG_KIND: Meaning = row(
    Fail,
    Node,
    "the CNI configuration has the wrong extension for what it holds",
    "A list of plugins in a .conf file, one plugin in a .conflist file, or an empty list.",
    "rename the file: .conflist for a list in `plugins`, .conf for one plugin with a `type`",
    "",
);
pub(super) const CNI_CONFIG_INVALID: Meaning = row(
    Fail,
    Node,
    "the CNI configuration cannot be read as one",
    "An edit by hand, an installer that was interrupted, a template whose variables were not filled in, a dangling symbolic link.",
    "repair the file at that line, or let the CNI's DaemonSet write it again",
    "containerd takes no configuration at all while the first file is broken; CRI-O goes on to the next one.",
);
pub(super) const CNI_CONFIG_LOOPBACK_ONLY: Meaning = row(
    Fail,
    Node,
    "pods are made with the loopback plugin alone",
    "A 99-loopback.conf is the only file: the CNI's own is missing.",
    "look at the CNI's pod on this node: it has not written its configuration",
    "The node counts as ready, and pods start without a network.",
);
pub(super) const CNI_CHAIN_CYCLE: Meaning = row(
    Fail,
    Node,
    "Multus' network leads back to Multus",
    "clusterNetwork names Multus' own file, or the directory where that comes first.",
    "let clusterNetwork name the file of the cluster's own network",
    "",
);
pub(super) const CNI_DELEGATE_MISSING: Meaning = row(
    Fail,
    Node,
    "Multus' network is not there, or is no configuration",
    "The cluster's own CNI was removed or renamed its file after Multus was set up.",
    "let clusterNetwork name the file of the cluster's own network, or restart Multus so that it finds it",
    "A path below /host is looked up below the host's root, as Multus' daemon has it.",
);
pub(super) const CNI_CHAIN_DUPLICATE: Meaning = row(
    Fail,
    Node,
    "a plugin is run twice for each pod",
    "An installer added its plugin to a file that has it already: to Multus' file and to the one that Multus delegates to.",
    "remove it from one of the two; for istio-cni, name the file to chain into (cniConfFileName)",
    "Plugins that may be repeated, such as tuning, do not count.",
);
pub(super) const CNI_PLUGIN_MISSING: Meaning = row(
    Fail,
    Node,
    "a plugin's program is not there",
    "The CNI's installer failed, or puts programs where the runtime does not look (GKE, k3s, Fedora have other directories).",
    "run the CNI's installer again; if the runtime looks elsewhere, name that by --cni-bin-dir",
    "",
);
pub(super) const CNI_PLUGIN_TRUNCATED: Meaning = row(
    Fail,
    Node,
    "a plugin's program is empty or cut short",
    "The disk was full while it was copied, or the copy was interrupted.",
    "free space on the node, then run the CNI's installer again",
    "",
);
pub(super) const CNI_PLUGIN_NOT_EXECUTABLE: Meaning = row(
    Fail,
    Node,
    "a plugin's program has no execute permission",
    "It was copied without its mode.",
    "chmod 755, or run the CNI's installer again",
    "libcni finds it, and fails only when a pod is made.",
);
pub(super) const CNI_PLUGIN_NOT_A_PROGRAM: Meaning = row(
    Fail,
    Node,
    "a plugin's file is no program",
    "A download left an error page, or an archive that was not unpacked.",
    "put the plugin's program there, or run the CNI's installer again",
    "",
);
pub(super) const CNI_PLUGIN_WRONG_ARCHITECTURE: Meaning = row(
    Fail,
    Node,
    "a plugin's program is for another machine",
    "An image or an archive for amd64 on an arm64 node, or the reverse.",
    "install the plugin for this node's architecture",
    "The host's own /bin/sh tells which one that is. Programs of 32 bits pass on kernels of 64.",
);
pub(super) const CNI_PLUGIN_INTERPRETER_MISSING: Meaning = row(
    Fail,
    Node,
    "what runs a plugin's program is not on the node",
    "A program for glibc on a node with musl, or the reverse; a script whose shell is missing.",
    "install a static build of the plugin",
    "execve(2) says ENOENT, as if the program itself were missing. Judged only where the whole root is mounted.",
);
pub(super) const CNI_PLUGIN_DOES_NOT_START: Meaning = row(
    Fail,
    Node,
    "a plugin's program does not start",
    "It is damaged, built for a newer processor, or needs a library that the node does not have.",
    "install the plugin again, as a static build for this node's processor",
    "Asked for by --exec-cni, which runs it. What may be the container's own confinement is unknown instead.",
);
pub(super) const CNI_PLUGIN_VERSION_UNSUPPORTED: Meaning = row(
    Fail,
    Node,
    "a plugin does not know the configuration's cniVersion",
    "The configuration was written for newer plugins than the node has, or the plugins dropped an old version.",
    "install the plugins that the configuration was written for, or name a cniVersion that all of them support",
    "Asked for by --exec-cni. A configuration without cniVersion counts as 0.1.0.",
);
pub(super) const CNI_PLUGIN_VERSION_UNTOLD: Meaning = row(
    Warn,
    Node,
    "a plugin does not tell which versions it supports",
    "A script without the VERSION command, or a plugin that fails before it looks at the command.",
    "look at what it says; CRI-O passes over a configuration with such a plugin, containerd does not ask",
    "Asked for by --exec-cni.",
);
pub(super) const CNI_MESH_NOT_CHAINED: Meaning = row(
    Fail,
    Node,
    "the mesh's CNI plugin is on the node, but is not run for new pods",
    "Another CNI wrote its configuration in front, or wrote it again without the plugin; the mesh's agent chained into another file.",
    "restart the mesh's CNI agent on this node, let it chain into the active file, and keep other CNIs from rewriting it (Cilium: cni.exclusive=false)",
    "Pods that exist keep their rules. Where the mesh uses init containers, remove the plugin, or say --mesh none.",
);
pub(super) const CNI_IPAM_EXHAUSTED: Meaning = row(
    Fail,
    Node,
    "host-local has no address left",
    "More pods than addresses, or reservations of pods that are gone.",
    "remove reservations whose sandboxes are gone, or give the node a larger range",
    "",
);
pub(super) const CNI_CONFIG_SKIPPED: Meaning = row(
    Warn,
    Node,
    "a CNI configuration that is not taken is broken",
    "An installer that was interrupted, or an edit by hand.",
    "repair or remove it: if it comes first, containerd takes nothing",
    "",
);
pub(super) const CNI_CONFIG_SHADOWED: Meaning = row(
    Warn,
    Node,
    "another network's CNI configuration lies behind the active one",
    "A CNI was replaced, and its file left; Podman's or CRI-O's default bridge.",
    "remove the file that is not meant; the first name in the alphabet counts",
    "Harmless until the active file goes: then the node makes pods in the other network. Files of which nothing is missing in the active chain do not count.",
);
pub(super) const CNI_CONFIG_VERSION: Meaning = row(
    Warn,
    Node,
    "the CNI configuration has no released cniVersion",
    "The field was left out, or misspelt.",
    "name a version that all plugins of the list support, such as 1.0.0",
    "Without it, plugins are spoken to as in 0.1.0 or 0.2.0, which chains do not survive.",
);
pub(super) const CNI_CONFIG_CRLF: Meaning = row(
    Warn,
    Node,
    "the CNI configuration has carriage returns",
    "It was written on Windows, or pasted.",
    "write the file again with line feeds alone",
    "Runtimes read it; installers that work with sed or a shell may not.",
);
pub(super) const CNI_MESH_ABSENT: Meaning = row(
    Warn,
    Node,
    "the mesh has no CNI plugin on this node",
    "Its agent does not run here, or the mesh uses init containers.",
    "if the mesh uses a CNI plugin, look at its agent on this node; if init containers, nothing; without a mesh, say --mesh none",
    "",
);
pub(super) const CNI_KUBECONFIG_MISSING: Meaning = row(
    Warn,
    Node,
    "a plugin's kubeconfig is not there",
    "The CNI's agent writes it when it starts, and has not.",
    "look at the CNI's pod on this node",
    "Only that it is there is looked at, not whether the API server takes it.",
);
pub(super) const CNI_AGENT_ABSENT: Meaning = row(
    Warn,
    Node,
    "what a plugin needs of its agent is not there",
    "The CNI's agent does not run on this node, or has not finished starting.",
    "look at the CNI's pod on this node",
    "That a socket is there does not mean that somebody listens.",
);
pub(super) const CNI_IPAM_NEARLY_EXHAUSTED: Meaning = row(
    Warn,
    Node,
    "host-local has few addresses left",
    "Nearly as many pods as addresses, or reservations of pods that are gone.",
    "remove reservations whose sandboxes are gone, or give the node a larger range",
    "",
);
pub(super) const CNI_IPAM_LEAK: Meaning = row(
    Warn,
    Node,
    "host-local holds addresses for sandboxes that are gone",
    "The node was restarted, or plugins failed while pods were deleted.",
    "remove the files whose sandboxes are gone, or drain and restart the node",
    "Looked at where containerd's directory of running containers is mounted.",
);
pub(super) const NODE_UNSEEN: Meaning = row(
    Unknown,
    Node,
    "the node's files cannot be looked at",
    "The host's root, or one of its directories, is not mounted, or this user may not read it.",
    "mount the host's root read-only (hostPath /), name it by --host-root, and run as a user who may read it",
    "Neither yes nor no.",
);
pub(super) const NODE_HOLDS: Meaning =
    row(Ok, Node, "new pods can be made with the CNI configuration", "", "nothing to do", "");
