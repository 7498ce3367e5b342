//! The pipeline: one decode, one large resize, everything else from the result.

use ::bytes::Bytes;
use storage_core::error::{ErrorKind, Result};
use storage_core::key::VariantSize;
use storage_core::ports::{AvatarRecipe, ImageFormat, ImageInfo, ImageLimits, ProcessedAvatar, Variant};

use crate::container::{self, Stripped};
use crate::decode::{self, Decoded, Part};
use crate::header::Header;
use crate::pixels::Pixels;
use crate::placeholder::{self, placeholder};
use crate::{encode, icc, invalid, resize, sniff};

const SIZES: [VariantSize; 3] = [VariantSize::Small, VariantSize::Medium, VariantSize::Large];

/// The whole work for an avatar. Its placeholder shows the centred square, like the variants it stands in for.
pub(crate) fn process(source: &[u8], limits: &ImageLimits, recipe: AvatarRecipe) -> Result<ProcessedAvatar> {
    let largest = VariantSize::Large.pixels().unwrap_or(0);
    let Opened { header, stripped, decoded } = open(source, limits, Part::Square, largest)?;
    let square = resize::square(decoded, &header, largest, stripped.orientation.swaps_sides())?;
    let square = finish(square, &stripped);

    // One decision for all sizes: a rounded-off small one does not change its format.
    let format = if square.is_opaque() { ImageFormat::Jpeg } else { ImageFormat::Png };
    let (mut variants, mut webp) = (Vec::with_capacity(SIZES.len()), Vec::new());
    for size in SIZES {
        let pixels = resize::smaller_square(&square, size.pixels().unwrap_or(largest))?;
        variants.push(variant(size, &pixels, format)?);
        if recipe.webp {
            webp.push(variant(size, &pixels, ImageFormat::Webp)?);
        }
    }
    let small = resize::smaller_square(&square, placeholder::MAX_SIDE)?;
    Ok(ProcessedAvatar {
        info: describe(&header, &stripped, &small),
        original: Bytes::from(stripped.bytes),
        variants,
        webp,
    })
}

fn variant(size: VariantSize, pixels: &Pixels, format: ImageFormat) -> Result<Variant> {
    let bytes = encode::encode(pixels, format)?;
    Ok(Variant { size, format, width: pixels.width, height: pixels.height, bytes })
}

/// The dimensions and placeholder of a whole image.
pub(crate) fn inspect(source: &[u8], limits: &ImageLimits) -> Result<ImageInfo> {
    let Opened { header, stripped, decoded } = open(source, limits, Part::Whole, placeholder::MAX_SIDE)?;
    let small = resize::fit(decoded, &header, placeholder::MAX_SIDE, stripped.orientation.swaps_sides())?;
    let small = finish(small, &stripped);
    Ok(describe(&header, &stripped, &small))
}

struct Opened {
    header: Header,
    stripped: Stripped,
    decoded: Decoded,
}

fn open(source: &[u8], limits: &ImageLimits, part: Part, short_side: u32) -> Result<Opened> {
    if source.is_empty() {
        return Err(ErrorKind::EmptyFile.into());
    }
    let Some(format) = sniff::sniff(source) else { return Err(ErrorKind::UnsupportedMediaType.into()) };
    let claimed = Header::read(format, source)?;
    claimed.check(limits)?;
    let stripped = container::strip(format, source)?;
    // Where a file has two headers, the one that is decoded is the one that counts.
    let header = Header::read(format, &stripped.bytes)?;
    if (header.width, header.height) != (claimed.width, claimed.height) {
        return Err(invalid("the image has two headers that disagree"));
    }
    header.check(limits)?;
    let decoded = decode::decode(&stripped.bytes, &header, part, short_side)?;
    Ok(Opened { header, stripped, decoded })
}

/// Orients small pixels, then makes them sRGB.
fn finish(pixels: Pixels, stripped: &Stripped) -> Pixels {
    icc::to_srgb(pixels.oriented(stripped.orientation), stripped.icc.as_deref())
}

fn describe(header: &Header, stripped: &Stripped, small: &Pixels) -> ImageInfo {
    let (width, height) = if stripped.orientation.swaps_sides() {
        (header.height, header.width)
    } else {
        (header.width, header.height)
    };
    ImageInfo { format: header.format, width, height, placeholder: placeholder(small) }
}
