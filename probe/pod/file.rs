//! Files that others provide, which may be endless, or no files at all.

use std::{
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use nix::fcntl::OFlag;

/// The first bytes of a file, so many at most. Whether it has more is not told. Nobody is waited for: a pipe
/// into which nobody writes is an empty file.
///
/// # Errors
/// What open(2) or read(2) return.
pub fn beginning(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    #[test]
    fn neither_an_endless_file_nor_a_silent_pipe_is_waited_for() {
        assert_eq!(beginning(Path::new("/dev/zero"), 7).expect("zeros"), [0; 7]);
        let here = tempfile::tempdir().expect("a directory");
        let pipe = here.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRUSR).expect("a pipe");
        assert_eq!(beginning(&pipe, 7).expect("nothing"), Vec::<u8>::new());
    }
}
