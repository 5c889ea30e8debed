//! Who podprobe can be: netfilter's owner match looks at the fsuid and fsgid of the thread that
//! created the socket, so identity decides what can be seen.

use serde::{Deserialize, Serialize};

use super::flow::Sender;
use crate::{capture::Capture, pod::Identity};

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
}

impl Vantage {
    /// How this sender can be played.
    #[must_use]
    pub fn play(&self, sender: Sender) -> &Play {
        match sender {
            Sender::Proxy => &self.proxy,
            Sender::App => &self.app,
        }
    }
}

/// Who podprobe can be, given the identity it has, the one that the rules exempt, and the
/// application's if that was declared.
#[must_use]
pub fn vantage(capture: &Capture, app: Option<(u32, u32)>, own: &Identity) -> Vantage {
    let (uid, gid) = (capture.proxy_uid, capture.proxy_gid);
    let nonroot = if uid == NONROOT || gid == NONROOT { NONROOT - 1 } else { NONROOT };
    let proxy = if own.uid == uid && (own.gid == gid || !own.can_switch()) {
        Play::Own
    } else if own.can_switch() {
        Play::As { uid, gid }
    } else {
        cannot(own, &format!("needs uid {uid}, or uid 0 with SETUID and SETGID"))
    };
    let app = if own.can_switch() {
        let (uid, gid) = app.unwrap_or((nonroot, nonroot));
        Play::As { uid, gid }
    } else if own.uid != uid && own.gid != gid {
        Play::Own
    } else {
        cannot(own, &format!("needs a uid and gid other than {uid}:{gid}"))
    };
    Vantage { uid: own.uid, gid: own.gid, proxy, app }
}

fn cannot(own: &Identity, need: &str) -> Play {
    Play::Cannot { reason: format!("running as {}:{}, {need}", own.uid, own.gid) }
}
