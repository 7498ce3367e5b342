//! Other decoders, and what is expected of a smaller image.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::Once;

use scaled_jpeg::{ColorModel, Scale};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// A plane of pixels.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
}

impl Plane {
    /// Every pixel the mean of those that it stands for.
    pub(crate) fn averaged(&self, scale: Scale) -> Plane {
        let side = scale.denominator() as usize;
        let (width, height) = (self.width.div_ceil(side), self.height.div_ceil(side));
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let (right, bottom) = (((x + 1) * side).min(self.width), ((y + 1) * side).min(self.height));
                let rows = (y * side..bottom).map(|y| &self.pixels[y * self.width..][x * side..right]);
                let sum: usize = rows.flatten().map(|&pixel| usize::from(pixel)).sum();
                let count = (right - x * side) * (bottom - y * side);
                pixels.push(((sum + count / 2) / count) as u8);
            }
        }
        Plane { width, height, pixels }
    }

    /// Its whole blocks, of which each becomes one of `block` pixels by leaving out its higher frequencies, and each of
    /// these is repeated `spread` times: what the decoder does, by its definition, in `f64`.
    pub(crate) fn reduced(&self, block: (usize, usize), spread: (usize, usize)) -> Plane {
        let (across, down) = (weights(block.0), weights(block.1));
        let width = self.width / 8 * block.0 * spread.0;
        let height = self.height / 8 * block.1 * spread.1;
        let mut pixels = Vec::with_capacity(width * height);
        for y in (0..height).map(|y| y / spread.1) {
            for x in (0..width).map(|x| x / spread.0) {
                let mut sum = 0.0;
                for (row, vertical) in down[y % block.1].iter().enumerate() {
                    let start = (y / block.1 * 8 + row) * self.width + x / block.0 * 8;
                    for (pixel, horizontal) in self.pixels[start..].iter().zip(&across[x % block.0]) {
                        sum += vertical * horizontal * f64::from(*pixel);
                    }
                }
                pixels.push(sum.round().clamp(0.0, 255.0) as u8);
            }
        }
        Plane { width, height, pixels }
    }

    /// Its upper left corner.
    pub(crate) fn cropped(&self, width: usize, height: usize) -> Plane {
        let rows = self.pixels.chunks_exact(self.width).take(height);
        Plane { width, height, pixels: rows.flat_map(|row| &row[..width]).copied().collect() }
    }
}

/// What each of 8 pixels adds to each of `size` ones.
fn weights(size: usize) -> Vec<[f64; 8]> {
    let cosine = |points: usize, frequency: usize, at: usize| {
        (std::f64::consts::PI * ((2 * at + 1) * frequency) as f64 / (2 * points) as f64).cos()
    };
    let mut weights = vec![[0.0; 8]; size];
    for (to, row) in weights.iter_mut().enumerate() {
        for (from, weight) in row.iter_mut().enumerate() {
            for frequency in 0..size {
                let norm = if frequency == 0 { 1.0 } else { 2.0 };
                *weight += norm / 8.0 * cosine(8, frequency, from) * cosine(size, frequency, to);
            }
        }
    }
    weights
}

/// How close two planes are, in decibels; 99 at most.
pub(crate) fn psnr(one: &[u8], two: &[u8]) -> f64 {
    assert_eq!(one.len(), two.len());
    let squares: f64 =
        one.iter().zip(two).map(|(&one, &two)| (f64::from(one) - f64::from(two)).powi(2)).sum();
    let mean = squares / one.len().max(1) as f64;
    if mean == 0.0 { 99.0 } else { (10.0 * (255.0 * 255.0 / mean).log10()).min(99.0) }
}

/// The components of a file at its full size, as zune-jpeg decodes them; those of fewer samples are made larger.
pub(crate) fn full_size(file: &[u8], model: ColorModel) -> Vec<Plane> {
    let space = match model {
        ColorModel::Gray => ColorSpace::Luma,
        ColorModel::YCbCr => ColorSpace::YCbCr,
        ColorModel::Rgb => ColorSpace::RGB,
        ColorModel::Cmyk => ColorSpace::CMYK,
        ColorModel::Ycck => ColorSpace::YCCK,
    };
    let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    let pixels = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    let channels = pixels.len() / (width * height);
    (0..channels)
        .map(|channel| Plane {
            width,
            height,
            pixels: pixels.iter().skip(channel).step_by(channels).copied().collect(),
        })
        .collect()
}

/// The colours of a file at its full size, as zune-jpeg decodes them.
pub(crate) fn full_size_rgb(file: &[u8]) -> Vec<u8> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    JpegDecoder::new_with_options(ZCursor::new(file), options).decode().unwrap()
}

/// What a program of libjpeg-turbo makes of its standard input. Where it is not installed, `None`, said in every run.
pub(crate) fn turbo(program: &str, arguments: &[&str], input: &[u8]) -> Option<Output> {
    static MISSING: Once = Once::new();
    let command = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = command else {
        MISSING.call_once(|| {
            loudly("scaled-jpeg: no cjpeg, djpeg and jpegtran here: not compared with libjpeg-turbo")
        });
        return None;
    };
    let mut pipe = child.stdin.take()?;
    std::thread::scope(|scope| {
        // A program that gives up does not read to the end.
        scope.spawn(move || drop(pipe.write_all(input)));
        child.wait_with_output().ok()
    })
}

/// The file that `cjpeg` makes of the photo.
pub(crate) fn cjpeg(arguments: &[&str], width: usize, height: usize) -> Option<Vec<u8>> {
    let mut input = format!("P6\n{width} {height}\n255\n").into_bytes();
    input.extend(crate::files::photo(width, height, 3));
    let output = turbo("cjpeg", arguments, &input)?;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// What `djpeg` decodes: the pixels behind the header of a PGM or PPM file, and its size.
pub(crate) fn djpeg(arguments: &[&str], file: &[u8]) -> Option<(usize, usize, Vec<u8>)> {
    let output = turbo("djpeg", arguments, file)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut fields = output.stdout.splitn(4, |byte| byte.is_ascii_whitespace());
    let mut number = || fields.next().and_then(|field| std::str::from_utf8(field).ok()?.parse().ok());
    let (_magic, width, height) = (number().unwrap_or(0), number()?, number()?);
    let rest = fields.next()?;
    let start = rest.iter().position(|&byte| byte == b'\n')? + 1;
    Some((width, height, rest[start..].to_vec()))
}

/// A line that the test harness does not hold back, as it does what a passing test prints.
fn loudly(line: &str) {
    // A closed stderr is no reason to fail.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
