//! Hostile files, made in code. What can only be found, not made, comes from the corpus beside the repository.

pub mod corpus;
pub mod exif;
pub mod foreign;
pub mod frames;
pub mod jpeg;
pub mod mutate;
pub mod png;

use storage_testkit::images;

/// A text that is planted where a format can hide bytes, and must be nowhere afterwards.
pub const CANARY: &[u8] = b"CANARY-4711";

/// A good JPEG, 160 by 120.
pub fn photo() -> Vec<u8> {
    images::jpeg(160, 120, 7).to_vec()
}

/// A good PNG with alpha, 160 by 120.
pub fn drawing() -> Vec<u8> {
    images::png(160, 120, 7).to_vec()
}

/// 160 by 120 pixels of one colour, in 3 channels.
pub fn plain(colour: [u8; 3]) -> Vec<u8> {
    colour.repeat(160 * 120)
}

/// No byte at all.
pub fn nothing() -> Vec<u8> {
    Vec::new()
}

/// The first byte of a JPEG.
pub fn one_byte() -> Vec<u8> {
    vec![0xff]
}

/// A file with one byte replaced by its complement.
fn spoilt(mut file: Vec<u8>, at: usize) -> Vec<u8> {
    file[at] = !file[at];
    file
}
