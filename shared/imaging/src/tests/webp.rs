//! The WebP beside each JPEG or PNG: as good to look at, smaller, and made of the same pixels.

use storage_core::ports::{AvatarRecipe, ImageFormat, ImageLimits, ImageProcessor};
use storage_testkit::images::inspect::webp_chunks;

use super::fixtures::*;
use super::{corpus, pixels_of, process};
use crate::Imaging;
use crate::encode::encode;
use crate::pixels::{Layout, Pixels};

/// Structural similarity of the luminance: the mean over all windows of 8 by 8 pixels.
fn similarity(one: &Pixels, other: &Pixels) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let luminance = |pixels: &Pixels| -> Vec<f64> {
        let weighed =
            |rgb: &[u8]| 0.299 * f64::from(rgb[0]) + 0.587 * f64::from(rgb[1]) + 0.114 * f64::from(rgb[2]);
        pixels.data.chunks_exact(pixels.layout.channels()).map(weighed).collect()
    };
    let (one_luminance, other_luminance) = (luminance(one), luminance(other));
    let (width, height) = (one.width as usize, one.height as usize);
    let (mut sum, mut windows) = (0.0, 0.0);
    for (top, left) in (0..=height - 8).flat_map(|top| (0..=width - 8).map(move |left| (top, left))) {
        let [mut one, mut other, mut one_squared, mut other_squared, mut product] = [0.0; 5];
        for at in (0..64).map(|place| (top + place / 8) * width + left + place % 8) {
            let (a, b) = (one_luminance[at], other_luminance[at]);
            one += a / 64.0;
            other += b / 64.0;
            one_squared += a * a / 64.0;
            other_squared += b * b / 64.0;
            product += a * b / 64.0;
        }
        let (variances, covariance) =
            (one_squared - one * one + other_squared - other * other, product - one * other);
        let (small, less_small) = (6.5025, 58.5225);
        sum += (2.0 * one * other + small) * (2.0 * covariance + less_small)
            / ((one * one + other * other + small) * (variances + less_small));
        windows += 1.0;
    }
    sum / windows
}

/// Edges, gradients and a little noise, as in a photo. Integers only.
fn picture(side: u32, seed: u32) -> Pixels {
    let mut state = seed;
    let mut data = Vec::new();
    for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 30) as u8;
        let (x, y) = (x * 300 / side, y * 300 / side);
        let inside = (x.abs_diff(140 + seed).pow(2) + y.abs_diff(120).pow(2)) < 70 * 70;
        let base = if inside { [190, 140 + (y / 8) as u8, 120] } else { [40 + (x / 4) as u8, 70, 90] };
        let strand = if (x + y * 2) % 23 < 4 { 20 } else { 0 };
        data.extend(base.map(|sample: u8| sample.saturating_sub(strand) + noise));
    }
    Pixels { width: side, height: side, layout: Layout::Rgb, data }
}

#[test]
fn webp_shows_as_much_as_jpeg_in_fewer_bytes() {
    let mut squares: Vec<_> =
        (1..=3).flat_map(|seed| [300, 150, 32].map(|side| picture(side, seed * 10))).collect();
    for (_, photo) in corpus("photos") {
        let header = crate::header::Header::read(ImageFormat::Jpeg, &photo).unwrap();
        let decoded = crate::decode::decode(&photo, &header, crate::decode::Part::Square, 300).unwrap();
        let square = crate::resize::square(decoded, &header, 300, false).unwrap();
        squares.push(crate::resize::smaller_square(&square, 150).unwrap());
        squares.push(square);
    }
    let ([mut jpeg_total, mut webp_total], [mut jpeg_bytes, mut webp_bytes]) = ([0.0; 2], [0; 2]);
    for square in &squares {
        let files = [ImageFormat::Jpeg, ImageFormat::Webp].map(|format| encode(square, format).unwrap());
        let [jpeg, webp] = files.each_ref().map(|file| similarity(square, &pixels_of(file)));
        println!("{} px: {jpeg:.4} in {}, {webp:.4} in {}", square.width, files[0].len(), files[1].len());
        assert!(webp > jpeg - 0.01, "{} px: {webp} for {jpeg}", square.width);
        assert!(files[1].len() < files[0].len(), "{} px", square.width);
        (jpeg_total, webp_total) = (jpeg_total + jpeg, webp_total + webp);
        (jpeg_bytes, webp_bytes) = (jpeg_bytes + files[0].len(), webp_bytes + files[1].len());
    }
    assert!(webp_total > jpeg_total - 0.002 * squares.len() as f64, "{webp_total} for {jpeg_total}");
    assert!(webp_bytes * 100 < jpeg_bytes * 90, "{webp_bytes} for {jpeg_bytes}");
}

#[test]
fn webp_is_made_where_the_recipe_says_so_and_changes_nothing_else() {
    for source in [jpeg(&scene(400, 300)), png(&translucent_scene(400, 300))] {
        let with = process(&source).unwrap();
        let mut without = Imaging
            .process_avatar(source.into(), &ImageLimits::default(), AvatarRecipe { webp: false })
            .unwrap();
        assert_eq!(without.webp, []);
        without.webp.clone_from(&with.webp);
        assert_eq!(with, without);
        for (webp, base) in with.webp.iter().zip(&with.variants) {
            assert_eq!((webp.size, webp.width, webp.height), (base.size, base.width, base.height));
            assert_eq!(webp.format, ImageFormat::Webp);
            assert_eq!(crate::sniff::sniff(&webp.bytes), Some(ImageFormat::Webp));
        }
    }
}

/// Alpha is exact, and where there is none the file does not speak of it.
#[test]
fn webp_has_the_alpha_of_the_png() {
    let processed = process(&png(&translucent_scene(400, 300))).unwrap();
    for (webp, base) in processed.webp.iter().zip(&processed.variants) {
        assert_eq!(base.format, ImageFormat::Png);
        assert_eq!(webp_chunks(&webp.bytes), ["VP8X", "ALPH", "VP8 "]);
        assert!(webp.bytes.len() < base.bytes.len(), "{:?}", webp.size);
        let (webp, base) = (pixels_of(&webp.bytes), pixels_of(&base.bytes));
        let alphas =
            |pixels: &Pixels| -> Vec<u8> { pixels.data.chunks_exact(4).map(|rgba| rgba[3]).collect() };
        assert_eq!(alphas(&webp), alphas(&base));
    }
    for webp in process(&jpeg(&scene(400, 300))).unwrap().webp {
        assert_eq!(webp_chunks(&webp.bytes), ["VP8 "]);
    }
}

#[test]
fn webp_is_made_of_gray_images_too() {
    let gray = Pixels { layout: Layout::Gray, data: vec![90; 40 * 30], ..scene(40, 30) };
    for webp in process(&jpeg(&gray)).unwrap().webp {
        let shown = pixels_of(&webp.bytes);
        assert!(shown.data.iter().all(|sample| sample.abs_diff(90) <= 2), "{:?}", &shown.data[..3]);
    }
}
