//! GIF and WebP, and what moves.

use storage_testkit::images::parts::{
    bitstream, chunk, gif, ihdr, png_of, riff, vp8x, webp, webp_frame, zlib,
};

use super::plain;

/// The colour of first frames.
pub const FIRST: [u8; 3] = [204, 0, 0];
/// The colour of all others.
const OTHER: [u8; 3] = [0, 0, 204];

/// A GIF whose screen claims 4.3 gigapixels, in about a hundred bytes.
pub fn gif_claims_65535() -> Vec<u8> {
    let mut file = b"GIF89a\xff\xff\xff\xff\x80\0\0\xff\0\0\0\0\xff".to_vec();
    file.extend(b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0\x3b");
    file
}

/// 2,000 frames in several megabytes, the first red.
pub fn gif_of_2000_frames() -> Vec<u8> {
    let (first, mut other) = (plain(FIRST), plain(OTHER));
    // Dots, so that a frame has a size.
    other.chunks_exact_mut(3).step_by(5).for_each(|pixel| pixel.copy_from_slice(&[255, 255, 0]));
    let mut frames = vec![other.as_slice(); 2_000];
    frames[0] = &first;
    gif(&frames, 160, 120)
}

/// The start of a script that is also the signature of a GIF.
pub fn gif_and_script() -> Vec<u8> {
    b"GIF89a=1;alert(1)//".to_vec()
}

/// A lossless WebP of 34 bytes that claims 268 megapixels.
pub fn webp_claims_16383() -> Vec<u8> {
    let header: u32 = (16_383 - 1) | (16_383 - 1) << 14;
    riff(&[(b"VP8L", [&[0x2f], header.to_le_bytes().as_slice(), &[0; 9]].concat())])
}

/// A WebP that moves: red, then blue.
pub fn animated_webp() -> Vec<u8> {
    let frame = |colour| webp_frame(bitstream(&webp(&plain(colour), 160, 120)), 160, 120);
    let (first, second) = (frame(FIRST), frame(OTHER));
    riff(&[(b"VP8X", vp8x(2, 160, 120)), (b"ANIM", vec![0; 6]), (b"ANMF", first), (b"ANMF", second)])
}

/// A PNG that moves: red, then blue.
pub fn animated_png() -> Vec<u8> {
    let rows = |colour: [u8; 3]| zlib(&[&[0], colour.repeat(160).as_slice()].concat().repeat(120));
    let control = |sequence: u32| -> Vec<u8> {
        let sides = [sequence, 160, 120, 0, 0].map(u32::to_be_bytes).concat();
        [&sides[..], &[0, 1, 0, 10, 0, 0]].concat()
    };
    let second = [&2_u32.to_be_bytes()[..], &rows(OTHER)].concat();
    let file = png_of(&[
        (b"IHDR", &ihdr(160, 120, 8, 2)),
        (b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        (b"fcTL", &control(0)),
        (b"IDAT", &rows(FIRST)),
        (b"fcTL", &control(1)),
        (b"fdAT", &second),
    ]);
    [file, chunk(b"IEND", &[])].concat()
}
