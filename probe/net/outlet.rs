//! Writing to somebody who may not read: a pipe that nobody empties stops no look.

use std::{
    io::{self, ErrorKind, Stderr, Stdout, Write},
    os::fd::{AsFd, BorrowedFd},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd,
};

/// What poll(2) promises that a pipe takes at once (Linux `fs/pipe.c`: one page).
const PIECE: usize = 4096;
/// How long a look waits for whoever reads its logs, once.
const LINE: Duration = Duration::from_secs(1);
/// How long a report waits that is to be given within a deadline.
pub const REPORT: Duration = Duration::from_secs(5);

/// Writes all of it, in pieces for each of which there is room; waits for room no longer than this each
/// time, or for ever.
///
/// # Errors
/// What write(2) returns, and `TimedOut` where nobody makes room.
pub fn write(to: impl AsFd, bytes: &[u8], patience: Option<Duration>) -> io::Result<()> {
    let to = to.as_fd();
    let mut rest = bytes;
    while !rest.is_empty() {
        if !has_room(to, patience)? {
            return Err(ErrorKind::TimedOut.into());
        }
        match unistd::write(to, &rest[..rest.len().min(PIECE)]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            // Somebody else who writes there was faster.
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn has_room(to: BorrowedFd, patience: Option<Duration>) -> io::Result<bool> {
    let patience = match patience {
        Some(time) => PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX),
        None => PollTimeout::NONE,
    };
    loop {
        // An error is room as well: write(2) tells which one it is.
        match poll(&mut [PollFd::new(to, PollFlags::POLLOUT)], patience) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(ready) => return Ok(ready > 0),
        }
    }
}

/// A stream of lines that are told while a look goes on. Whoever does not read is waited for once; what
/// follows is lost to him until there is room again.
pub struct Lines<F> {
    to: fn() -> F,
    stuck: AtomicBool,
}

/// Lines on stdout.
pub static STDOUT: Lines<Stdout> = Lines::new(io::stdout);
/// Lines on stderr.
pub static STDERR: Lines<Stderr> = Lines::new(io::stderr);

impl<F: AsFd> Lines<F> {
    const fn new(to: fn() -> F) -> Lines<F> {
        Lines { to, stuck: AtomicBool::new(false) }
    }

    /// Tells these, if somebody reads them. A log that nobody reads is no reason to block a pod.
    pub fn tell(&self, lines: &[u8]) {
        self.tell_to((self.to)(), lines);
    }

    fn tell_to(&self, to: impl AsFd, lines: &[u8]) {
        let patience = if self.stuck.load(Ordering::Relaxed) { Duration::ZERO } else { LINE };
        let written = write(to, lines, Some(patience));
        let stuck = written.is_err_and(|error| error.kind() == ErrorKind::TimedOut);
        self.stuck.store(stuck, Ordering::Relaxed);
    }
}

impl<F: AsFd> Write for &Lines<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tell(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, thread};

    use super::*;

    #[test]
    fn a_pipe_that_nobody_empties_is_given_up_and_one_that_is_emptied_gets_all() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let text = vec![b'x'; 1 << 20];
        let stuck = write(&writer, &text, Some(Duration::from_millis(10)));
        assert_eq!(stuck.expect_err("nobody reads").kind(), ErrorKind::TimedOut);
        let mut taken = vec![0; 1 << 16];
        reader.read_exact(&mut taken).expect("what fitted");
        let reads = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).expect("the text");
            all
        });
        write(&writer, &text, None).expect("somebody reads");
        drop(writer);
        assert_eq!(reads.join().expect("the reader").len(), text.len());
    }

    #[test]
    fn whoever_went_away_is_an_error_and_no_end_of_the_process() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let gone = write(&writer, b"text", None).expect_err("nobody is there");
        assert_eq!(gone.kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn lines_come_again_when_there_is_room() {
        let lines = Lines::new(io::stdout);
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let full = vec![b'x'; 1 << 16];
        lines.tell_to(&writer, &full);
        lines.tell_to(&writer, b"lost");
        assert!(lines.stuck.load(Ordering::Relaxed));
        let mut taken = vec![0; full.len()];
        reader.read_exact(&mut taken).expect("what fitted");
        lines.tell_to(&writer, b"read");
        let mut next = [0; 4];
        reader.read_exact(&mut next).expect("a line");
        assert_eq!(&next, b"read");
    }
}
