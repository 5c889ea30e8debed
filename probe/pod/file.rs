//! Files that others provide, which may be endless, or no files at all.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use nix::{errno::Errno, fcntl::OFlag};

/// What a file of certificates, a token or annotations may have: the largest bundles of authorities in use have
/// half a megabyte.
const MOST_BYTES: u64 = 4 << 20;

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

/// All of a file that who starts podprobe names. A pipe is waited for.
///
/// # Errors
/// What open(2) or read(2) return; EFBIG for more than 4 MiB.
pub fn all(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES { Err(Errno::EFBIG.into()) } else { Ok(bytes) }
}

/// All of such a file, as a text.
///
/// # Errors
/// As [`all`]; no UTF-8.
pub fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(all(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
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

    #[test]
    fn a_text_has_an_end() {
        let endless = text(Path::new("/dev/zero")).map_err(|error| error.raw_os_error());
        assert_eq!(endless, Err(Some(Errno::EFBIG as i32)));
        let file = tempfile::NamedTempFile::new().expect("a file");
        let most = "x".repeat(usize::try_from(MOST_BYTES).expect("a size"));
        std::fs::write(file.path(), &most).expect("write");
        assert_eq!(text(file.path()).expect("all of it"), most);
    }
}
