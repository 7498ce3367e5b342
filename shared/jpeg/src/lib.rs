#![forbid(unsafe_code)]
//! Decodes JPEG at 1/2, 1/4 or 1/8 of its size while its bytes arrive, for thumbnails.
//!
//! Most of the work of decoding a photo is for details that its thumbnail does not show. Here they are passed over: a
//! block of 8x8 pixels becomes one of 4x4, 2x2 or 1 pixel by the inverse transform of its lowest frequencies, other
//! coefficients are stepped over several at a time, and of a progressive file the scans are passed over that add nothing:
//! at 1/8 most of them, and what comes behind the last needed one is not even asked for. Damage there goes unnoticed.
//!
//! ```no_run
//! # fn chunks() -> Vec<Vec<u8>> { Vec::new() }
//! use scaled_jpeg::{Decoder, Limits, Want};
//!
//! let mut decoder = Decoder::new(Want::ShortSide(375), Limits::default());
//! for chunk in chunks() {
//!     if decoder.push(&chunk)? {
//!         break; // What follows is not needed.
//!     }
//! }
//! let planes = decoder.finish()?;
//! let rgb = planes.model.to_pixels(&planes.data);
//! # Ok::<(), scaled_jpeg::Error>(())
//! ```
//!
//! Baseline, extended sequential and progressive files with Huffman codes and samples of 8 bits are decoded: gray, YCbCr,
//! RGB, CMYK and YCCK, with all samplings in whole ratios, and with restarts. The same bytes give the same pixels on every
//! machine and however they are cut into pieces.

mod bits;
mod color;
mod decoder;
mod error;
mod frame;
mod huffman;
mod idct;
mod plane;
mod progressive;
mod scan;
mod sequential;
mod tables;

pub use color::{ColorModel, Planes};
pub use decoder::{Decoder, Header};
pub use error::{Error, Result};

/// How much smaller the output is than the image, along each side. Fractions of a pixel count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// 1/2
    Half,
    /// 1/4
    Quarter,
    /// 1/8
    Eighth,
}

impl Scale {
    /// All of them, the smallest first.
    pub const ALL: [Scale; 3] = [Scale::Eighth, Scale::Quarter, Scale::Half];

    /// The smallest scale that leaves `wanted` pixels of a short side of `short_side`, or `None` where each is too small.
    #[must_use]
    pub fn for_short_side(short_side: u32, wanted: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|scale| short_side / scale.denominator() >= wanted)
    }

    /// How many pixels of the image are one pixel of the output along each side: 2, 4 or 8.
    #[must_use]
    pub const fn denominator(self) -> u32 {
        match self {
            Scale::Half => 2,
            Scale::Quarter => 4,
            Scale::Eighth => 8,
        }
    }

    /// The length of `side` at this scale.
    #[must_use]
    pub const fn of(self, side: u32) -> u32 {
        side.div_ceil(self.denominator())
    }

    /// The side of what becomes of a block of 8 pixels.
    const fn block(self) -> u32 {
        8 / self.denominator()
    }
}

/// Which size is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// This scale.
    Scale(Scale),
    /// The smallest scale at which the short side has this many pixels. Images that are too small for every scale are
    /// `Unsupported`.
    ShortSide(u32),
}

/// A rectangle of the image in the file, in its pixels. What is drawn for it are whole blocks, so usually more; outside of
/// the image it is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// How many columns are left of it.
    pub left: u32,
    /// How many rows are above it.
    pub top: u32,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// What an image may cost. Checked before memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels of the image.
    pub max_pixels: u64,
    /// The most scans. Every one may walk the whole image: a small file of many empty scans takes long.
    pub max_scans: u32,
    /// The most bytes for pixels and coefficients. Tables, and the up to 64 KB that are being read, come on top.
    pub max_memory: u64,
}

impl Default for Limits {
    /// 100 megapixels, 100 scans, 256 MiB.
    fn default() -> Self {
        Limits { max_pixels: 100_000_000, max_scans: 100, max_memory: 256 << 20 }
    }
}
