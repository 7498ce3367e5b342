//! How near a thumbnail is to what it ought to be.
//!
//! What it ought to be is the centred square of the whole image, resampled in floating point with a Lanczos kernel of
//! three lobes, stretched by the reduction. Nothing here is shared with the product but zune-jpeg, which decodes the
//! whole source and every contestant's output.
//!
//! How near is the structural similarity of luma (Wang et al. 2004): a Gaussian window of 11 x 11 px with a standard
//! deviation of 1.5 px, at every place where it fits, K1 = 0.01, K2 = 0.03; 1 is identity.

use std::f64::consts::PI;
use std::fs;
use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::{Outcome, during};

/// Luma, 0 to 255.
#[derive(Clone, Debug)]
pub(crate) struct Luma {
    width: usize,
    height: usize,
    levels: Vec<f64>,
}

impl Luma {
    /// The luma of a whole JPEG.
    pub(crate) fn read(file: &Path) -> Outcome<Self> {
        let name = file.display().to_string();
        let bytes = during(&name, fs::read(file))?;
        let options = DecoderOptions::new_fast()
            .set_max_width(1 << 15)
            .set_max_height(1 << 15)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        let rgb = during(&name, decoder.decode())?;
        let (width, height) = decoder.dimensions().ok_or("no dimensions")?;
        let level =
            |rgb: &[u8]| 0.299 * f64::from(rgb[0]) + 0.587 * f64::from(rgb[1]) + 0.114 * f64::from(rgb[2]);
        Ok(Luma { width, height, levels: rgb.chunks_exact(3).map(level).collect() })
    }

    /// The centred square, `side` pixels a side.
    pub(crate) fn square(&self, side: usize) -> Self {
        let short = self.width.min(self.height) as f64;
        let columns = weights(side, short, (self.width as f64 - short) / 2.0, self.width);
        let rows = weights(side, short, (self.height as f64 - short) / 2.0, self.height);
        let mut narrow = vec![0.0; side * self.height];
        for (y, line) in self.levels.chunks_exact(self.width).enumerate() {
            for (x, (from, weights)) in columns.iter().enumerate() {
                narrow[y * side + x] =
                    line[*from..].iter().zip(weights).map(|(level, weight)| level * weight).sum();
            }
        }
        let mut levels = vec![0.0; side * side];
        for (y, (from, weights)) in rows.iter().enumerate() {
            for (row, weight) in weights.iter().enumerate() {
                let line = &narrow[(from + row) * side..][..side];
                for (level, from) in levels[y * side..][..side].iter_mut().zip(line) {
                    *level += from * weight;
                }
            }
        }
        Luma { width: side, height: side, levels }
    }

    /// The structural similarity to an image of the same size.
    pub(crate) fn similarity(&self, other: &Luma) -> Outcome<f64> {
        if (self.width, self.height) != (other.width, other.height) {
            return Err(format!("{} x {} px beside {}", other.width, other.height, self.width));
        }
        let window: Vec<f64> = (-5..=5).map(|at| (-f64::from(at * at) / (2.0 * 1.5 * 1.5)).exp()).collect();
        let whole: f64 = window.iter().sum();
        let window: Vec<f64> = window.iter().map(|weight| weight / whole).collect();
        let blurred = |level: &dyn Fn(usize) -> f64| self.blurred(&window, level);
        let (a, b) = (&self.levels, &other.levels);
        let (mean_a, mean_b) = (blurred(&|at| a[at]), blurred(&|at| b[at]));
        let (square_a, square_b) = (blurred(&|at| a[at] * a[at]), blurred(&|at| b[at] * b[at]));
        let product = blurred(&|at| a[at] * b[at]);
        let (c1, c2) = ((0.01_f64 * 255.0).powi(2), (0.03_f64 * 255.0).powi(2));
        let places = (0..mean_a.len()).map(|at| {
            let (ma, mb) = (mean_a[at], mean_b[at]);
            let (va, vb, both) = (square_a[at] - ma * ma, square_b[at] - mb * mb, product[at] - ma * mb);
            (2.0 * ma * mb + c1) * (2.0 * both + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
        });
        Ok(places.sum::<f64>() / mean_a.len() as f64)
    }

    /// Weighted means of what `level` says of each pixel, where the window fits.
    fn blurred(&self, window: &[f64], level: &dyn Fn(usize) -> f64) -> Vec<f64> {
        let (width, height) = (self.width + 1 - window.len(), self.height + 1 - window.len());
        let mut across = Vec::with_capacity(width * self.height);
        for y in 0..self.height {
            for x in 0..width {
                across.push(
                    window.iter().zip(0..).map(|(w, i)| w * level(y * self.width + x + i)).sum::<f64>(),
                );
            }
        }
        let down = |at: usize| window.iter().zip(0..).map(|(w, i)| w * across[at + i * width]).sum();
        (0..width * height).map(down).collect()
    }
}

/// For each of `side` pixels the first pixel of the source that it is made of, and the weights from there on. The
/// `length` pixels from `from` on are what is shown; pixels beyond them count where there are any.
fn weights(side: usize, length: f64, from: f64, available: usize) -> Vec<(usize, Vec<f64>)> {
    let scale = (length / side as f64).max(1.0);
    let step = length / side as f64;
    let of = |at: usize| {
        let centre = from + (at as f64 + 0.5) * step;
        let first = (centre - 3.0 * scale).floor().max(0.0) as usize;
        let last = ((centre + 3.0 * scale).ceil() as usize).min(available);
        let raw: Vec<f64> =
            (first..last).map(|pixel| lanczos((pixel as f64 + 0.5 - centre) / scale)).collect();
        let sum: f64 = raw.iter().sum();
        (first, raw.into_iter().map(|weight| weight / sum).collect())
    };
    (0..side).map(of).collect()
}

fn lanczos(x: f64) -> f64 {
    match x.abs() {
        near if near < 1e-9 => 1.0,
        far if far >= 3.0 => 0.0,
        x => 3.0 * (PI * x).sin() * (PI * x / 3.0).sin() / (PI * PI * x * x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn made(width: usize, height: usize, level: impl Fn(usize, usize) -> f64) -> Luma {
        let levels = (0..width * height).map(|at| level(at % width, at / width)).collect();
        Luma { width, height, levels }
    }

    fn waves(x: usize, y: usize) -> f64 {
        128.0 + 60.0 * (x as f64 / 9.0).sin() + 50.0 * (y as f64 / 7.0).cos()
    }

    #[test]
    fn an_image_is_like_itself_less_like_its_noise_and_unlike_its_negative() {
        let image = made(60, 40, waves);
        assert!((image.similarity(&image).unwrap() - 1.0).abs() < 1e-12);
        let mut random = Random::new(1);
        let noises: Vec<f64> = (0..60 * 40).map(|_| random.unit() - 0.5).collect();
        let noisy = |strength: f64| made(60, 40, |x, y| waves(x, y) + strength * noises[y * 60 + x]);
        let [little, much] = [10.0, 60.0].map(|strength| image.similarity(&noisy(strength)).unwrap());
        assert!(0.9 < little && little < 1.0 && much < little - 0.05, "{little} {much}");
        let negative = made(60, 40, |x, y| 255.0 - waves(x, y));
        assert!(image.similarity(&negative).unwrap() < 0.0);
        assert!(image.similarity(&made(40, 60, waves)).is_err());
    }

    /// With one level each, only the means count, and the value is that of the paper's first factor.
    #[test]
    fn two_plain_images_differ_by_their_means() {
        let plain = |level: f64| made(20, 20, |_, _| level);
        let found = plain(100.0).similarity(&plain(120.0)).unwrap();
        let c1 = 6.5025;
        let expected = (2.0 * 100.0 * 120.0 + c1) / (100.0 * 100.0 + 120.0 * 120.0 + c1);
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn a_square_is_the_middle_and_keeps_slopes() {
        let slope = made(200, 100, |x, _| x as f64);
        let square = slope.square(20);
        assert_eq!((square.width, square.height), (20, 20));
        for (at, level) in square.levels.iter().enumerate() {
            // The middle of five pixels, from the fiftieth on.
            let expected = 50.0 + (at % 20) as f64 * 5.0 + 2.0;
            assert!((level - expected).abs() < 0.05, "{at}: {level} {expected}");
        }
    }
}
