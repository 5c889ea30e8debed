//! The signals that end a run.

use std::{io, os::unix::net::UnixStream};

use nix::sys::signal::{SigHandler, Signal as Number, signal as dispose};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

/// Pairs of descriptors that a runtime needs, at least.
const RUNTIME: usize = 4;

/// SIGTERM and SIGINT, heeded from now on.
pub struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    /// Takes them from the kernel's hands: what they do is up to whoever waits for [`Ends::next`].
    ///
    /// # Errors
    /// One sentence when signal handlers cannot be installed.
    pub fn install() -> Result<Ends, String> {
        let caught = |error: io::Error| format!("install a signal handler: {error}");
        let terminate = signal(SignalKind::terminate()).map_err(caught)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(caught)?;
        Ok(Ends { terminate, interrupt })
    }

    /// The number of the next one.
    pub async fn next(&mut self) -> i32 {
        let kind = tokio::select! {
            biased;
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        };
        kind.as_raw_value()
    }
}

/// A runtime of one thread, with timers and sockets.
///
/// # Errors
/// One sentence, such as where no descriptor is left.
pub fn runtime() -> Result<Runtime, String> {
    let failed = |error: io::Error| format!("start the runtime: {error}");
    // tokio makes such a pair for its signals after some other descriptors, and panics where it cannot
    // (tokio/src/signal/unix.rs).
    let room: io::Result<Vec<_>> = (0..RUNTIME).map(|_| UnixStream::pair()).collect();
    drop(room.map_err(failed)?);
    Builder::new_current_thread().enable_all().build().map_err(failed)
}

/// Gives both signals back: whatever is still to be written, to whoever may not read it, they end.
#[expect(unsafe_code, reason = "sigaction(2) has no safe form")]
pub fn give_back() {
    for number in [Number::SIGTERM, Number::SIGINT] {
        // SAFETY: the kernel's own disposition runs no code of this process; tokio's handler, which it
        // replaces, only tells tasks of runtimes that are gone.
        let _ = unsafe { dispose(number, SigHandler::SigDfl) };
    }
}
