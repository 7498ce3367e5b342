//! The four file formats around the pixels: where the dimensions are, and what is kept of everything else.
//!
//! Each module has a `probe` that stops at the dimensions and a `strip` that walks the whole file. The stripped bytes
//! are what is decoded, so that what is delivered as the original is what was judged.

pub(crate) mod gif;
pub(crate) mod jpeg;
pub(crate) mod png;
pub(crate) mod webp;

use storage_core::error::Result;
use storage_core::ports::ImageFormat;

use crate::exif::Orientation;

/// The largest ICC profile that is kept or applied, in bytes. Profiles of cameras and phones have 0.5 to 4 KB.
pub(crate) const MAX_ICC_BYTES: usize = 64 * 1024;

/// An image file without its metadata, and the two pieces of metadata that change how it looks.
#[derive(Debug)]
pub(crate) struct Stripped {
    pub(crate) bytes: Vec<u8>,
    pub(crate) orientation: Orientation,
    /// At most [`MAX_ICC_BYTES`] long; not validated.
    pub(crate) icc: Option<Vec<u8>>,
}

/// Copies `source` without metadata and trailing bytes; the coded pixels stay byte for byte.
///
/// Errors: `InvalidImage` where the structure of the file is broken or its end is missing.
pub(crate) fn strip(format: ImageFormat, source: &[u8]) -> Result<Stripped> {
    match format {
        ImageFormat::Jpeg => jpeg::strip(source),
        ImageFormat::Png => png::strip(source),
        ImageFormat::Webp => webp::strip(source),
        ImageFormat::Gif => gif::strip(source),
    }
}
