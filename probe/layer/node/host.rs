//! The host's files, below a directory where the host's root is mounted: no path leaves it.
//!
//! Symbolic links mean what they mean on the host: an absolute one begins at the host's root, and `..`
//! does not climb above it. Each step is opened by itself, relative to the last (`O_PATH`,
//! `O_NOFOLLOW`), so that nothing that is moved meanwhile leads elsewhere. openat2(2) with
//! `RESOLVE_IN_ROOT` would do the same, but kernels before 5.6 and older seccomp profiles refuse it.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{OFlag, open, openat, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fstat},
};
use serde::{Deserialize, Serialize};

/// As many symbolic links as the kernel follows in one path (`path_resolution(7)`).
const MOST_LINKS: usize = 40;
/// As many steps as the longest path can have (`PATH_MAX`, every second character a slash).
const MOST_STEPS: usize = 2048;

/// What kind of file lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A named pipe: never opened, for that would wait for a writer.
    Pipe,
    /// A socket.
    Socket,
    /// A device: never opened.
    Device,
}

impl Kind {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Pipe => "named pipe",
            Kind::Socket => "socket",
            Kind::Device => "device",
        }
    }
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The path without symbolic links.
    pub real: String,
    /// What lies there.
    pub kind: Kind,
    /// The permission bits.
    pub mode: u32,
    /// The size in bytes.
    pub size: u64,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Where on the host the way ended, after symbolic links.
    pub at: String,
    /// The errno's name.
    pub errno: String,
}

impl Lost {
    /// Whether it is known that nothing lies there, as far as one can see from here.
    #[must_use]
    pub fn absent(&self) -> bool {
        ["ENOENT", "ENOTDIR"].contains(&self.errno.as_str())
    }
}

/// The directory where the host's root is mounted.
#[derive(Debug)]
pub struct Host {
    root: OwnedFd,
}

/// The end of a way: the directories passed, the last step's name unless it is a directory, and
/// what lies there.
struct Reached {
    passed: Vec<(OsString, OwnedFd)>,
    last: Option<OsString>,
    stat: FileStat,
}

impl Host {
    /// Opens the directory; of this one path, symbolic links are followed as usual.
    ///
    /// # Errors
    /// What open(2) says.
    pub fn open(root: &Path) -> io::Result<Host> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Host { root: open(root, flags, Mode::empty())? })
    }

    /// What lies at a path of the host.
    ///
    /// # Errors
    /// Where the way ended, and why.
    pub fn look(&self, path: &str) -> Result<Place, Lost> {
        let reached = self.walk(path)?;
        reached.place().ok_or_else(|| reached.lost(Errno::ELOOP))
    }

    /// The first `most` bytes of a regular file.
    ///
    /// # Errors
    /// Where the way ended, and why; `EINVAL` for what is no regular file.
    pub fn read(&self, path: &str, most: u64) -> Result<(Place, Vec<u8>), Lost> {
        let reached = self.walk(path)?;
        let file = reached.open_file(self.root.as_fd()).map_err(|errno| reached.lost(errno))?;
        let place = reached.place().ok_or_else(|| reached.lost(Errno::EINVAL))?;
        let mut bytes = Vec::new();
        let read = file.take(most).read_to_end(&mut bytes);
        read.map_err(|error| reached.lost(errno_of(&error)))?;
        Ok((place, bytes))
    }

    /// At most `most` names in a directory, sorted by their bytes.
    ///
    /// # Errors
    /// Where the way ended, and why.
    pub fn list(&self, path: &str, most: usize) -> Result<Vec<String>, Lost> {
        let reached = self.walk(path)?;
        let lost = |errno| reached.lost(errno);
        if reached.last.is_some() {
            return Err(lost(Errno::ENOTDIR));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let here = here(&reached.passed, self.root.as_fd());
        let mut directory = Dir::openat(here, ".", flags, Mode::empty()).map_err(lost)?;
        let mut names = Vec::new();
        for entry in directory.iter() {
            let entry = entry.map_err(lost)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
            if names.len() == most {
                break;
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn walk(&self, path: &str) -> Result<Reached, Lost> {
        let mut passed: Vec<(OsString, OwnedFd)> = Vec::new();
        let mut ahead: VecDeque<OsString> = steps(OsStr::new(path)).collect();
        let mut links = 0;
        while let Some(step) = ahead.pop_front() {
            if step == ".." {
                passed.pop();
                continue;
            }
            let lost = |errno| Lost { at: shown(&passed, Some(&step)), errno: name(errno) };
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let here = here(&passed, self.root.as_fd());
            let found = openat(here, step.as_os_str(), flags, Mode::empty()).map_err(lost)?;
            let stat = fstat(&found).map_err(lost)?;
            if format(&stat) == SFlag::S_IFLNK {
                let target = readlinkat(here, step.as_os_str()).map_err(lost)?;
                links += 1;
                if links > MOST_LINKS || ahead.len() > MOST_STEPS {
                    return Err(lost(Errno::ELOOP));
                }
                if target.as_bytes().starts_with(b"/") {
                    passed.clear();
                }
                for step in steps(&target).collect::<Vec<_>>().into_iter().rev() {
                    ahead.push_front(step);
                }
            } else if format(&stat) == SFlag::S_IFDIR {
                passed.push((step, found));
            } else if ahead.is_empty() {
                return Ok(Reached { passed, last: Some(step), stat });
            } else {
                return Err(lost(Errno::ENOTDIR));
            }
        }
        let stat = fstat(here(&passed, self.root.as_fd()));
        let stat = stat.map_err(|errno| Lost { at: shown(&passed, None), errno: name(errno) })?;
        Ok(Reached { passed, last: None, stat })
    }
}

impl Reached {
    /// None for what has no kind, which a symbolic link would be: none is left.
    fn place(&self) -> Option<Place> {
        Some(Place {
            real: shown(&self.passed, self.last.as_deref()),
            kind: kind(&self.stat)?,
            mode: self.stat.st_mode & 0o7777,
            size: u64::try_from(self.stat.st_size).unwrap_or_default(),
        })
    }

    /// Opens a regular file, and nothing else: not even when it was replaced a moment ago.
    fn open_file(&self, root: BorrowedFd) -> Result<File, Errno> {
        let (Some(last), Some(Kind::File)) = (&self.last, kind(&self.stat)) else {
            return Err(Errno::EINVAL);
        };
        let flags = OFlag::O_RDONLY
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        let opened = openat(here(&self.passed, root), last.as_os_str(), flags, Mode::empty())?;
        let same = fstat(&opened)?;
        if (same.st_dev, same.st_ino) != (self.stat.st_dev, self.stat.st_ino) {
            return Err(Errno::ESTALE);
        }
        Ok(File::from(opened))
    }

    fn lost(&self, errno: Errno) -> Lost {
        Lost { at: shown(&self.passed, self.last.as_deref()), errno: name(errno) }
    }
}

/// The directory of the next step.
fn here<'a>(passed: &'a [(OsString, OwnedFd)], root: BorrowedFd<'a>) -> BorrowedFd<'a> {
    passed.last().map_or(root, |(_, directory)| directory.as_fd())
}

/// The steps of a path; `.` is none.
fn steps(path: &OsStr) -> impl Iterator<Item = OsString> {
    let parts = path.as_bytes().split(|byte| *byte == b'/');
    parts
        .filter(|part| !part.is_empty() && *part != b".")
        .map(|part| OsStr::from_bytes(part).to_owned())
}

fn shown(passed: &[(OsString, OwnedFd)], last: Option<&OsStr>) -> String {
    let mut text = String::new();
    for step in passed.iter().map(|(step, _)| step.as_os_str()).chain(last) {
        text.push('/');
        text.push_str(&step.to_string_lossy());
    }
    if text.is_empty() { "/".to_owned() } else { text }
}

fn format(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

fn kind(stat: &FileStat) -> Option<Kind> {
    Some(match format(stat) {
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFIFO => Kind::Pipe,
        SFlag::S_IFSOCK => Kind::Socket,
        SFlag::S_IFCHR | SFlag::S_IFBLK => Kind::Device,
        _ => return None,
    })
}

fn name(errno: Errno) -> String {
    format!("{errno:?}")
}

fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
