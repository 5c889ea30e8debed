//! Who podprobe can be: netfilter's owner match looks at the fsuid and fsgid of the thread that
//! created the socket, so identity decides what can be seen.

use serde::{Deserialize, Serialize};

use super::flow::Sender;
use crate::{
    capture::{Capture, Exempt},
    pod::{Cap, Identity},
};

/// The uid and gid that stand for an application when podprobe may choose: distroless' "nonroot".
const NONROOT: u32 = 65532;

/// How a sender can be played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Play {
    /// By the identity that podprobe runs as.
    Own,
    /// By switching this thread's fsuid and fsgid while the socket is created.
    As {
        /// The fsuid.
        uid: u32,
        /// The fsgid.
        gid: u32,
    },
    /// By marking the socket.
    Marked {
        /// The mark.
        mark: u32,
    },
    /// Not at all, and what it would take.
    Cannot {
        /// One clause for the report.
        reason: String,
    },
}

/// How each sender can be played in this container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vantage {
    /// podprobe's own uid.
    pub uid: u32,
    /// podprobe's own gid.
    pub gid: u32,
    /// The proxy.
    pub proxy: Play,
    /// The application.
    pub app: Play,
    /// Somebody outside the pod.
    #[serde(default = "nobody_outside")]
    pub outside: Play,
}

/// What a recording says that was made before packets could arrive from outside.
fn nobody_outside() -> Play {
    Play::Cannot { reason: "not tried".to_owned() }
}

impl Vantage {
    /// Whether the rules know the played proxy by its group alone.
    #[must_use]
    pub fn proxy_by_group(&self, capture: &Capture) -> bool {
        let Exempt::Owner { uids, .. } = &capture.exempt else { return false };
        match self.proxy {
            Play::As { uid, .. } => !uids.contains(&uid),
            Play::Own => !uids.contains(&self.uid),
            Play::Marked { .. } | Play::Cannot { .. } => false,
        }
    }

    /// How this sender can be played.
    #[must_use]
    pub fn play(&self, sender: Sender) -> &Play {
        match sender {
            Sender::Proxy => &self.proxy,
            Sender::App => &self.app,
            Sender::Outside => &self.outside,
        }
    }
}

/// Who podprobe can be, given the identity it has, how the rules know the proxy, and the
/// application's identity if that was declared.
#[must_use]
pub fn vantage(capture: &Capture, app: Option<(u32, u32)>, own: &Identity) -> Vantage {
    let (proxy, app) = match &capture.exempt {
        Exempt::Owner { uids, gids } => {
            (owner_proxy(capture, uids, gids, own), owner_app(capture, app, uids, gids, own))
        }
        Exempt::Mark { mark, .. } => (marked_proxy(*mark, own), any_app(app, own)),
        Exempt::Nobody => (cannot(own, "there is no proxy"), any_app(app, own)),
    };
    Vantage { uid: own.uid, gid: own.gid, proxy, app, outside: nobody_outside() }
}

/// `OpenShift` gives each namespace a range of user ids from here on.
const OPENSHIFT: u32 = 1_000_000_000;

/// What is odd about who podprobe is: half the proxy, or, in `OpenShift`'s ranges, next to it. None
/// for the proxy, for a plain application, and for who may be either.
#[must_use]
pub fn oddity(capture: &Capture, vantage: &Vantage) -> Option<String> {
    let Exempt::Owner { uids, gids } = &capture.exempt else { return None };
    let (uid, gid) = (vantage.uid, vantage.gid);
    let switches = [&vantage.proxy, &vantage.app].iter().any(|p| matches!(p, Play::As { .. }));
    if switches || (uid, gid) == capture.proxy {
        return None;
    }
    let of = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let (is_user, in_group) = (uids.contains(&uid), gids.contains(&gid));
    let declared = if gids.is_empty() {
        format!("uid {}", of(uids))
    } else {
        format!("uid {} and gid {}", of(uids), of(gids))
    };
    let running = format!("running as {uid}:{gid}, the rules are for {declared}");
    if is_user && !in_group && !gids.is_empty() {
        Some(format!("{running}: this uid is the proxy's, this gid is not"))
    } else if in_group && !is_user {
        Some(format!("{running}: this gid is the proxy's, this uid is not"))
    } else if !is_user && uid >= OPENSHIFT && uids.iter().any(|uid| *uid >= OPENSHIFT) {
        Some(format!("{running}: both uids are of OpenShift's ranges, and they differ"))
    } else {
        None
    }
}

/// Whoever the rules take for the proxy; where podprobe may choose, the proxy itself.
fn owner_proxy(capture: &Capture, uids: &[u32], gids: &[u32], own: &Identity) -> Play {
    let (uid, gid) = capture.proxy;
    let in_group = gids.is_empty() || gids.contains(&own.gid);
    let taken_for_it = uids.contains(&own.uid) && (in_group || !own.can_switch());
    if taken_for_it || (own.uid, own.gid) == (uid, gid) {
        Play::Own
    } else if own.can_switch() {
        Play::As { uid, gid }
    } else {
        let uid = uids.first().unwrap_or(&uid);
        cannot(own, &format!("needs uid {uid}, or uid 0 with SETUID and SETGID"))
    }
}

fn owner_app(
    capture: &Capture,
    app: Option<(u32, u32)>,
    uids: &[u32],
    gids: &[u32],
    own: &Identity,
) -> Play {
    let taken = |id: u32| uids.contains(&id) || gids.contains(&id) || capture.proxy.1 == id;
    let group = capture.only_groups.as_ref().map(|groups| groups.first().copied());
    let exempt = uids.contains(&own.uid) || gids.contains(&own.gid);
    let in_group = capture.only_groups.as_ref().is_none_or(|groups| groups.contains(&own.gid));
    if own.can_switch() {
        let nonroot = if taken(NONROOT) { NONROOT - 1 } else { NONROOT };
        let (uid, gid) = app.unwrap_or((nonroot, nonroot));
        match group {
            Some(None) => cannot(own, "no group's egress is captured"),
            Some(Some(group)) if app.is_none() => Play::As { uid, gid: group },
            _ => Play::As { uid, gid },
        }
    } else if exempt {
        let ids = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let gid = if gids.is_empty() {
            String::new()
        } else {
            format!(" and a gid other than {}", ids(gids))
        };
        cannot(own, &format!("needs a uid other than {}{gid}", ids(uids)))
    } else if !in_group {
        cannot(own, "needs a gid whose egress is captured")
    } else {
        Play::Own
    }
}

/// The proxy's mark can be set with `NET_ADMIN` or `NET_RAW` (kernel `net/core/sock.c`).
fn marked_proxy(mark: u32, own: &Identity) -> Play {
    if own.has(Cap::NetAdmin) || own.has(Cap::NetRaw) {
        Play::Marked { mark }
    } else {
        cannot(own, "needs NET_ADMIN or NET_RAW to set the proxy's mark")
    }
}

/// An application where rules do not ask who sends.
fn any_app(app: Option<(u32, u32)>, own: &Identity) -> Play {
    match app {
        Some((uid, gid)) if own.can_switch() => Play::As { uid, gid },
        _ => Play::Own,
    }
}

fn cannot(own: &Identity, need: &str) -> Play {
    Play::Cannot { reason: format!("running as {}:{}, {need}", own.uid, own.gid) }
}
