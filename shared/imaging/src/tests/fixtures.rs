//! Images made in code: one scene in every format. Files put together from parts come from the test kit.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use storage_testkit::images::parts;
pub(super) use storage_testkit::images::parts::{
    LOSSY_WEBP, bitstream, find_marker, png_claiming, png_of, riff, riff_chunks, vp8x, with_chunks,
    with_segments, zlib, zlib_bomb,
};

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

/// The payload of an APP1 segment that says `value`, also where that is no orientation.
pub(super) fn exif_segment(value: u16) -> Vec<u8> {
    [b"Exif\0\0".to_vec(), tiff(value)].concat()
}

/// A big-endian EXIF block, other than the one that is written.
pub(super) fn tiff(orientation: u16) -> Vec<u8> {
    storage_testkit::images::tiff(orientation, None)
}

/// `jpeg` with another width and height in its frame header.
pub(super) fn claiming(jpeg: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    storage_testkit::images::with_declared_size(&jpeg, width, height).to_vec()
}

pub(super) fn webp(pixels: &Pixels) -> Vec<u8> {
    parts::webp(&pixels.data, pixels.width, pixels.height)
}

/// A GIF in 216 colours, with as many frames as wanted.
pub(super) fn gif(pixels: &Pixels, frames: usize) -> Vec<u8> {
    let frames = vec![pixels.data.as_slice(); frames];
    parts::gif(&frames, pixels.width as u16, pixels.height as u16)
}
