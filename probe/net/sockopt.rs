//! Options of a socket that no linked crate has, as bytes.

#![expect(unsafe_code, reason = "neither nix nor socket2 reads options into a caller's buffer")]

use std::{io, os::fd::AsRawFd};

use nix::libc::{self, c_int};

/// Fills the buffer, whose bytes may be what is asked for; how many bytes there are then.
///
/// # Errors
/// What getsockopt(2) returns; `InvalidInput` for a buffer whose length it cannot be told.
pub(super) fn get(
    socket: &impl AsRawFd,
    level: c_int,
    name: c_int,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let room = libc::socklen_t::try_from(buffer.len());
    let mut length = room.map_err(|_| io::ErrorKind::InvalidInput)?;
    let (socket, bytes) = (socket.as_raw_fd(), buffer.as_mut_ptr());
    // SAFETY: the descriptor is open as long as its owner is borrowed. `length` bytes behind the pointer are
    // the buffer's, which is borrowed exclusively, and initialised; the kernel writes no more of them, and
    // keeps neither pointer.
    let result = unsafe { libc::getsockopt(socket, level, name, bytes.cast(), &raw mut length) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // Some options tell how much there would be.
    Ok(usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len()))
}
