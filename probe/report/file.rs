//! Report files: whoever reads one while it is written sees the old report or the new one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
};

use nix::fcntl::OFlag;

use crate::net::outlet;

/// Puts the text in the file's place, by a file beside it and a rename; where that cannot be (no
/// regular file, a directory that may not be written, a mounted file), writes the file itself.
///
/// # Errors
/// What open(2) or write(2) of the file itself return.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text).or_else(|_| itself(path, text))
}

/// A pipe that nobody reads is told, and not waited for.
fn itself(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).custom_flags(OFlag::O_NONBLOCK.bits());
    outlet::write(&options.open(path)?, text.as_bytes(), Some(outlet::REPORT))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // Where it is a link, what it points to is what somebody reads.
    let target = fs::canonicalize(path);
    let place = target.as_deref().unwrap_or(path);
    let old = fs::metadata(place).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) || path.is_symlink() && target.is_err() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let (file, beside) = beside(place)?;
    let written = fill(file, text, old.as_ref()).and_then(|()| fs::rename(&beside, place));
    if written.is_err() {
        // It is of no use to anybody, and the error that is told is the first.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn fill(mut file: File, text: &str, old: Option<&fs::Metadata>) -> io::Result<()> {
    if let Some(old) = old {
        file.set_permissions(old.permissions())?;
    }
    file.write_all(text.as_bytes())
}

/// A new file in the same directory, whose name no collector takes for one of its own. It must not
/// be there yet: in a directory that others may write, it could be a link to somewhere else.
fn beside(place: &Path) -> io::Result<(File, PathBuf)> {
    let name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let beside = place.with_file_name(format!(".{name}.{}.new", process::id()));
    Ok((OpenOptions::new().write(true).create_new(true).open(&beside)?, beside))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn here() -> tempfile::TempDir {
        tempfile::tempdir().expect("a directory")
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_old_report_stays_whole_for_whoever_has_it_open() {
        let here = here();
        let path = here.path().join("podprobe.prom");
        write(&path, "the old report").expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
        let (old, number) =
            (File::open(&path).expect("open"), |p: &Path| fs::metadata(p).expect("a file").ino());
        let before = number(&path);
        write(&path, "new").expect("write");
        assert_eq!(io::read_to_string(old).expect("read"), "the old report");
        assert_eq!(fs::read_to_string(&path).expect("read"), "new");
        assert_ne!(number(&path), before);
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!((mode & 0o777, names(here.path())), (0o640, vec!["podprobe.prom".to_owned()]));
    }

    #[test]
    fn a_link_is_followed_also_where_it_leads_to_nothing_yet() {
        let here = here();
        let [path, target] = ["link", "target"].map(|name| here.path().join(name));
        symlink("target", &path).expect("a link");
        for text in ["first", "second"] {
            write(&path, text).expect("write");
            assert!(path.is_symlink());
            assert_eq!(fs::read_to_string(&target).expect("read"), text);
        }
    }

    #[test]
    fn what_is_no_regular_file_is_written_and_not_replaced() {
        write(Path::new("/dev/null"), "gone").expect("write");
        assert!(!fs::metadata("/dev/null").expect("a device").is_file());
    }

    #[test]
    fn a_name_that_is_taken_does_not_lead_elsewhere() {
        let here = here();
        let [path, victim] = ["report", "victim"].map(|name| here.path().join(name));
        fs::write(&victim, "mine").expect("write");
        symlink(&victim, here.path().join(format!(".report.{}.new", process::id()))).expect("link");
        write(&path, "text").expect("write");
        assert_eq!(fs::read_to_string(&victim).expect("read"), "mine");
        assert_eq!(fs::read_to_string(&path).expect("read"), "text");
    }

    #[test]
    fn a_directory_that_is_not_there_is_told() {
        let missing = here().path().join("no").join("report");
        let error = write(&missing, "x").expect_err("no directory");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
