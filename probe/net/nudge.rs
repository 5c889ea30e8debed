//! One packet that makes the kernel look for a neighbour, and that no router passes on.

use std::{io, net::SocketAddr};

use nix::errno::Errno;

use super::dial;
use crate::layer::redirect::Transport;

/// Sends an empty datagram, or begins a TCP handshake and leaves it, with hop limit 1.
///
/// # Errors
/// What the kernel answered, such as `EPERM` from a filter in the pod itself.
pub fn nudge(to: SocketAddr, transport: Transport) -> io::Result<()> {
    let socket = dial::socket(to, transport)?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
        _ if transport == Transport::Tcp => Ok(()),
        _ => socket.send(&[]).map(|_| ()),
    }
}
