//! From the components of the file to gray or RGB.

use crate::frame::Frame;

/// What the components of an image are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorModel {
    /// One component.
    Gray,
    /// Brightness, and two differences of colour, as JFIF defines them.
    YCbCr,
    /// Red, green and blue.
    Rgb,
    /// Cyan, magenta, yellow and black, taken as Adobe writes them, inverted: 255 is no ink.
    Cmyk,
    /// Ink as the first three components of `YCbCr`, and black, inverted.
    Ycck,
}

/// An image at its scale, or the part of it that was wanted: a plane for each component, all of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planes {
    /// How many columns of the whole image, at its scale, are left of the planes.
    pub left: u32,
    /// How many rows of it are above them.
    pub top: u32,
    /// Their width in pixels.
    pub width: u32,
    /// Their height in pixels.
    pub height: u32,
    /// What the planes are.
    pub model: ColorModel,
    /// For each component rows from the top, without bytes between them: `width * height` bytes.
    pub data: Vec<Vec<u8>>,
}

impl Planes {
    pub(crate) fn of(frame: Frame, model: ColorModel) -> Self {
        let (columns, rows) = frame.output();
        let data = frame
            .components
            .into_iter()
            .map(|component| component.plane.into_pixels(columns.len(), rows.len(), component.spread));
        Planes {
            left: columns.start,
            top: rows.start,
            width: columns.len() as u32,
            height: rows.len() as u32,
            model,
            data: data.collect(),
        }
    }
}

impl ColorModel {
    /// `transform` is that of an Adobe segment; `has_jfif` says whether there is a JFIF segment.
    pub(crate) fn of(frame: &Frame, transform: Option<u8>, has_jfif: bool) -> Self {
        match (frame.components.len(), transform) {
            (1, _) => ColorModel::Gray,
            (4, Some(2)) => ColorModel::Ycck,
            (4, _) => ColorModel::Cmyk,
            (_, Some(0)) => ColorModel::Rgb,
            (_, Some(_)) => ColorModel::YCbCr,
            (_, None) => {
                let is_named_rgb = frame.components.iter().map(|component| component.id).eq(*b"RGB");
                if is_named_rgb && !has_jfif { ColorModel::Rgb } else { ColorModel::YCbCr }
            }
        }
    }

    /// How many bytes a pixel of [`ColorModel::to_pixels`] has: 1, gray, or 3, red, green and blue.
    #[must_use]
    pub const fn channels(self) -> usize {
        match self {
            ColorModel::Gray => 1,
            _ => 3,
        }
    }

    /// Pixels of as many planes as this model has, of any size, but all of one: gray, or red, green and blue. Planes that
    /// are missing give no pixels.
    #[must_use]
    pub fn to_pixels(self, planes: &[Vec<u8>]) -> Vec<u8> {
        match (self, planes) {
            (ColorModel::Gray, [gray]) => gray.clone(),
            (ColorModel::Rgb, [one, two, three]) => {
                join(one, two, three, |red, green, blue| [red, green, blue])
            }
            (ColorModel::YCbCr, [one, two, three]) => join(one, two, three, to_rgb),
            (ColorModel::Cmyk, [one, two, three, black]) => {
                blackened(join(one, two, three, |red, green, blue| [red, green, blue]), black)
            }
            (ColorModel::Ycck, [one, two, three, black]) => blackened(
                join(one, two, three, |y, blue, red| to_rgb(y, blue, red).map(|ink| 255 - ink)),
                black,
            ),
            _ => Vec::new(),
        }
    }
}

fn join(one: &[u8], two: &[u8], three: &[u8], pixel: impl Fn(u8, u8, u8) -> [u8; 3]) -> Vec<u8> {
    let mut pixels = vec![0; one.len().min(two.len()).min(three.len()) * 3];
    for (((out, &one), &two), &three) in pixels.chunks_exact_mut(3).zip(one).zip(two).zip(three) {
        out.copy_from_slice(&pixel(one, two, three));
    }
    pixels
}

/// Takes away the light that black ink does.
fn blackened(mut pixels: Vec<u8>, black: &[u8]) -> Vec<u8> {
    for (pixel, &black) in pixels.chunks_exact_mut(3).zip(black) {
        for channel in pixel {
            *channel = ((u32::from(*channel) * u32::from(black) + 127) / 255) as u8;
        }
    }
    pixels
}

/// JFIF's conversion, in 16-bit fixed point.
#[inline(always)]
fn to_rgb(y: u8, blue: u8, red: u8) -> [u8; 3] {
    let (y, blue, red) = (i32::from(y) << 16, i32::from(blue) - 128, i32::from(red) - 128);
    let round = |value: i32| ((y + value + (1 << 15)) >> 16).clamp(0, 255) as u8;
    [round(91_881 * red), round(-22_554 * blue - 46_802 * red), round(116_130 * blue)]
}
