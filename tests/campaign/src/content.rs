//! What is uploaded: pictures and texts of one size, so that one can take the place of another unnoticed.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use storage_testkit::images;
use storage_testkit::trials::Random;

/// The size of everything that is declared truly, in bytes.
pub(crate) const SIZE: usize = 6000;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Avatar,
    Attachment,
}

/// What is wrong with an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// It is a PNG and says that it is a JPEG.
    OtherType,
    /// It is larger than it says.
    TooLong,
}

/// Bytes that were uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Bytes,
    pub(crate) flaw: Flaw,
}

impl Content {
    /// Content that the forms of this campaign allow, unlike any other.
    pub(crate) fn good(random: &Random) -> Self {
        let mut bytes = images::jpeg(48, 48, random.next()).to_vec();
        assert!(bytes.len() <= SIZE, "{} bytes", bytes.len());
        bytes.resize(SIZE, 0);
        Content { bytes: bytes.into(), flaw: Flaw::None }
    }

    /// Content that must be refused.
    pub(crate) fn flawed(flaw: Flaw, random: &Random) -> Self {
        let mut bytes = match flaw {
            Flaw::OtherType => images::png(16, 16, random.next()).to_vec(),
            Flaw::None | Flaw::TooLong => Content::good(random).bytes.to_vec(),
        };
        bytes.resize(if flaw == Flaw::TooLong { SIZE + 1 } else { SIZE }, 0);
        Content { bytes: bytes.into(), flaw }
    }
}

/// SHA-256 in lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
