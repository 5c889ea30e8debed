//! argv → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    podprobe::args::dispatch()
}
