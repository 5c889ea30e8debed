//! Linux capabilities, by bit number and by name.

/// A Linux capability by its bit number (`linux/capability.h`); those that matter to a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cap {
    /// Change group ids.
    SetGid = 6,
    /// Change user ids.
    SetUid = 7,
    /// Bind ports below 1024.
    NetBindService = 10,
    /// Configure interfaces, routes and packet filters.
    NetAdmin = 12,
    /// Open raw and packet sockets.
    NetRaw = 13,
    /// Many things, entering namespaces among them.
    SysAdmin = 21,
}

/// Names of the capabilities by bit number (`linux/capability.h`).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Names of the bits set; a full set in one word, because it is 41 names long.
pub(super) fn names(mask: u64) -> Vec<String> {
    let known = (1_u64 << NAMES.len()) - 1;
    if mask & known == known {
        return vec![format!("all ({mask:#x})")];
    }
    let set = NAMES.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
    let mut names: Vec<String> = set.map(|(_, name)| (*name).to_owned()).collect();
    if mask & !known != 0 {
        names.push(format!("{:#x}", mask & !known));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_named() {
        assert!(names(0).is_empty());
        assert_eq!(names(0x10c0), ["SETGID", "SETUID", "NET_ADMIN"]);
        assert_eq!(names(0x1ff_ffff_ffff), ["all (0x1ffffffffff)"]);
        assert_eq!(names(1 << 63), ["0x8000000000000000"]);
    }

    #[test]
    fn numbers_and_names_agree() {
        let caps = [
            (Cap::SetGid, "SETGID"),
            (Cap::SetUid, "SETUID"),
            (Cap::NetBindService, "NET_BIND_SERVICE"),
            (Cap::NetAdmin, "NET_ADMIN"),
            (Cap::NetRaw, "NET_RAW"),
            (Cap::SysAdmin, "SYS_ADMIN"),
        ];
        for (cap, name) in caps {
            assert_eq!(names(1 << cap as u8), [name]);
        }
    }
}
