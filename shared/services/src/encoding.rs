//! In which encoding a size of an avatar is shown.

use storage_core::key::VariantSize;
use storage_core::record::{FileRecord, StoredVariant};
use storage_core::{Error, ErrorKind, Result};

/// Which encoding of a size is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Whatever there is: WebP for a client that accepts it, else the base, which is JPEG or, with transparency, PNG.
    Auto {
        /// Whether the client accepts WebP.
        accepts_webp: bool,
    },
    /// WebP and nothing else.
    Webp,
    /// JPEG and nothing else.
    Jpeg,
}

impl Encoding {
    /// The variant that has `size` in this encoding.
    ///
    /// Errors: `NotFound` where there is no such size, `NotAcceptable` where it is not stored in the one encoding that
    /// is wanted: nothing is converted while somebody waits.
    pub(crate) fn choose(self, record: &FileRecord, size: VariantSize) -> Result<&StoredVariant> {
        let base =
            record.variants.get(&size).ok_or_else(|| Error::new(ErrorKind::NotFound, "no such size"))?;
        let webp = record.webp.get(&size);
        // An original is kept in the format it came in.
        let base_as = |wanted: &str| Some(base).filter(|base| base.content_type == wanted);
        match self {
            Encoding::Auto { accepts_webp } => Some(webp.filter(|_| accepts_webp).unwrap_or(base)),
            Encoding::Webp => webp.or_else(|| base_as("image/webp")),
            Encoding::Jpeg => base_as("image/jpeg"),
        }
        .ok_or_else(|| Error::new(ErrorKind::NotAcceptable, "the size is not stored in the wanted format"))
    }
}
