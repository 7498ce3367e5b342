//! What somebody put on the disk of the local backend: L01 to L06.

use crate::{Case, Expect};

/// What the columns mean on disk.
pub const ABOUT: &str = "A read of the object whose place on disk holds this, through the backend and through the local S3 \
    server. Whoever can write into the folder can replace any object by any bytes; what no one gets is a file outside.";

/// What lies where an object belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A link to an object of another root.
    LinkToFile,
    /// A link to a folder of another root, which holds the object.
    LinkToFolder,
    /// A link instead of the folder of the bucket.
    LinkToBucket,
    /// A link to nothing.
    DanglingLink,
    /// A link to itself.
    Loop,
    /// A link to `/proc/self/environ`.
    Environment,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A character device.
    Device,
    /// A folder.
    Folder,
    /// A file that is swapped for a link and back while it is read.
    Swapped,
    /// A hard link to an object outside.
    HardLink,
    /// The object, below a root that is a link.
    LinkedRoot,
    /// Nothing, because the root has been removed.
    RemovedRoot,
    /// A disk that is full, and then read-only.
    FullDisk,
    /// A disk that fails at any step of a write (EIO).
    FailingDisk,
    /// A disk whose quota is used up (EDQUOT).
    UsedQuota,
    /// The object, while the process may open no more files.
    NoDescriptors,
}

impl Planted {
    /// The test beside the backend that tries this; `None` where the runner here does.
    pub const fn elsewhere(self) -> Option<&'static str> {
        match self {
            Planted::Swapped => Some(
                "shared/local/tests/fs/planted.rs::l03_a_file_swapped_for_a_link_while_it_is_read_never_shows_the_outside",
            ),
            Planted::FullDisk => Some(
                "shared/local/tests/fs/full.rs::g54_full_and_read_only_file_systems_have_their_codes_and_leave_nothing",
            ),
            Planted::FailingDisk | Planted::UsedQuota => Some(
                "shared/local/tests/fs/faulty_calls.rs::l06_a_system_call_that_fails_is_told_and_leaves_one_whole_object",
            ),
            _ => None,
        }
    }
}

const MISSING: Expect = Expect::refused(404, "NOT_FOUND");
const UNAVAILABLE: Expect = Expect::refused(503, "STORAGE_UNAVAILABLE");
const FOUND: Expect = Expect { status: 200, code: None, state: None };

const fn case(id: &'static str, what: &'static str, input: Planted, expect: Expect) -> Case<Planted> {
    Case { id, what, input, expect }
}

/// The cases.
pub const CASES: &[Case<Planted>] = &[
    case("L01a", "a link to an object outside", Planted::LinkToFile, MISSING),
    case("L01b", "a link to a folder outside", Planted::LinkToFolder, MISSING),
    case("L01c", "a link instead of the bucket", Planted::LinkToBucket, UNAVAILABLE),
    case("L01d", "a link to nothing", Planted::DanglingLink, MISSING),
    case("L01e", "a link to itself", Planted::Loop, MISSING),
    case("L01f", "a link to `/proc/self/environ`", Planted::Environment, MISSING),
    case("L02a", "a named pipe", Planted::Pipe, MISSING),
    case("L02b", "a socket", Planted::Socket, MISSING),
    case("L02c", "a character device", Planted::Device, MISSING),
    case("L02d", "a folder", Planted::Folder, MISSING),
    case("L03", "a file swapped for a link while it is read, 10,000 times", Planted::Swapped, MISSING),
    case(
        "L04",
        "a hard link to an object outside: a file like any other; files are 0600, folders 0700",
        Planted::HardLink,
        FOUND,
    ),
    case("L05a", "a root that is a link: works", Planted::LinkedRoot, FOUND),
    case("L05b", "a root removed while running", Planted::RemovedRoot, UNAVAILABLE),
    case(
        "L06a",
        "a full disk: nothing partial; a read-only one is 503 STORAGE_UNAVAILABLE",
        Planted::FullDisk,
        Expect::refused(507, "QUOTA_EXCEEDED"),
    ),
    case("L06b", "no more open files allowed", Planted::NoDescriptors, UNAVAILABLE),
    case(
        "L06c",
        "a disk that fails at any step of a write (EIO): one whole object",
        Planted::FailingDisk,
        UNAVAILABLE,
    ),
    case(
        "L06d",
        "a quota that is used up (EDQUOT): one whole object",
        Planted::UsedQuota,
        Expect::refused(507, "QUOTA_EXCEEDED"),
    ),
];
