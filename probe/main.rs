//! argv → exit code.

use std::process::ExitCode;

/// musl's own allocator gives pages back as soon as they are free: half of the system calls of a
/// gate were mmap(2) and munmap(2), and each page that came back cost a fault.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    podprobe::args::dispatch()
}
