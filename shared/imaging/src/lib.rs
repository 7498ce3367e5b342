//! Hostile image bytes in, oriented and stripped thumbnails out: the only crate that names an image codec.
//!
//! Order of the work: sniff, read the header only, refuse by side, pixels and bytes, strip losslessly, decode the
//! stripped bytes, crop and resize once to the largest square, orient it, convert it to sRGB, derive the smaller
//! squares from it, encode.

mod avatar;
mod bytes;
mod container;
mod decode;
mod encode;
mod exif;
mod header;
mod icc;
mod lanczos;
mod pixels;
mod placeholder;
mod planes;
mod resize;
mod shrink;
mod sniff;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use ::bytes::Bytes;
use storage_core::error::{Error, ErrorKind, Result};
use storage_core::ports::{
    AvatarRecipe, ImageFormat, ImageInfo, ImageLimits, ImageProcessor, ProcessedAvatar,
};

/// The [`ImageProcessor`] of every build: decoders in Rust for JPEG, PNG, WebP and GIF, and no other. WebP is written by
/// libwebp, which nobody's bytes reach but those of pixels.
///
/// It has no state and starts no threads. Thumbnails depend on the source bytes only: pixels are resampled and encoded
/// in arithmetic that gives the same bits with and without SIMD.
#[derive(Clone, Copy, Debug, Default)]
pub struct Imaging;

impl ImageProcessor for Imaging {
    fn sniff(&self, head: &[u8]) -> Option<ImageFormat> {
        sniff::sniff(head)
    }

    fn process_avatar(
        &self,
        source: Bytes,
        limits: &ImageLimits,
        recipe: AvatarRecipe,
    ) -> Result<ProcessedAvatar> {
        guarded(|| avatar::process(&source, limits, recipe))
    }

    fn inspect(&self, source: Bytes, limits: &ImageLimits) -> Result<ImageInfo> {
        guarded(|| avatar::inspect(&source, limits))
    }
}

/// Runs `work` so that a panic inside a codec refuses one image instead of failing the invocation.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("an image codec panicked; the image is refused");
        Err(Error::new(ErrorKind::InvalidImage, "an image codec panicked"))
    })
}

/// An `InvalidImage` whose context says what was wrong.
fn invalid(context: &'static str) -> Error {
    Error::new(ErrorKind::InvalidImage, context)
}
