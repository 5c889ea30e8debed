//! Dumps from the kernel over one blocking netlink socket, one kind of message at a time.
//!
//! The typed message enum of `netlink-packet-route` would link the parser of every link, queue
//! and neighbour kind, half a megabyte. Here a caller gets the bare body of each message and reads
//! its fixed header and the few attributes it wants.

pub mod notices;

use std::io;

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR,
    NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer, NetlinkHeader, NlaBuffer, NlasIterator,
};
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc::MSG_TRUNC;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

/// How long one answer may take, in milliseconds. The kernel answers in microseconds; the limit
/// only keeps a broken sandbox kernel from hanging the probe.
const REPLY_TIMEOUT_MS: i64 = 200;

/// How often a dump is made when the tables change while the kernel walks them.
const DUMP_TRIES: u32 = 3;

/// Room for one datagram: the kernel fills at most 32 KiB (`NLMSG_GOODSIZE` of a dump).
const DATAGRAM_BYTES: usize = 32 * 1024;

/// Bytes before the body of a netlink message (`struct nlmsghdr`).
const HEADER_BYTES: usize = 16;

/// A request that says more than its fixed header: attributes by kind and value.
pub struct Request<'a, H> {
    /// The fixed header of the message type.
    pub header: H,
    /// The attributes behind it.
    pub attributes: &'a [(u16, &'a [u8])],
}

/// Bytes of an attribute before its value (`struct nlattr`).
const ATTRIBUTE_BYTES: usize = 4;

impl<H: Emitable> Emitable for Request<'_, H> {
    fn buffer_len(&self) -> usize {
        let padded = |value: &[u8]| (ATTRIBUTE_BYTES + value.len()).next_multiple_of(4);
        let attributes: usize = self.attributes.iter().map(|(_, value)| padded(value)).sum();
        self.header.buffer_len() + attributes
    }

    fn emit(&self, buffer: &mut [u8]) {
        let (header, mut rest) = buffer.split_at_mut(self.header.buffer_len());
        self.header.emit(header);
        for (kind, value) in self.attributes {
            let length = ATTRIBUTE_BYTES + value.len();
            let (attribute, behind) = rest.split_at_mut(length.next_multiple_of(4));
            let written = u16::try_from(length).unwrap_or(u16::MAX);
            attribute[..2].copy_from_slice(&written.to_ne_bytes());
            attribute[2..ATTRIBUTE_BYTES].copy_from_slice(&kind.to_ne_bytes());
            attribute[ATTRIBUTE_BYTES..length].copy_from_slice(value);
            rest = behind;
        }
    }
}

/// One netlink socket, connected to the kernel and reused for every dump.
pub struct Netlink {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket for a netlink family such as `netlink_sys::protocols::NETLINK_ROUTE`.
    ///
    /// # Errors
    /// The error of the kernel, or of the sandbox that refuses the family.
    pub fn open(protocol: isize) -> io::Result<Self> {
        let socket = Socket::new(protocol)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(REPLY_TIMEOUT_MS))?;
        // Connected to port 0, so no process but the kernel can put a message in our queue.
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, buffer: Vec::with_capacity(DATAGRAM_BYTES), sequence: 0 })
    }

    /// Sends a dump request of message type `kind` and gives the body of every answer to `read`,
    /// which adds what it understands to the list.
    ///
    /// # Errors
    /// The error the kernel answered; `ETIMEDOUT` without an answer, `EBADMSG` for bytes that are
    /// not netlink, `EINTR` when the table changed during each of three dumps (the list could be
    /// short then, and a short list must not pass for the truth).
    pub fn dump<T>(
        &mut self,
        kind: u16,
        request: &impl Emitable,
        mut read: impl FnMut(&[u8], &mut Vec<T>),
    ) -> io::Result<Vec<T>> {
        let mut found = Vec::new();
        for _ in 0..DUMP_TRIES {
            found.clear();
            self.sequence += 1;
            let message = message(kind, NLM_F_REQUEST | NLM_F_DUMP, self.sequence, request);
            if self.dump_once(&message, &mut |body| read(body, &mut found))? {
                return Ok(found);
            }
        }
        Err(Errno::EINTR.into())
    }

    /// Sends a request that has one answer, and gives the answer's body.
    ///
    /// # Errors
    /// The error the kernel answered, `ENOENT` for "there is none"; else as [`Netlink::dump`].
    pub fn ask(&mut self, kind: u16, request: &impl Emitable) -> io::Result<Vec<u8>> {
        self.sequence += 1;
        self.socket.send(&message(kind, NLM_F_REQUEST, self.sequence, request), 0)?;
        loop {
            self.receive()?;
            let mut answer = None;
            let mut keep = |body: &[u8]| answer = Some(body.to_vec());
            let part = read_datagram(&self.buffer, self.sequence, &mut keep)?;
            match answer {
                Some(body) => return Ok(body),
                // A success without a body is no answer to what was asked.
                None if part.done => return Err(Errno::ENODATA.into()),
                None => {}
            }
        }
    }

    /// Sends a request that changes something, such as one with `NLM_F_CREATE` among its `flags`,
    /// and waits until the kernel has done it.
    ///
    /// # Errors
    /// The error the kernel answered; else as [`Netlink::dump`].
    pub fn change(&mut self, kind: u16, flags: u16, request: &impl Emitable) -> io::Result<()> {
        self.sequence += 1;
        let flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        self.dump_once(&message(kind, flags, self.sequence, request), &mut |_| {}).map(|_| ())
    }

    /// Makes one dump to its end. False: the kernel says the table changed meanwhile.
    fn dump_once(&mut self, message: &[u8], each: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        self.socket.send(message, 0)?;
        let mut consistent = true;
        loop {
            self.receive()?;
            let part = read_datagram(&self.buffer, self.sequence, each)?;
            consistent &= part.consistent;
            if part.done {
                return Ok(consistent);
            }
        }
    }

    /// Fills the buffer with the next datagram.
    fn receive(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, MSG_TRUNC) {
                Ok(size) if size > self.buffer.len() => return Err(Errno::EMSGSIZE.into()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Errno::ETIMEDOUT.into());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// The attributes behind the fixed header of a message body. Stops at the first malformed one.
pub fn attributes(body: &[u8], header: usize) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(body.get(header..).unwrap_or_default()).map_while(Result::ok)
}

/// The bytes of a request.
fn message(kind: u16, flags: u16, sequence: u32, body: &impl Emitable) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES + body.buffer_len()];
    let mut header = NetlinkHeader::default();
    header.length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    header.message_type = kind;
    header.flags = flags;
    header.sequence_number = sequence;
    header.emit(&mut bytes[..HEADER_BYTES]);
    body.emit(&mut bytes[HEADER_BYTES..]);
    bytes
}

/// What one datagram said about the dump it belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    done: bool,
    consistent: bool,
}

/// Reads the messages of one datagram; those of an earlier, abandoned dump are passed over.
pub(crate) fn read_datagram(
    mut bytes: &[u8],
    sequence: u32,
    each: &mut dyn FnMut(&[u8]),
) -> io::Result<Part> {
    let mut part = Part { done: false, consistent: true };
    while !bytes.is_empty() && !part.done {
        let (message, length) = first_message(bytes)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        if message.sequence_number() != sequence {
            continue;
        }
        part.consistent &= message.flags() & NLM_F_DUMP_INTR == 0;
        match message.message_type() {
            NLMSG_NOOP => {}
            NLMSG_OVERRUN => part.consistent = false,
            NLMSG_DONE | NLMSG_ERROR => {
                check_status(message.payload())?;
                part.done = true;
            }
            _ => each(message.payload()),
        }
    }
    Ok(part)
}

/// The first message of the bytes, and its length without padding.
fn first_message(bytes: &[u8]) -> io::Result<(NetlinkBuffer<&[u8]>, usize)> {
    let message = NetlinkBuffer::new_checked(bytes).map_err(|_| Errno::EBADMSG)?;
    let length = usize::try_from(message.length()).map_err(|_| Errno::EBADMSG)?;
    if length < HEADER_BYTES {
        return Err(Errno::EBADMSG.into());
    }
    Ok((message, length))
}

/// The status in front of an error or end message: a negative errno, 0 or nothing for success.
fn check_status(payload: &[u8]) -> io::Result<()> {
    match payload.first_chunk::<4>().map(|code| i32::from_ne_bytes(*code)) {
        Some(code) if code != 0 => Err(io::Error::from_raw_os_error(code.saturating_abs())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
