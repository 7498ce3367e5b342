//! JPEG: cut, bombs, codings that are not decoded here, colour models that are.

use jpeg_encoder::{ColorType, Encoder};
use storage_testkit::images::parts::{find_marker, with_segments};
use storage_testkit::images::with_declared_size;

use super::photo;

/// Cut inside its header.
pub fn cut_in_header() -> Vec<u8> {
    photo()[..20].to_vec()
}

/// Cut inside its pixels.
pub fn cut_in_half() -> Vec<u8> {
    let photo = photo();
    photo[..photo.len() / 2].to_vec()
}

/// A small file whose frame header claims 4.1 gigapixels.
pub fn claims_64250() -> Vec<u8> {
    with_declared_size(&blank(16, 16), 64_250, 64_250).to_vec()
}

/// A frame header that claims no height.
pub fn claims_no_height() -> Vec<u8> {
    with_declared_size(&photo(), 160, 0).to_vec()
}

/// 400 megapixels that are all there, in 4.7 MB.
pub fn really_20000() -> Vec<u8> {
    blank(20_000, 20_000)
}

/// The same, with a comment for every 64 KB that are missing to 6 MB.
pub fn really_20000_in_6_mb() -> Vec<u8> {
    with_segments(&really_20000(), &vec![(0xfe, vec![b' '; 65_533]); 22])
}

/// A good JPEG that comments make one byte larger than an avatar may be.
pub fn one_byte_over_5_mb() -> Vec<u8> {
    let (photo, wanted) = (photo(), 5 * 1024 * 1024 + 1);
    let full = (wanted - photo.len()) / 65_537;
    let mut segments = vec![(0xfe, vec![b' '; 65_533]); full - 1];
    let rest = wanted - photo.len() - (full - 1) * 65_537;
    segments.extend([rest / 2, rest - rest / 2].map(|part| (0xfe, vec![b' '; part - 4])));
    with_segments(&photo, &segments)
}

/// One pixel wide.
pub fn thin() -> Vec<u8> {
    blank(1, 20_000)
}

/// One pixel high.
pub fn flat() -> Vec<u8> {
    blank(20_000, 1)
}

/// One pixel.
pub fn one_pixel() -> Vec<u8> {
    blank(1, 1)
}

/// A gray JPEG of any size: its blocks are all the same six bits, four of them three bytes.
pub fn blank(width: u16, height: u16) -> Vec<u8> {
    const FOUR_BLOCKS: [u8; 3] = [0x28, 0xa2, 0x8a];
    let mut small = Vec::new();
    Encoder::new(&mut small, 85).encode(&[128; 64], 8, 8, ColorType::Luma).unwrap();
    let scan = find_marker(&small, 0xda);
    let header = scan + 2 + usize::from(u16::from_be_bytes([small[scan + 2], small[scan + 3]]));
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let mut file = with_declared_size(&small[..header], width, height).to_vec();
    file.extend(FOUR_BLOCKS.repeat(blocks.div_ceil(4)));
    // The bits behind the last block are ones.
    let bits = blocks % 4 * 6;
    if bits > 0 {
        let bytes = bits.div_ceil(8);
        file.truncate(file.len() - 3 + bytes);
        *file.last_mut().unwrap() |= 0xff_u8 >> (bits - (bytes - 1) * 8);
    }
    file.extend([0xff, 0xd9]);
    file
}

/// Progressive, 36 megapixels, with 300 scans that each walk the whole image and change nothing.
pub fn many_scans() -> Vec<u8> {
    with_empty_scans(300)
}

/// The same with as many scans as an encoder may write.
pub fn some_scans() -> Vec<u8> {
    with_empty_scans(60)
}

fn with_empty_scans(count: usize) -> Vec<u8> {
    const SIDE: u16 = 6_000;
    /// The blocks of the image are 18 times so many.
    const RUN: u32 = 31_250;
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 85);
    encoder.set_progressive(true);
    let pixels = vec![128; usize::from(SIDE) * usize::from(SIDE)];
    encoder.encode(&pixels, SIDE, SIDE, ColorType::Luma).unwrap();
    let component = file[find_marker(&file, 0xda) + 5];
    // A table whose one code, a single 0, says "16,384 blocks of zeros and as many as the next 14 bits say".
    let mut scans = [&[0xff, 0xc4, 0, 20, 0x13, 1][..], &[0; 15], &[0xe0]].concat();
    let run = format!("0{:014b}", RUN - 16_384).repeat(18) + "11";
    let bytes =
        run.as_bytes().chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0')));
    let scan: Vec<u8> = [0xff, 0xda, 0, 8, 1, component, 0x03, 1, 63, 0].into_iter().chain(bytes).collect();
    scans.extend(scan.repeat(count));
    let end = file.len() - 2;
    file.splice(end..end, scans);
    file
}

/// With a script in its comment.
pub fn script_in_comment() -> Vec<u8> {
    with_segments(&photo(), &[(0xfe, b"<script>alert(1)</script>".to_vec())])
}

/// Samples of 12 bits.
pub fn twelve_bits() -> Vec<u8> {
    frame_changed(4, 12)
}

/// Arithmetic coding instead of Huffman's.
pub fn arithmetic() -> Vec<u8> {
    frame_changed(1, 0xc9)
}

/// The lossless process.
pub fn lossless() -> Vec<u8> {
    frame_changed(1, 0xc3)
}

/// Colours for print.
pub fn cmyk() -> Vec<u8> {
    print_colours(ColorType::Cmyk)
}

/// Colours for print, as Adobe's programs store them.
pub fn ycck() -> Vec<u8> {
    print_colours(ColorType::CmykAsYcck)
}

fn print_colours(colours: ColorType) -> Vec<u8> {
    let mut file = Vec::new();
    Encoder::new(&mut file, 85).encode(&[0, 90, 200, 0].repeat(160 * 120), 160, 120, colours).unwrap();
    file
}

/// The photo with one byte of its frame segment replaced.
fn frame_changed(at: usize, byte: u8) -> Vec<u8> {
    let mut file = photo();
    let frame = find_marker(&file, 0xc0);
    file[frame + at] = byte;
    file
}
