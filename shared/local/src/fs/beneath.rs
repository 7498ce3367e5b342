//! Single steps beneath an open directory. No step follows a link, and every name is one component.

use std::fs::File;
use std::io;

use cap_std::fs::Dir;
use rustix::fs::{FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use storage_core::Result;
use storage_core::safeguards::Safeguard;

use super::failure;

/// Opens a directory; `None` where there is none, whatever else has the name.
pub(super) fn open_dir(dir: &Dir, name: &str) -> Result<Option<Dir>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Ok(opened) => Ok(Some(Dir::from_std_file(File::from(opened)))),
        Err(errno) => missing_or("open directory", errno),
    }
}

/// Opens the directory at the end of `names`; `None` where there is none.
pub(super) fn open_path<'a>(dir: &Dir, names: impl IntoIterator<Item = &'a String>) -> Result<Option<Dir>> {
    let mut current: Option<Dir> = None;
    for name in names {
        match open_dir(current.as_ref().unwrap_or(dir), name)? {
            Some(next) => current = Some(next),
            None => return Ok(None),
        }
    }
    match current {
        Some(found) => Ok(Some(found)),
        None => dir.try_clone().map(Some).map_err(|cause| failure::io("open directory", cause)),
    }
}

/// Opens a directory, making it first where it is missing. A new one is durable in `dir` before it is used.
pub(super) fn ensure_dir(dir: &Dir, name: &str) -> Result<Option<Dir>> {
    match rustix::fs::mkdirat(dir, name, Mode::RWXU) {
        Ok(()) => sync_dir(dir)?,
        Err(Errno::EXIST) => {}
        Err(errno) => return missing_or("make directory", errno),
    }
    open_dir(dir, name)
}

/// Opens a regular file for reading; `None` for a missing name and for links, pipes, sockets, devices, directories.
pub(super) fn open_file(dir: &Dir, name: &str) -> Result<Option<File>> {
    // NONBLOCK keeps the open of a pipe or a device from waiting; it means nothing to a regular file.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Ok(opened) => opened,
        Err(errno) => return missing_or("open file", errno),
    };
    let stat = rustix::fs::fstat(&opened).map_err(|errno| failure::io("stat file", errno.into()))?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    Ok(regular.then(|| File::from(opened)))
}

/// Makes a file that must not exist yet, for writing and reading by its owner.
pub(super) fn create_file(dir: &Dir, name: &str) -> Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)
        .map(File::from)
        .map_err(|errno| failure::io("create file", errno.into()))
}

/// Holds the lock with this name until it is dropped, against all threads and processes. Waits for it.
pub(super) fn lock(dir: &Dir, name: &str) -> Result<Lock> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let failed = |errno: Errno| failure::io("lock", errno.into());
    // Each open file has its own lock, so that threads of one process exclude each other too.
    let file = rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
    loop {
        match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
            Ok(()) => return Ok(Lock { _file: File::from(file) }),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
}

/// A held lock.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Dir) -> Result<()> {
    if !Safeguard::Fsync.holds() {
        return Ok(());
    }
    rustix::fs::fsync(dir).map_err(|errno| failure::io("sync directory", errno.into()))
}

fn missing_or<T>(context: &str, errno: Errno) -> Result<Option<T>> {
    let cause = io::Error::from(errno);
    if failure::is_missing(&cause) { Ok(None) } else { Err(failure::io(context, cause)) }
}
