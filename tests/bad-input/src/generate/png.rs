//! PNG: cut, bombs in every chunk that inflates, wrong sums, rare pixels.

use storage_testkit::images::parts::{blank_png, ihdr, png_claiming, png_of, with_chunks, zlib, zlib_bomb};

use super::{drawing, spoilt};

/// Cut behind its header.
pub fn cut() -> Vec<u8> {
    drawing()[..60].to_vec()
}

/// 900 megapixels of one bit that are all there, in 109 KB.
pub fn really_30000() -> Vec<u8> {
    blank_png(30_000, 30_000, 1, 0)
}

/// The largest sides a header can claim.
pub fn claims_the_most() -> Vec<u8> {
    png_claiming(2_147_483_647, 2_147_483_647, 8, 2)
}

/// A header without width.
pub fn claims_no_width() -> Vec<u8> {
    png_claiming(0, 30, 8, 2)
}

/// 39.7 megapixels that decode to 317 MB.
pub fn sixteen_bits_39_mp() -> Vec<u8> {
    blank_png(6_300, 6_300, 16, 6)
}

/// 36 megapixels that decode to 144 MB.
pub fn rgba_36_mp() -> Vec<u8> {
    blank_png(6_000, 6_000, 8, 6)
}

/// A compressed text of 200 MB.
pub fn text_bomb() -> Vec<u8> {
    let text = [b"Comment\0\0".as_slice(), &zlib_bomb(200_000_000)].concat();
    with_chunks(&drawing(), &[(b"zTXt", &text)])
}

/// A colour profile of 200 MB.
pub fn profile_bomb() -> Vec<u8> {
    profile_of(200_000_000)
}

/// A colour profile of 1 GB.
pub fn larger_profile_bomb() -> Vec<u8> {
    profile_of(1 << 30)
}

fn profile_of(length: u64) -> Vec<u8> {
    with_chunks(&drawing(), &[(b"iCCP", &[b"bomb\0\0".as_slice(), &zlib_bomb(length)].concat())])
}

/// Pixels that inflate to 200 MB more than there are.
pub fn pixels_beyond_the_last() -> Vec<u8> {
    let rows = zlib_bomb(200_000_000);
    png_of(&[(b"IHDR", &ihdr(160, 120, 8, 2)), (b"IDAT", &rows), (b"IEND", &[])])
}

/// A wrong checksum behind the pixels.
pub fn wrong_checksum() -> Vec<u8> {
    let file = drawing();
    let (data, length) = pixels(&file);
    spoilt(file, data + length)
}

/// A wrong sum inside the compressed pixels, under a right checksum of their chunk.
pub fn wrong_adler() -> Vec<u8> {
    let rows = zlib(&[0; 120 * (160 * 3 + 1)]);
    let rows = spoilt(rows.clone(), rows.len() - 1);
    png_of(&[(b"IHDR", &ihdr(160, 120, 8, 2)), (b"IDAT", &rows), (b"IEND", &[])])
}

/// Gray of 16 bits.
pub fn sixteen_bit_gray() -> Vec<u8> {
    blank_png(160, 120, 16, 0)
}

/// One pixel.
pub fn one_pixel() -> Vec<u8> {
    blank_png(1, 1, 8, 2)
}

/// A palette of two colours, one half transparent.
pub fn palette_with_alpha() -> Vec<u8> {
    let rows = zlib_bomb(120 * (20 + 1));
    png_of(&[
        (b"IHDR", &ihdr(160, 120, 1, 3)),
        (b"PLTE", &[200, 40, 40, 0, 0, 0]),
        (b"tRNS", &[128]),
        (b"IDAT", &rows),
        (b"IEND", &[]),
    ])
}

/// Where the data of the first IDAT chunk is, and its length.
fn pixels(file: &[u8]) -> (usize, usize) {
    let kind = file.windows(4).position(|kind| kind == b"IDAT").unwrap();
    (kind + 4, u32::from_be_bytes(file[kind - 4..kind].try_into().unwrap()) as usize)
}
