//! Crop and resize in one step, in integer arithmetic, never upwards.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeAlg, ResizeOptions, Resizer};
use storage_core::error::{Error, ErrorKind, Result};

use crate::decode::{Content, Decoded};
use crate::header::Header;
use crate::lanczos;
use crate::pixels::{Layout, Pixels};

/// The centred square of the source, at most `side` pixels a side and never larger than the source's short side.
///
/// The square is cut out at its exact place, also between pixels: rounding it to whole pixels of a shrunken image
/// would cost more quality than the shrinking. An image that is `shown_transposed` later is resized in the other order
/// of axes, so that rounding between the two does not depend on the orientation that it is stored in.
pub(crate) fn square(decoded: Decoded, header: &Header, side: u32, shown_transposed: bool) -> Result<Pixels> {
    let short = header.width.min(header.height);
    let side = side.min(short);
    let crop = Crop {
        left: f64::from(header.width - short) / 2.0,
        top: f64::from(header.height - short) / 2.0,
        width: f64::from(short),
        height: f64::from(short),
    };
    resize_decoded(decoded, crop, side, side, shown_transposed)
}

/// The whole source, its long side at most `long_side` pixels, each side at least one.
pub(crate) fn fit(
    decoded: Decoded,
    header: &Header,
    long_side: u32,
    shown_transposed: bool,
) -> Result<Pixels> {
    let long = header.width.max(header.height);
    let scaled = |side: u32| {
        let rounded = (u64::from(side) * u64::from(long_side) + u64::from(long) / 2) / u64::from(long);
        if long <= long_side { side } else { (rounded as u32).max(1) }
    };
    let crop = Crop { left: 0.0, top: 0.0, width: f64::from(header.width), height: f64::from(header.height) };
    resize_decoded(decoded, crop, scaled(header.width), scaled(header.height), shown_transposed)
}

/// A copy of a square, at most `side` pixels a side.
pub(crate) fn smaller_square(square: &Pixels, side: u32) -> Result<Pixels> {
    let side = side.min(square.width);
    if side == square.width {
        return Ok(square.clone());
    }
    let whole = f64::from(square.width);
    resize(square.clone(), Crop { left: 0.0, top: 0.0, width: whole, height: whole }, side, side, false)
}

/// Resizes what was decoded. The crop is in pixels of the source.
fn resize_decoded(
    decoded: Decoded,
    crop: Crop,
    width: u32,
    height: u32,
    width_first: bool,
) -> Result<Pixels> {
    let shrink = f64::from(decoded.shrink);
    let crop = Crop {
        left: crop.left / shrink - f64::from(decoded.origin.0),
        top: crop.top / shrink - f64::from(decoded.origin.1),
        width: crop.width / shrink,
        height: crop.height / shrink,
    };
    match decoded.content {
        Content::Pixels(pixels) => resize(pixels, crop, width, height, width_first),
        Content::Planes(planes, model) => {
            let resized = planes.into_iter().map(|plane| resize(plane, crop, width, height, width_first));
            let planes: Vec<_> = resized.map(|plane| plane.map(|plane| plane.data)).collect::<Result<_>>()?;
            let layout = if model.channels() == 1 { Layout::Gray } else { Layout::Rgb };
            Ok(Pixels { width, height, layout, data: model.to_pixels(&planes) })
        }
    }
}

/// In pixels of an image; may begin and end between them.
#[derive(Clone, Copy)]
struct Crop {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

/// Consumes the source: its alpha is multiplied into it in place, because a copy of 40 megapixels is not affordable.
fn resize(mut source: Pixels, crop: Crop, width: u32, height: u32, width_first: bool) -> Result<Pixels> {
    source.premultiply();
    let mut pixels = if width_first {
        let all_rows = Crop { top: 0.0, height: f64::from(source.height), ..crop };
        let narrow = resample(&source, &all_rows, width, source.height)?;
        resample(&narrow, &Crop { left: 0.0, width: f64::from(width), ..crop }, width, height)?
    } else {
        resample(&source, &crop, width, height)?
    };
    pixels.unpremultiply();
    Ok(pixels)
}

/// One call of the resizer, which changes the height before it changes the width.
fn resample(source: &Pixels, crop: &Crop, width: u32, height: u32) -> Result<Pixels> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::InvalidImage, "a resize inside the budgets failed")
            .with_cause(error.to_string())
    };
    let kind = match source.layout {
        Layout::Gray => PixelType::U8,
        Layout::GrayAlpha => PixelType::U8x2,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba => PixelType::U8x4,
    };
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(lanczos::filter()))
        .crop(crop.left, crop.top, crop.width, crop.height)
        .use_alpha(false);
    let view =
        ImageRef::new(source.width, source.height, &source.data, kind).map_err(|error| failed(&error))?;
    let mut resized = Image::new(width, height, kind);
    Resizer::new().resize(&view, &mut resized, &options).map_err(|error| failed(&error))?;
    Ok(Pixels { width, height, layout: source.layout, data: resized.into_vec() })
}
