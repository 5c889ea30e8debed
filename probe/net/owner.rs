//! Creating a socket that netfilter's owner match takes for somebody else's.
//!
//! `xt_owner` and nft's `skuid` read the credentials of the open file, which are the fsuid and
//! fsgid of the thread at `socket()` (kernel `net/netfilter/xt_owner.c`).

use std::io;

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};

/// Runs `create` with this thread's fsuid and fsgid switched, and switches back. Needs
/// `CAP_SETUID` and `CAP_SETGID`; fails with `EPERM` where the switch did not take.
///
/// # Errors
/// `EPERM`, or what `create` returns.
pub fn as_owner<T>(uid: u32, gid: u32, create: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    // The group first: changing the fsuid from 0 drops file capabilities only, not SETGID.
    let previous_group = setfsgid(gid);
    let previous_user = setfsuid(uid);
    // setfsuid(2) never reports failure: asking again returns what is in force.
    let switched = setfsuid(uid) == uid && setfsgid(gid) == gid;
    let created =
        if switched { create() } else { Err(io::Error::from_raw_os_error(nix::libc::EPERM)) };
    setfsuid(previous_user);
    setfsgid(previous_group);
    created
}
