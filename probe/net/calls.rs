//! Which of the system calls that every probe needs a filter refuses, tried on sockets that no network sees.

use std::{io, mem::MaybeUninit};

use nix::errno::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

/// The names of those that are refused. A filter answers EPERM, or ENOSYS as if the kernel were older
/// (seccomp(2), `SECCOMP_RET_ERRNO`); EACCES is a security module's word about such sockets alone.
#[must_use]
pub fn refused() -> Vec<String> {
    let mut names = datagrams().unwrap_or_default();
    names.extend(connections().unwrap_or_default());
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn datagrams() -> io::Result<Vec<&'static str>> {
    let (one, other) = Socket::pair(Domain::UNIX, Type::DGRAM.nonblocking(), None)?;
    let tried = [
        ("sendto", one.send(&[0]).map(drop)),
        ("recvfrom", other.recv(&mut [MaybeUninit::uninit()]).map(drop)),
        ("getsockopt", one.take_error().map(drop)),
    ];
    Ok(named(tried))
}

/// A listener at a name of the kernel's choice (unix(7), "autobind"), and who connects to it.
fn connections() -> io::Result<Vec<&'static str>> {
    let socket = || Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None);
    let (listener, client) = (socket()?, socket()?);
    listener.bind(&SockAddr::unix("")?)?;
    listener.listen(1)?;
    let tried = [
        ("connect", client.connect(&listener.local_addr()?)),
        ("accept4", listener.accept().map(drop)),
    ];
    Ok(named(tried))
}

fn named<const N: usize>(tried: [(&'static str, io::Result<()>); N]) -> Vec<&'static str> {
    let refused = |error: &io::Error| {
        let errno = error.raw_os_error().map(Errno::from_raw);
        matches!(errno, Some(Errno::EPERM | Errno::ENOSYS))
    };
    let failed = tried.into_iter().filter(|(_, done)| done.as_ref().is_err_and(&refused));
    failed.map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_filter_nothing_is_refused() {
        assert_eq!(refused(), Vec::<String>::new());
        assert_eq!((datagrams().ok(), connections().ok()), (Some(vec![]), Some(vec![])), "tried");
    }
}
