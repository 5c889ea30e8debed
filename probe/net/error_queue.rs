//! Who sent the ICMP error: the socket's error queue (ip(7), `IP_RECVERR`).

use std::{
    io::IoSliceMut,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    cmsg_space, libc,
    sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
        sockopt::{Ipv4RecvErr, Ipv6RecvErr},
    },
};

use crate::layer::redirect::Offender;

/// Asks the kernel to queue ICMP errors for this socket. IPv6 TCP reports none without it.
///
/// # Errors
/// What setsockopt(2) returns.
pub fn enable(socket: &impl AsFd, ipv6: bool) -> nix::Result<()> {
    if ipv6 {
        setsockopt(socket, Ipv6RecvErr, &true)
    } else {
        setsockopt(socket, Ipv4RecvErr, &true)
    }
}

/// The sender, type and code of the first queued ICMP error. Read `SO_ERROR` before: taking a
/// message from the queue clears it.
#[must_use]
pub fn offender(socket: &impl AsRawFd) -> Option<Offender> {
    let mut space = cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
    let mut packet = [0_u8; 64];
    let mut buffers = [IoSliceMut::new(&mut packet)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut buffers, Some(&mut space), flags)
            .ok()?;
    received.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, Some(from))
            if error.ee_origin == libc::SO_EE_ORIGIN_ICMP =>
        {
            let address = Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr));
            Some(named(IpAddr::V4(address), &error))
        }
        ControlMessageOwned::Ipv6RecvErr(error, Some(from))
            if error.ee_origin == libc::SO_EE_ORIGIN_ICMP6 =>
        {
            Some(named(IpAddr::V6(Ipv6Addr::from(from.sin6_addr.s6_addr)), &error))
        }
        _ => None,
    })
}

fn named(address: IpAddr, error: &libc::sock_extended_err) -> Offender {
    Offender { address, icmp_type: error.ee_type, icmp_code: error.ee_code }
}
