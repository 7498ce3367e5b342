//! libwebp's lossy encoder behind one safe function. It is the one C codec, and it only writes: WebP that somebody sent
//! is decoded in Rust, elsewhere.

mod ffi;

use std::fmt;

/// The longest side that the format can say, in pixels.
pub const MAX_SIDE: u32 = 16_383;

/// The order of the samples of a pixel, 8 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Three colours.
    Rgb,
    /// Three colours that are not multiplied by the alpha behind them.
    Rgba,
}

impl Channels {
    /// The size of a pixel in bytes.
    const fn count(self) -> usize {
        match self {
            Channels::Rgb => 3,
            Channels::Rgba => 4,
        }
    }
}

/// An image to encode: rows from the top, without bytes between them.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    pixels: &'a [u8],
    channels: Channels,
    width: u32,
    height: u32,
}

impl<'a> Image<'a> {
    /// `pixels` as an image; an error where they are not exactly `width * height` pixels, or where a side is 0 or more
    /// than [`MAX_SIDE`].
    pub fn new(pixels: &'a [u8], channels: Channels, width: u32, height: u32) -> Result<Self, Failed> {
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(Failed("a side that WebP does not have"));
        }
        if pixels.len() != width as usize * height as usize * channels.count() {
            return Err(Failed("another number of bytes than the sides say"));
        }
        Ok(Image { pixels, channels, width, height })
    }
}

/// Why nothing was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed(&'static str);

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Failed {}

/// How hard the encoder tries, 0 to 6. At 300 px the default, 4, takes twice as long as 2 for 2 % fewer bytes.
const METHOD: i32 = 2;

/// Encodes lossily at `quality`, 0 to 100. Alpha is kept exactly; the file holds the image and nothing else.
///
/// The same image gives the same bytes: there is one thread, no dithering and no target size, and libwebp's SIMD code
/// computes what its plain code does.
pub fn encode(image: Image<'_>, quality: f32) -> Result<Vec<u8>, Failed> {
    ffi::encode(&image, quality, METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_that_do_not_fill_the_sides_are_no_image() {
        let pixels = [7; 48];
        let image = |length: usize, channels, width, height| {
            Image::new(&pixels[..length], channels, width, height).map(|_| ())
        };
        assert_eq!(image(48, Channels::Rgb, 4, 4), Ok(()));
        assert_eq!(image(48, Channels::Rgba, 4, 3), Ok(()));
        for (length, channels, width, height) in [
            (47, Channels::Rgb, 4, 4),
            (48, Channels::Rgba, 4, 4),
            (48, Channels::Rgb, 4, 3),
            (0, Channels::Rgb, 0, 4),
            (0, Channels::Rgb, 4, 0),
            (48, Channels::Rgb, MAX_SIDE + 1, 1),
            (48, Channels::Rgba, u32::MAX, u32::MAX),
        ] {
            assert!(
                image(length, channels, width, height).is_err(),
                "{length} {channels:?} {width} {height}"
            );
        }
    }

    #[test]
    fn the_encoder_refuses_a_quality_that_there_is_not() {
        let pixels = [7; 48];
        let image = Image::new(&pixels, Channels::Rgb, 4, 4).unwrap();
        for quality in [-1.0, 100.5, f32::INFINITY, f32::NAN] {
            assert!(encode(image, quality).is_err(), "{quality}");
        }
    }

    #[test]
    fn the_longest_side_encodes() {
        let row = vec![90; MAX_SIDE as usize * 3];
        for (width, height) in [(MAX_SIDE, 1), (1, MAX_SIDE)] {
            let file = encode(Image::new(&row, Channels::Rgb, width, height).unwrap(), 80.0).unwrap();
            assert_eq!((&file[..4], &file[8..16]), (&b"RIFF"[..], &b"WEBPVP8 "[..]));
        }
    }
}
