//! Which failures of the file system mean what.

use std::io;

use rustix::io::Errno;
use storage_core::{Error, ErrorKind};

/// The error for a failed call: `QuotaExceeded` where there is no room, `StorageUnavailable` for all else.
pub(super) fn io(context: &str, cause: io::Error) -> Error {
    let kind = match errno(&cause) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => ErrorKind::QuotaExceeded,
        _ => ErrorKind::StorageUnavailable,
    };
    Error::new(kind, context).with_cause(cause)
}

/// Whether the failure says that nothing usable has this name: nothing at all, or something that is no file of ours.
///
/// `LOOP` is a link that was not followed, `NXIO` a socket, or a pipe without its other end, `NODEV` a device.
pub(super) fn is_missing(cause: &io::Error) -> bool {
    matches!(
        errno(cause),
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::NODEV)
    )
}

fn errno(cause: &io::Error) -> Option<Errno> {
    Errno::from_io_error(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g54_a_full_disk_is_a_quota_and_other_failures_are_outages() {
        for (errno, kind) in [
            (Errno::NOSPC, ErrorKind::QuotaExceeded),
            (Errno::DQUOT, ErrorKind::QuotaExceeded),
            (Errno::ROFS, ErrorKind::StorageUnavailable),
            (Errno::MFILE, ErrorKind::StorageUnavailable),
            (Errno::IO, ErrorKind::StorageUnavailable),
            (Errno::ACCESS, ErrorKind::StorageUnavailable),
        ] {
            assert_eq!(io("write", errno.into()).kind(), kind, "{errno:?}");
            assert!(!is_missing(&errno.into()), "{errno:?}");
        }
    }
}
