//! Image files put together from parts, so that every part can be wrong.

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress};

/// One chunk of a PNG or WebP: its kind and its data.
pub type Chunk<'a> = (&'a [u8; 4], &'a [u8]);

/// What a run of zeros in [`zlib_bomb`] is made of.
const ZEROS: usize = 1 << 20;

/// A PNG of these chunks.
pub fn png_of(chunks: &[Chunk<'_>]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    chunks.iter().for_each(|(kind, data)| bytes.extend(chunk(kind, data)));
    bytes
}

/// The data of an IHDR chunk, not interlaced.
pub fn ihdr(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat()
}

/// A PNG of one pixel with a header that claims anything.
pub fn png_claiming(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    png_of(&[(b"IHDR", &ihdr(width, height, depth, colour)), (b"IDAT", &zlib(&[0, 0])), (b"IEND", &[])])
}

/// A PNG whose pixels are all 0, of a header and of as many bytes of rows as the header asks for.
pub fn blank_png(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let channels: u64 = [1, 0, 3, 1, 2, 0, 4][usize::from(colour)];
    let row = (u64::from(width) * channels * u64::from(depth)).div_ceil(8) + 1;
    let rows = zlib_bomb(row * u64::from(height));
    png_of(&[(b"IHDR", &ihdr(width, height, depth, colour)), (b"IDAT", &rows), (b"IEND", &[])])
}

/// A chunk of a PNG with its checksum.
pub fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = (data.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(kind);
    bytes.extend_from_slice(data);
    let checksum = crc32fast::hash(&bytes[4..]);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    bytes
}

/// `png` with chunks after its header.
pub fn with_chunks(png: &[u8], chunks: &[Chunk<'_>]) -> Vec<u8> {
    let mut bytes = png[..33].to_vec();
    chunks.iter().for_each(|(kind, data)| bytes.extend(chunk(kind, data)));
    bytes.extend_from_slice(&png[33..]);
    bytes
}

/// `data` as a zlib stream.
pub fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// What `length` zeros compress to as a zlib stream: about a thousandth.
pub fn zlib_bomb(length: u64) -> Vec<u8> {
    // The second sum of Adler-32 counts the bytes, the first one their values.
    let adler = (length % 65_521) as u32;
    [&[0x78, 0x01], deflate_bomb(length).as_slice(), &(adler << 16 | 1).to_be_bytes()].concat()
}

/// What `length` zeros compress to as a bare deflate stream. A long run is one short stream again and again.
pub fn deflate_bomb(length: u64) -> Vec<u8> {
    let (whole, rest) = (length / ZEROS as u64, (length % ZEROS as u64) as usize);
    let mut bytes = deflated(ZEROS, FlushCompress::Full).repeat(whole as usize);
    bytes.extend(deflated(rest, FlushCompress::Finish));
    bytes
}

fn deflated(zeros: usize, flush: FlushCompress) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ZEROS);
    Compress::new(Compression::best(), false).compress_vec(&vec![0; zeros], &mut bytes, flush).unwrap();
    bytes
}

/// `jpeg` with segments after its start marker.
pub fn with_segments(jpeg: &[u8], segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    assert!(jpeg.starts_with(&[0xff, 0xd8]), "not a JPEG");
    let mut bytes = jpeg[..2].to_vec();
    for (marker, payload) in segments {
        let length = u16::try_from(payload.len() + 2).expect("a segment holds 65,533 bytes");
        bytes.extend_from_slice(&[0xff, *marker]);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(payload);
    }
    bytes.extend_from_slice(&jpeg[2..]);
    bytes
}

/// The offset of the first `marker` in `jpeg`.
pub fn find_marker(jpeg: &[u8], marker: u8) -> usize {
    jpeg.windows(2).position(|pair| pair == [0xff, marker]).unwrap()
}

/// A lossy WebP of 2 by 2 red pixels, from the tests of `image-webp`: nothing here can encode one.
pub const LOSSY_WEBP: [u8; 68] = [
    0x52, 0x49, 0x46, 0x46, 0x3c, 0x00, 0x00, 0x00, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x20, 0x30,
    0x00, 0x00, 0x00, 0xd0, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x02, 0x00, 0x02, 0x00, 0x02, 0x00, 0x34, 0x25,
    0xa0, 0x02, 0x74, 0xba, 0x01, 0xf8, 0x00, 0x03, 0xb0, 0x00, 0xfe, 0xf0, 0xc4, 0x0b, 0xff, 0x20, 0xb9,
    0x61, 0x75, 0xc8, 0xd7, 0xff, 0x20, 0x3f, 0xe4, 0x07, 0xfc, 0x80, 0xff, 0xf8, 0xf2, 0x00, 0x00, 0x00,
];

/// A lossless WebP of pixels with 3 channels, or 4 with alpha.
pub fn webp(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let colours = match pixels.len() / (width as usize * height as usize) {
        1 => image_webp::ColorType::L8,
        2 => image_webp::ColorType::La8,
        3 => image_webp::ColorType::Rgb8,
        _ => image_webp::ColorType::Rgba8,
    };
    let mut bytes = Vec::new();
    image_webp::WebPEncoder::new(&mut bytes).encode(pixels, width, height, colours).unwrap();
    bytes
}

/// A WebP of these chunks.
pub fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let body = [b"WEBP", riff_chunks(chunks).as_slice()].concat();
    [b"RIFF", (body.len() as u32).to_le_bytes().as_slice(), &body].concat()
}

/// Chunks of a WebP without the header of the file.
pub fn riff_chunks(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, data) in chunks {
        bytes.extend_from_slice(*kind);
        bytes.extend_from_slice(&(data.len() as u32).to_le_bytes());
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len() + data.len() % 2, 0);
    }
    bytes
}

/// The VP8X chunk of a canvas.
pub fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut data = vec![flags, 0, 0, 0];
    data.extend_from_slice(&(width - 1).to_le_bytes()[..3]);
    data.extend_from_slice(&(height - 1).to_le_bytes()[..3]);
    data
}

/// The bitstream of a simple WebP.
pub fn bitstream(webp: &[u8]) -> Vec<u8> {
    let length = u32::from_le_bytes(webp[16..20].try_into().unwrap()) as usize;
    webp[20..20 + length].to_vec()
}

/// The ANMF chunk's data of a lossless frame that fills its canvas for 100 ms.
pub fn webp_frame(bitstream: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    let chunks = riff_chunks(&[(b"VP8L", bitstream)]);
    [&[0; 6], &vp8x(0, width, height)[4..], &[100, 0, 0, 0], &chunks].concat()
}

/// A GIF in 216 colours of frames that fill it, each in 3 channels.
pub fn gif(frames: &[&[u8]], width: u16, height: u16) -> Vec<u8> {
    let level = |index: usize| (index * 51) as u8;
    let palette: Vec<u8> =
        (0..216).flat_map(|index| [level(index / 36), level(index / 6 % 6), level(index % 6)]).collect();
    let nearest = |sample: u8| (u32::from(sample) + 25) / 51;
    let index = |rgb: &[u8]| (nearest(rgb[0]) * 36 + nearest(rgb[1]) * 6 + nearest(rgb[2])) as u8;
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &palette).unwrap();
    if frames.len() > 1 {
        encoder.set_repeat(gif::Repeat::Infinite).unwrap();
    }
    for frame in frames {
        let indices: Vec<u8> = frame.chunks_exact(3).map(index).collect();
        let frame = gif::Frame { width, height, buffer: indices.into(), ..gif::Frame::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_bomb_inflates_to_its_zeros_and_its_checksum_is_right() {
        for length in [0, 1, 65_521, 1 << 20, (3 << 20) + 7] {
            let mut inflated = Vec::new();
            flate2::read::ZlibDecoder::new(&zlib_bomb(length)[..]).read_to_end(&mut inflated).unwrap();
            assert_eq!(inflated, vec![0; length as usize]);
        }
        assert!(zlib_bomb(100 << 20).len() < 1 << 20);
    }
}
