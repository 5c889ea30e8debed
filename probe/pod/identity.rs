//! Who the process is and which privileges it holds.

use std::fs;
use std::io;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, getgid, getgroups, getuid};
use serde::{Deserialize, Serialize};

use super::{Cap, Look};
use crate::net::calls;

/// The process's ids and privileges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Effective capabilities as a bit mask (`CapEff` of `/proc/self/status`).
    pub capabilities: Look<u64>,
    /// Whether the process can gain no privilege by executing a file (`no_new_privs`).
    pub no_new_privs: Look<bool>,
    /// Seccomp mode: 0 off, 1 strict, 2 filter.
    pub seccomp: Look<u8>,
    /// System calls without which nothing is probed, and which a filter refuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_calls: Vec<String>,
}

impl Identity {
    /// Whether the capability is known to be effective.
    #[must_use]
    pub fn has(&self, cap: Cap) -> bool {
        self.capabilities.seen().is_some_and(|mask| mask >> cap as u8 & 1 == 1)
    }

    /// Whether the process can take another user and group id: it needs both capabilities.
    #[must_use]
    pub fn can_switch(&self) -> bool {
        self.has(Cap::SetUid) && self.has(Cap::SetGid)
    }

    /// Whether the process can read and change the packet filter and the routes.
    #[must_use]
    pub fn net_admin(&self) -> bool {
        self.has(Cap::NetAdmin)
    }
}

/// Looks at this process. Without `/proc`, capabilities and seccomp stay unseen: no system call
/// for them is in safe reach.
pub(crate) fn look() -> Identity {
    let status = fs::read("/proc/self/status");
    let text = status.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let groups = getgroups().unwrap_or_default();
    let seccomp = field(&text, "Seccomp", |mode| mode.parse().ok());
    let refused_calls = if seccomp == Look::Seen(0) { Vec::new() } else { calls::refused() };
    Identity {
        uid: getuid().as_raw(),
        gid: getgid().as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
        capabilities: field(&text, "CapEff", |mask| u64::from_str_radix(mask, 16).ok()),
        no_new_privs: Look::of("prctl", prctl::get_no_new_privs().map_err(io::Error::from)),
        seccomp,
        refused_calls,
    }
}

/// One field of `/proc/self/status`; `ENODATA` when this kernel does not tell it.
fn field<T>(status: &io::Result<String>, name: &str, parse: impl Fn(&str) -> Option<T>) -> Look<T> {
    match status {
        Ok(text) => match status_value(text, name).and_then(parse) {
            Some(value) => Look::Seen(value),
            None => {
                Look::blind(&format!("find {name} in /proc/self/status"), &Errno::ENODATA.into())
            }
        },
        Err(error) => Look::blind("read /proc/self/status", error),
    }
}

/// The text behind `name:` at the beginning of a line.
pub(crate) fn status_value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn sample() -> Identity {
        Identity {
            uid: 65532,
            gid: 65532,
            groups: vec![],
            capabilities: Look::Seen(0),
            no_new_privs: Look::Seen(true),
            seccomp: Look::Seen(2),
            refused_calls: vec![],
        }
    }

    const STATUS: &str = "Name:\tSeccomp: 9\nCapPrm:\t0\nCapEff:\t00000000000010c0\n\
                          NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";

    fn mask(text: &str) -> Look<u64> {
        field(&Ok(text.to_owned()), "CapEff", |mask| u64::from_str_radix(mask, 16).ok())
    }

    #[test]
    fn status_fields_are_read_by_whole_name() {
        assert_eq!(mask(STATUS), Look::Seen(0x10c0));
        assert_eq!(status_value(STATUS, "Seccomp"), Some("2"));
        assert_eq!(status_value(STATUS, "Cap"), None);
    }

    #[test]
    fn missing_or_odd_field_is_not_zero() {
        for text in ["", "CapEff:\tzz\n", "Name:\tx\n"] {
            assert!(matches!(mask(text), Look::Blind { errno, .. } if errno == "ENODATA"));
        }
    }

    #[test]
    fn switching_needs_both_capabilities() {
        let mut identity = sample();
        for (mask, can) in [(0x10c0, true), (0x80, false), (0x40, false), (0, false)] {
            identity.capabilities = Look::Seen(mask);
            assert_eq!(identity.can_switch(), can);
        }
        identity.capabilities = Look::Seen(0x1000);
        assert!(identity.net_admin());
        identity.capabilities = Look::blind("read", &Errno::ENOENT.into());
        assert!(!identity.net_admin());
    }

    proptest! {
        #[test]
        fn any_status_never_panics(text in ".*") {
            let _ = mask(&text);
        }
    }
}
