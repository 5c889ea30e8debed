//! The catalogue's rows of causes that several findings have together. The layer that decides the
//! exit code is that of the finding they rest on.

use super::{
    Layer::{Link, Route},
    Severity::{Fail, Ok},
    catalogue::{Meaning, row},
};

pub(super) const CNI_SETUP_FAILED: Meaning = row(
    Fail,
    Link,
    "the CNI plugin did not run to its end for this pod",
    "The plugin crashed or was killed between creating the sandbox and its last step, or no plugin is configured on this node.",
    "read kubelet's and the container runtime's log on this node for \"failed to setup network for sandbox\", then delete the pod",
    "The same words as link-no-pod-interface or route-table-empty, on which it rests.",
);
pub(super) const HOST_SIDE_BROKEN: Meaning = row(
    Fail,
    Route,
    "the node's side of the pod's link is broken",
    "The CNI daemon deleted or re-created the host's end of the veth, its bridge is down, or an ARP/ND filter drops the pod's requests.",
    "look on the node whether the pod's veth still exists and stands in its bridge or has its route; then delete the pod",
    "The kernel alone would report this after three seconds, as \"no route to host\".",
);
pub(super) const NETWORK_LATE: Meaning = row(
    Ok,
    Link,
    "the network was not ready at first",
    "Containers start before the CNI plugin, the mesh's plugin, a policy agent or kube-proxy have finished.",
    "nothing to do; watch this time, for a deadline that is too short blocks the pod",
    "Told on success, with what was missing last.",
);
