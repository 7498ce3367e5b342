//! Coded bytes to pixels: the one place where a decoder runs.

use std::io::Cursor;

use gif::{ColorOutput, MemoryLimit};
use scaled_jpeg::{ColorModel, Limits, Region, Scale, Want};
use storage_core::error::{Error, ErrorKind, Result};
use storage_core::ports::ImageFormat;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::header::Header;
use crate::pixels::{Layout, Pixels};
use crate::shrink::Shrinker;
use crate::{invalid, planes};

/// A decoded image, possibly at a fraction of its size, and possibly without parts that were not wanted.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) content: Content,
    /// How many pixels of the source are one pixel here, along each side. Where a side of the source is no multiple of it,
    /// the last row or column stands for fewer.
    pub(crate) shrink: u32,
    /// How many columns and rows of the shrunken image are missing before the first one here.
    pub(crate) origin: (u32, u32),
}

/// What was decoded.
#[derive(Debug)]
pub(crate) enum Content {
    Pixels(Pixels),
    /// Gray images, which are resized on their own and joined when there are fewer pixels.
    Planes(Vec<Pixels>, ColorModel),
}

/// Which part of an image is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// The centred square.
    Square,
}

/// How far beyond the part that is shown a resize reads, in pixels of the shrunken image: three pixels of the result,
/// which have up to five each where a long image is shrunk to an eighth.
const MARGIN: u32 = 16;

/// Decodes the first frame of `source`, stripped bytes whose header was checked. JPEG and PNG may be decoded at a fraction
/// of their size, as long as more than `short_side` pixels are left of the short side for the resize to choose from: a
/// quarter more of a JPEG, whose pixels are filtered as they should be, and twice as many of a PNG, which is averaged.
///
/// Errors: `InvalidImage` for anything that does not decode, or not to the size of the header. Of a progressive JPEG that
/// is shrunk, scans that it does not need are not looked into.
pub(crate) fn decode(source: &[u8], header: &Header, part: Part, short_side: u32) -> Result<Decoded> {
    let pixels = match header.format {
        ImageFormat::Jpeg => match decode_scaled_jpeg(source, header, part, short_side + short_side / 4)? {
            Some(decoded) => return Ok(decoded),
            None => decode_jpeg(source, header),
        },
        ImageFormat::Png => return decode_png(source, header, short_side),
        ImageFormat::Webp => decode_webp(source),
        ImageFormat::Gif => decode_gif(source),
    }?;
    if (pixels.width, pixels.height) != (header.width, header.height) {
        return Err(invalid("the image decodes to another size than its header says"));
    }
    Ok(Decoded { content: Content::Pixels(pixels), shrink: 1, origin: (0, 0) })
}

fn failed<E: std::fmt::Display>(context: &'static str) -> impl Fn(E) -> Error {
    // Not the error itself: some codecs' errors are not `Send`.
    move |error| Error::new(ErrorKind::InvalidImage, context).with_cause(error.to_string())
}

/// A JPEG at the smallest scale that leaves `short_side` pixels; `None` for one that is too small or too unusual.
fn decode_scaled_jpeg(
    source: &[u8],
    header: &Header,
    part: Part,
    short_side: u32,
) -> Result<Option<Decoded>> {
    let short = header.width.min(header.height);
    let Some(scale) = Scale::for_short_side(short, short_side) else { return Ok(None) };
    let mut decoder = scaled_jpeg::Decoder::new(Want::Scale(scale), Limits::default());
    if part == Part::Square {
        let margin = MARGIN * scale.denominator();
        let start = |side: u32| ((side - short) / 2).saturating_sub(margin);
        let side = short + 1 + 2 * margin;
        let region =
            Region { left: start(header.width), top: start(header.height), width: side, height: side };
        decoder = decoder.within(region);
    }
    let planes = match decoder.push(source).and_then(|_| decoder.finish()) {
        Err(scaled_jpeg::Error::Unsupported(_)) => return Ok(None),
        decoded => decoded.map_err(failed("the JPEG does not decode"))?,
    };
    let (width, height, model) = (planes.width, planes.height, planes.model);
    let origin = (planes.left, planes.top);
    let gray = |data| Pixels { width, height, layout: Layout::Gray, data };
    let content = match model {
        // Black is multiplied with the colours: its edges would not be theirs if it was resized by itself.
        ColorModel::Cmyk | ColorModel::Ycck => {
            let data = model.to_pixels(&planes.data);
            Content::Pixels(Pixels { width, height, layout: Layout::Rgb, data })
        }
        _ => Content::Planes(planes.data.into_iter().map(gray).collect(), model),
    };
    Ok(Some(Decoded { content, shrink: scale.denominator(), origin }))
}

fn decode_jpeg(source: &[u8], header: &Header) -> Result<Pixels> {
    if let Some(planes) = planes::Planes::find(source)? {
        return planes.decode();
    }
    decode_whole_jpeg(source, header)
}

/// Decodes a JPEG that is progressive, or whose one scan has all channels.
pub(crate) fn decode_whole_jpeg(source: &[u8], header: &Header) -> Result<Pixels> {
    let (layout, colours) = if header.bytes_per_pixel == 1 {
        (Layout::Gray, ColorSpace::Luma)
    } else {
        (Layout::Rgb, ColorSpace::RGB)
    };
    let options = DecoderOptions::new_fast()
        // Without it, a cut image decodes to gray from the cut on.
        .set_strict_mode(true)
        .set_max_width(header.width as usize)
        .set_max_height(header.height as usize)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(source), options);
    let data = decoder.decode().map_err(failed("the JPEG does not decode"))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| invalid("the JPEG has no dimensions"))?;
    if data.len() != width * height * layout.channels() {
        return Err(invalid("the JPEG decodes to an unexpected number of bytes"));
    }
    Ok(Pixels { width: width as u32, height: height as u32, layout, data })
}

fn decode_png(source: &[u8], header: &Header, short_side: u32) -> Result<Decoded> {
    let broken = failed("the PNG does not decode");
    let mut options = png::DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = png::Decoder::new_with_options(Cursor::new(source), options);
    decoder.set_limits(png::Limits { bytes: 64 * 1024 * 1024 });
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(&broken)?;
    let layout = match reader.output_color_type().0 {
        png::ColorType::Grayscale => Layout::Gray,
        png::ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        png::ColorType::Rgb => Layout::Rgb,
        png::ColorType::Rgba => Layout::Rgba,
        png::ColorType::Indexed => return Err(invalid("the PNG palette was not expanded")),
    };
    // Rows of an interlaced image come in passes over the whole.
    let factor = match reader.info().interlaced {
        true => 1,
        false => Shrinker::factor(header.width.min(header.height), short_side),
    };
    let pixels = if factor == 1 {
        let size = reader.output_buffer_size().ok_or_else(|| invalid("the PNG is too large to address"))?;
        let mut data = vec![0; size];
        let frame = reader.next_frame(&mut data).map_err(&broken)?;
        data.truncate(frame.buffer_size());
        Pixels { width: frame.width, height: frame.height, layout, data }
    } else {
        let mut shrinker = Shrinker::new(layout, header.width, factor);
        while let Some(row) = reader.next_row().map_err(&broken)? {
            if row.data().len() != header.width as usize * layout.channels() {
                return Err(invalid("a PNG row of another length than its header says"));
            }
            shrinker.push(row.data());
        }
        shrinker.finish()
    };
    if (pixels.width, pixels.height) != (header.width.div_ceil(factor), header.height.div_ceil(factor)) {
        return Err(invalid("the image decodes to another size than its header says"));
    }
    Ok(Decoded { content: Content::Pixels(pixels), shrink: factor, origin: (0, 0) })
}

fn decode_webp(source: &[u8]) -> Result<Pixels> {
    let broken = failed("the WebP does not decode");
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(source)).map_err(&broken)?;
    let (width, height) = decoder.dimensions();
    let layout = if decoder.has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let size = decoder.output_buffer_size().ok_or_else(|| invalid("the WebP is too large to address"))?;
    let mut data = vec![0; size];
    decoder.read_image(&mut data).map_err(&broken)?;
    Ok(Pixels { width, height, layout, data })
}

fn decode_gif(source: &[u8]) -> Result<Pixels> {
    let broken = failed("the GIF does not decode");
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    // The screen is within the budgets, and a frame that fits the screen is too.
    options.set_memory_limit(MemoryLimit::Unlimited);
    options.check_frame_consistency(true);
    let mut decoder = options.read_info(source).map_err(&broken)?;
    let (width, height) = (decoder.width(), decoder.height());
    let frame =
        decoder.next_frame_info().map_err(&broken)?.ok_or_else(|| invalid("a GIF without a frame"))?;
    let (left, top, columns, rows) = (
        usize::from(frame.left),
        usize::from(frame.top),
        usize::from(frame.width),
        usize::from(frame.height),
    );
    let stride = usize::from(width) * 4;
    let mut data = vec![0; stride * usize::from(height)];
    if columns == usize::from(width) {
        decoder.read_into_buffer(&mut data[top * stride..(top + rows) * stride]).map_err(&broken)?;
    } else {
        let mut part = vec![0; columns * rows * 4];
        decoder.read_into_buffer(&mut part).map_err(&broken)?;
        let lines = data.chunks_exact_mut(stride).skip(top);
        for (line, from) in lines.zip(part.chunks_exact((columns * 4).max(1))) {
            line[left * 4..(left + columns) * 4].copy_from_slice(from);
        }
    }
    Ok(Pixels { width: u32::from(width), height: u32::from(height), layout: Layout::Rgba, data })
}
