//! From the components of the file to gray or RGB.

use crate::frame::{Component, Frame};

/// What the components are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    Gray,
    YCbCr,
    Rgb,
    /// Ink, stored inverted: 255 is none.
    Cmyk,
    /// Ink as the first three components of `YCbCr`, and black; stored inverted.
    Ycck,
}

impl Model {
    /// `transform` is that of an Adobe segment; `has_jfif` says whether there is a JFIF segment.
    pub(crate) fn of(frame: &Frame, transform: Option<u8>, has_jfif: bool) -> Self {
        match (frame.components.len(), transform) {
            (1, _) => Model::Gray,
            (4, Some(2)) => Model::Ycck,
            (4, _) => Model::Cmyk,
            (_, Some(0)) => Model::Rgb,
            (_, Some(_)) => Model::YCbCr,
            (_, None) => {
                let is_named_rgb = frame.components.iter().map(|component| component.id).eq(*b"RGB");
                if is_named_rgb && !has_jfif { Model::Rgb } else { Model::YCbCr }
            }
        }
    }
}

/// The pixels of the output: rows of gray, or of RGB.
pub(crate) fn pixels(frame: &Frame, model: Model) -> Vec<u8> {
    let (width, height) = frame.output();
    let (width, channels) = (width as usize, if model == Model::Gray { 1 } else { 3 });
    let mut data = vec![0; width * height as usize * channels];
    let mut spread: Vec<Vec<u8>> = vec![Vec::new(); frame.components.len()];
    for (y, line) in data.chunks_exact_mut((width * channels).max(1)).enumerate() {
        let mut rows = [&[][..]; 4];
        for ((row, component), spread) in rows.iter_mut().zip(&frame.components).zip(&mut spread) {
            *row = row_of(component, y, width, spread);
        }
        let [one, two, three, four] = rows;
        match model {
            Model::Gray => line.copy_from_slice(one),
            Model::Rgb => join(line, one, two, three, |red, green, blue| [red, green, blue]),
            Model::YCbCr => join(line, one, two, three, to_rgb),
            Model::Cmyk => {
                join(line, one, two, three, |red, green, blue| [red, green, blue]);
                blacken(line, four);
            }
            Model::Ycck => {
                join(line, one, two, three, |y, blue, red| to_rgb(y, blue, red).map(|ink| 255 - ink));
                blacken(line, four);
            }
        }
    }
    data
}

/// A row of a component, as wide as the output.
fn row_of<'a>(component: &'a Component, y: usize, width: usize, spread: &'a mut Vec<u8>) -> &'a [u8] {
    let (across, down) = (component.spread.0 as usize, component.spread.1 as usize);
    let start = y / down * component.stride;
    let row = &component.plane[start..start + component.stride];
    if across == 1 {
        return &row[..width];
    }
    spread.clear();
    spread.extend(row.iter().flat_map(|&pixel| std::iter::repeat_n(pixel, across)).take(width));
    spread
}

#[inline(always)]
fn join(line: &mut [u8], one: &[u8], two: &[u8], three: &[u8], pixel: impl Fn(u8, u8, u8) -> [u8; 3]) {
    for (((out, &one), &two), &three) in line.chunks_exact_mut(3).zip(one).zip(two).zip(three) {
        out.copy_from_slice(&pixel(one, two, three));
    }
}

/// Takes away the light that black ink does.
fn blacken(line: &mut [u8], black: &[u8]) {
    for (pixel, &black) in line.chunks_exact_mut(3).zip(black) {
        for channel in pixel {
            *channel = ((u32::from(*channel) * u32::from(black) + 127) / 255) as u8;
        }
    }
}

/// JFIF's conversion, in 16-bit fixed point.
#[inline(always)]
fn to_rgb(y: u8, blue: u8, red: u8) -> [u8; 3] {
    let (y, blue, red) = (i32::from(y) << 16, i32::from(blue) - 128, i32::from(red) - 128);
    let round = |value: i32| ((y + value + (1 << 15)) >> 16).clamp(0, 255) as u8;
    [round(91_881 * red), round(-22_554 * blue - 46_802 * red), round(116_130 * blue)]
}
