//! Images made in code: one scene in every format, and files put together from parts.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::exif::Orientation;
use crate::pixels::{Layout, Pixels};

/// A smooth scene without any symmetry, so that every orientation of it differs from every other.
pub(super) fn scene(width: u32, height: u32) -> Pixels {
    let mut data = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let spot = (-((u - 0.3).powi(2) + (v - 0.6).powi(2)) * 20.0).exp();
            data.push((220.0 * u * (1.0 - 0.4 * v) + 30.0 * spot) as u8);
            data.push((60.0 + 150.0 * v * u) as u8);
            data.push((230.0 * (1.0 - v) * (1.0 - 0.5 * u) + 20.0 * spot) as u8);
        }
    }
    Pixels { width, height, layout: Layout::Rgb, data }
}

/// The scene with alpha that falls from left to right.
pub(super) fn translucent_scene(width: u32, height: u32) -> Pixels {
    let rgb = scene(width, height);
    let mut data = Vec::new();
    for (index, pixel) in rgb.data.chunks_exact(3).enumerate() {
        data.extend_from_slice(pixel);
        data.push((255 - (index as u32 % width) * 255 / width) as u8);
    }
    Pixels { width, height, layout: Layout::Rgba, data }
}

/// `shown` as it must be stored so that `orientation` shows it upright again.
pub(super) fn stored_for(shown: &Pixels, orientation: Orientation) -> Pixels {
    let (width, height) =
        if orientation.swaps_sides() { (shown.height, shown.width) } else { (shown.width, shown.height) };
    let mut stored = Pixels { width, height, layout: shown.layout, data: vec![0; shown.data.len()] };
    let channels = shown.layout.channels();
    for y in 0..shown.height as usize {
        for x in 0..shown.width as usize {
            let (to_x, to_y) = orientation.stored_position(x, y, shown.width as usize, shown.height as usize);
            let (from, to) =
                ((y * shown.width as usize + x) * channels, (to_y * width as usize + to_x) * channels);
            stored.data[to..to + channels].copy_from_slice(&shown.data[from..from + channels]);
        }
    }
    stored
}

pub(super) fn jpeg(pixels: &Pixels) -> Vec<u8> {
    jpeg_with(pixels, |_| {})
}

pub(super) fn jpeg_with(pixels: &Pixels, configure: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let colours = match pixels.layout {
        Layout::Gray => ColorType::Luma,
        Layout::Rgb => ColorType::Rgb,
        _ => panic!("no alpha in a JPEG"),
    };
    jpeg_of(&pixels.data, pixels.width, pixels.height, colours, configure)
}

pub(super) fn jpeg_of(
    data: &[u8],
    width: u32,
    height: u32,
    colours: ColorType,
    configure: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 95);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    configure(&mut encoder);
    encoder.encode(data, width as u16, height as u16, colours).unwrap();
    bytes
}

pub(super) fn png(pixels: &Pixels) -> Vec<u8> {
    crate::encode::encode(pixels, storage_core::ports::ImageFormat::Png).unwrap().to_vec()
}

/// A PNG of one pixel with a header that claims anything.
pub(super) fn png_claiming(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[depth, colour, 0, 0, 0]);
    png_of(&[(b"IHDR", &header), (b"IDAT", &zlib(&[0, 0])), (b"IEND", &[])])
}

pub(super) fn png_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    chunks.iter().for_each(|(kind, data)| bytes.extend(chunk(kind, data)));
    bytes
}

pub(super) fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = (data.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(kind);
    bytes.extend_from_slice(data);
    let checksum = crc32fast::hash(&bytes[4..]);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    bytes
}

/// `png` with chunks after its header.
pub(super) fn with_chunks(png: &[u8], chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = png[..33].to_vec();
    chunks.iter().for_each(|(kind, data)| bytes.extend(chunk(kind, data)));
    bytes.extend_from_slice(&png[33..]);
    bytes
}

pub(super) fn zlib(data: &[u8]) -> Vec<u8> {
    zlib_from(data)
}

/// What `length` zeros compress to: about a thousandth.
pub(super) fn zlib_bomb(length: u64) -> Vec<u8> {
    zlib_from(std::io::Read::take(std::io::repeat(0), length))
}

fn zlib_from(mut source: impl std::io::Read) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut source, &mut encoder).unwrap();
    encoder.finish().unwrap()
}

/// `jpeg` with segments after its start marker.
pub(super) fn with_segments(jpeg: &[u8], segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = jpeg[..2].to_vec();
    for (marker, payload) in segments {
        bytes.extend_from_slice(&[0xff, *marker]);
        bytes.extend_from_slice(&(payload.len() as u16 + 2).to_be_bytes());
        bytes.extend_from_slice(payload);
    }
    bytes.extend_from_slice(&jpeg[2..]);
    bytes
}

/// The payload of an APP1 segment that says `value`, also where that is no orientation.
pub(super) fn exif_segment(value: u16) -> Vec<u8> {
    [b"Exif\0\0".to_vec(), tiff(value)].concat()
}

/// A big-endian EXIF block, other than the one that is written.
pub(super) fn tiff(orientation: u16) -> Vec<u8> {
    let [high, low] = orientation.to_be_bytes();
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    tiff.extend_from_slice(&[high, low, 0, 0, 0, 0, 0, 0]);
    tiff
}

/// The offset of the first `marker` in `jpeg`.
pub(super) fn find_marker(jpeg: &[u8], marker: u8) -> usize {
    jpeg.windows(2).position(|pair| pair == [0xff, marker]).unwrap()
}

/// `jpeg` with another width and height in its frame header.
pub(super) fn claiming(mut jpeg: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let frame =
        (0xc0..=0xc2).filter(|marker| jpeg.windows(2).any(|pair| pair == [0xff, *marker])).min().unwrap();
    let at = find_marker(&jpeg, frame) + 5;
    jpeg[at..at + 2].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 2..at + 4].copy_from_slice(&width.to_be_bytes());
    jpeg
}

pub(super) fn webp(pixels: &Pixels) -> Vec<u8> {
    let colours = match pixels.layout {
        Layout::Rgb => image_webp::ColorType::Rgb8,
        Layout::Rgba => image_webp::ColorType::Rgba8,
        Layout::Gray => image_webp::ColorType::L8,
        Layout::GrayAlpha => image_webp::ColorType::La8,
    };
    let mut bytes = Vec::new();
    image_webp::WebPEncoder::new(&mut bytes)
        .encode(&pixels.data, pixels.width, pixels.height, colours)
        .unwrap();
    bytes
}

/// A lossy WebP of 2 by 2 red pixels, from the tests of `image-webp`: nothing here can encode one.
pub(super) const LOSSY_WEBP: [u8; 68] = [
    0x52, 0x49, 0x46, 0x46, 0x3c, 0x00, 0x00, 0x00, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x20, 0x30,
    0x00, 0x00, 0x00, 0xd0, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x02, 0x00, 0x02, 0x00, 0x02, 0x00, 0x34, 0x25,
    0xa0, 0x02, 0x74, 0xba, 0x01, 0xf8, 0x00, 0x03, 0xb0, 0x00, 0xfe, 0xf0, 0xc4, 0x0b, 0xff, 0x20, 0xb9,
    0x61, 0x75, 0xc8, 0xd7, 0xff, 0x20, 0x3f, 0xe4, 0x07, 0xfc, 0x80, 0xff, 0xf8, 0xf2, 0x00, 0x00, 0x00,
];

/// A WebP of these chunks.
pub(super) fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    body.extend(riff_chunks(chunks));
    let mut bytes = b"RIFF".to_vec();
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes
}

pub(super) fn riff_chunks(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
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
pub(super) fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut data = vec![flags, 0, 0, 0];
    data.extend_from_slice(&(width - 1).to_le_bytes()[..3]);
    data.extend_from_slice(&(height - 1).to_le_bytes()[..3]);
    data
}

/// The bitstream of a simple WebP.
pub(super) fn bitstream(webp: &[u8]) -> Vec<u8> {
    let length = u32::from_le_bytes(webp[16..20].try_into().unwrap()) as usize;
    webp[20..20 + length].to_vec()
}

/// A GIF in 216 colours, with as many frames as wanted.
pub(super) fn gif(pixels: &Pixels, frames: usize) -> Vec<u8> {
    let level = |index: usize| (index * 51) as u8;
    let palette: Vec<u8> =
        (0..216).flat_map(|index| [level(index / 36), level(index / 6 % 6), level(index % 6)]).collect();
    let nearest = |sample: u8| (u32::from(sample) + 25) / 51;
    let indices: Vec<u8> = pixels
        .data
        .chunks_exact(3)
        .map(|rgb| (nearest(rgb[0]) * 36 + nearest(rgb[1]) * 6 + nearest(rgb[2])) as u8)
        .collect();
    let (width, height) = (pixels.width as u16, pixels.height as u16);
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &palette).unwrap();
    if frames > 1 {
        encoder.set_repeat(gif::Repeat::Infinite).unwrap();
    }
    for _ in 0..frames {
        let frame = gif::Frame { width, height, buffer: indices.as_slice().into(), ..gif::Frame::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}
