//! Images made in code: any size, any orientation, with a place on the map where a test needs one to disappear.
//!
//! [`parts`] puts files together from chunks and segments, also in ways no encoder would; [`inspect`] takes them apart.

pub mod inspect;
pub mod parts;

use bytes::Bytes;
use jpeg_encoder::{ColorType, Encoder};

use self::parts::with_segments;

/// A JPEG of coloured stripes and noise; the seed decides both, so different seeds give different bytes.
pub fn jpeg(width: u16, height: u16, seed: u64) -> Bytes {
    let mut encoded = Vec::new();
    let pixels = pixels(u32::from(width), u32::from(height), 3, seed);
    Encoder::new(&mut encoded, 85).encode(&pixels, width, height, ColorType::Rgb).unwrap();
    encoded.into()
}

/// A PNG with an alpha channel that is opaque but for its first column.
pub fn png(width: u32, height: u32, seed: u64) -> Bytes {
    let mut encoded = Vec::new();
    let mut encoder = png::Encoder::new(&mut encoded, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels(width, height, 4, seed)).unwrap();
    writer.finish().unwrap();
    encoded.into()
}

/// The same JPEG with an EXIF orientation: 1 to 8, or a value that means nothing.
pub fn with_orientation(jpeg: &[u8], orientation: u16) -> Bytes {
    with_exif(jpeg, &tiff(orientation, None))
}

/// The same JPEG with an EXIF orientation and a place, in whole degrees north and east.
pub fn with_exif_gps(jpeg: &[u8], orientation: u16, north: u32, east: u32) -> Bytes {
    with_exif(jpeg, &tiff(orientation, Some((north, east))))
}

/// The same JPEG with a comment segment.
pub fn with_comment(jpeg: &[u8], comment: &[u8]) -> Bytes {
    with_segments(jpeg, &[(0xFE, comment.to_vec())]).into()
}

/// Four quadrants, red, green, blue and white from the top left, in which an orientation can be seen.
pub fn quadrants(side: u16) -> Bytes {
    let mut pixels = Vec::new();
    for y in 0..side {
        for x in 0..side {
            pixels.extend_from_slice(match (x < side / 2, y < side / 2) {
                (true, true) => &[255, 0, 0],
                (false, true) => &[0, 255, 0],
                (true, false) => &[0, 0, 255],
                (false, false) => &[255, 255, 255],
            });
        }
    }
    let mut encoded = Vec::new();
    Encoder::new(&mut encoded, 95).encode(&pixels, side, side, ColorType::Rgb).unwrap();
    encoded.into()
}

/// A JPEG whose header declares other dimensions than it has pixels for.
pub fn with_declared_size(jpeg: &[u8], width: u16, height: u16) -> Bytes {
    let mut changed = jpeg.to_vec();
    let frame = changed.windows(2).position(|pair| pair == [0xFF, 0xC0] || pair == [0xFF, 0xC2]).unwrap();
    changed[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    changed[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    changed.into()
}

fn with_exif(jpeg: &[u8], tiff: &[u8]) -> Bytes {
    with_segments(jpeg, &[(0xE1, [b"Exif\0\0", tiff].concat())]).into()
}

/// A big-endian EXIF block with an orientation and, where a place is given, a GPS directory.
pub fn tiff(orientation: u16, place: Option<(u32, u32)>) -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value].concat()
    };
    let short = orientation.to_be_bytes();
    let mut entries = vec![entry(0x0112, SHORT, 1, [short[0], short[1], 0, 0])];
    let directory = 8;
    let gps = directory + 2 + 12 * (1 + u32::from(place.is_some())) + 4;
    if place.is_some() {
        entries.push(entry(0x8825, LONG, 1, gps.to_be_bytes()));
    }
    let mut bytes = [b"MM\0*", &directory.to_be_bytes()[..]].concat();
    bytes.extend_from_slice(&u16::try_from(entries.len()).unwrap().to_be_bytes());
    bytes.extend(entries.concat());
    bytes.extend_from_slice(&[0; 4]);
    if let Some((north, east)) = place {
        bytes.extend(gps_directory(gps, north, east));
    }
    bytes
}

/// A GPS directory at `start`: references, then degrees, minutes and seconds as fractions behind it.
fn gps_directory(start: u32, north: u32, east: u32) -> Vec<u8> {
    let values = start + 2 + 12 * 4 + 4;
    let ascii =
        |tag: u16, letter: u8| [&tag.to_be_bytes()[..], &[0, 2, 0, 0, 0, 2, letter, 0, 0, 0]].concat();
    let fractions =
        |tag: u16, offset: u32| [&tag.to_be_bytes()[..], &[0, 5, 0, 0, 0, 3], &offset.to_be_bytes()].concat();
    let degrees = |whole: u32| [whole, 1, 0, 1, 0, 1].map(u32::to_be_bytes).concat();
    let entries = [ascii(1, b'N'), fractions(2, values), ascii(3, b'E'), fractions(4, values + 24)];
    [&4_u16.to_be_bytes()[..], &entries.concat(), &[0; 4], &degrees(north), &degrees(east)].concat()
}

/// Stripes with a little noise, so that an encoder has something to do: 3 channels, or 4 with alpha.
pub fn pixels(width: u32, height: u32, channels: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(width as usize * height as usize * channels);
    for y in 0..height {
        for x in 0..width {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let [noise, ..] = (state >> 32).to_le_bytes();
            let stripe = u8::try_from((x / 8 + y / 8 + state as u32 % 2) % 16).unwrap() * 12;
            bytes.extend_from_slice(&[stripe + noise % 32, 200 - stripe, noise % 64 + 90]);
            if channels == 4 {
                bytes.push(if x == 0 { 0 } else { 255 });
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_their_signatures_and_depend_on_their_seeds() {
        assert!(jpeg(64, 48, 1).starts_with(&[0xFF, 0xD8, 0xFF]));
        assert!(png(64, 48, 1).starts_with(b"\x89PNG\r\n\x1a\n"));
        assert_eq!(jpeg(64, 48, 1), jpeg(64, 48, 1));
        assert_ne!(jpeg(64, 48, 1), jpeg(64, 48, 2));
        assert_ne!(png(64, 48, 1), png(64, 48, 2));
    }

    #[test]
    fn a_png_decodes_to_its_size() {
        let encoded = png(33, 17, 1);
        let reader = png::Decoder::new(std::io::Cursor::new(encoded)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (33, 17));
    }

    #[test]
    fn exif_is_where_readers_look_for_it() {
        let plain = jpeg(16, 16, 1);
        let turned = with_exif_gps(&plain, 6, 52, 13);
        assert_eq!(turned[2..4], [0xFF, 0xE1]);
        assert_eq!(turned[6..14], *b"Exif\0\0MM");
        // The orientation is the first entry: tag, type, count, value.
        assert_eq!(turned[22..32], [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6]);
        assert_eq!(turned[4..6], u16::to_be_bytes(2 + 6 + 38 + 54 + 48));
        assert!(turned.ends_with(&plain[2..]));
        assert_eq!(with_declared_size(&plain, 64_250, 64_250).len(), plain.len());
    }
}
