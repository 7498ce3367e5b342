//! G48: thumbnails are square, never empty, never too large and never blown up.

use storage_core::ports::{ImageFormat, ImageLimits, ImageProcessor};

use super::fixtures::*;
use super::{corpus, encoded, mean_difference, pixels_of, process};
use crate::Imaging;
use crate::decode::{Part, decode};
use crate::header::Header;
use crate::pixels::{Layout, Pixels};

#[test]
fn g48_sides_are_the_smaller_of_target_and_short_side() {
    let sides = [
        (1, 1),
        (1, 12_000),
        (12_000, 1),
        (2, 3),
        (31, 31),
        (32, 33),
        (149, 151),
        (299, 301),
        (300, 300),
        (301, 4_000),
        (1_001, 777),
    ];
    for (width, height) in sides {
        let pixels = scene(width, height);
        for (name, file) in [("jpeg", jpeg(&pixels)), ("png", png(&pixels)), ("webp", webp(&pixels))] {
            let processed =
                process(&file).unwrap_or_else(|error| panic!("{name} {width}x{height}: {error:?}"));
            assert_eq!((processed.info.width, processed.info.height), (width, height));
            assert_eq!((processed.variants.len(), processed.webp.len()), (3, 3));
            for (variant, target) in encoded(&processed).zip([32, 150, 300, 32, 150, 300]) {
                let side = target.min(width).min(height);
                assert_eq!((variant.width, variant.height), (side, side), "{name} {width}x{height}");
                let decoded = pixels_of(&variant.bytes);
                assert_eq!((decoded.width, decoded.height), (side, side), "{name} {width}x{height}");
            }
            let info = Imaging.inspect(file.into(), &ImageLimits::default()).unwrap();
            assert_eq!((info.width, info.height), (width, height));
            assert!(!info.placeholder.thumbhash.is_empty());
        }
    }
}

#[test]
fn the_crop_is_centred() {
    // Red, green and blue thirds: the centred square of a 3:1 image is green alone.
    for (width, height) in [(900, 300), (300, 900), (90, 30)] {
        let mut pixels = scene(width, height);
        for (index, pixel) in pixels.data.chunks_exact_mut(3).enumerate() {
            let (x, y) = (index as u32 % width, index as u32 / width);
            let third = if width > height { x * 3 / width } else { y * 3 / height };
            pixel.copy_from_slice(&[[255, 0, 0], [0, 255, 0], [0, 0, 255]][third as usize]);
        }
        for variant in process(&png(&pixels)).unwrap().variants {
            let decoded = pixels_of(&variant.bytes);
            assert!(decoded.data.chunks_exact(3).all(|rgb| rgb[0] < 8 && rgb[1] > 245 && rgb[2] < 8));
        }
    }
}

#[test]
fn transparent_pixels_do_not_bleed_and_decide_the_format() {
    // Opaque white beside transparent black: a halo would show as gray.
    let mut pixels = translucent_scene(600, 600);
    for (index, pixel) in pixels.data.chunks_exact_mut(4).enumerate() {
        pixel.copy_from_slice(if index % 600 < 301 { &[255; 4] } else { &[0; 4] });
    }
    let processed = process(&png(&pixels)).unwrap();
    for variant in &processed.variants {
        assert_eq!(variant.format, ImageFormat::Png);
        let decoded = pixels_of(&variant.bytes);
        assert!(decoded.data.chunks_exact(4).all(|rgba| rgba[3] == 0 || rgba[0] > 250));
    }
    assert_eq!(processed.info.placeholder.average_color, "#ffffff");

    let mut opaque = pixels;
    opaque.data.chunks_exact_mut(4).for_each(|rgba| rgba[3] = 255);
    for variant in process(&png(&opaque)).unwrap().variants {
        assert_eq!(variant.format, ImageFormat::Jpeg);
    }
}

#[test]
fn twelve_megapixels_run() {
    let (width, height) = (4_000, 3_000);
    let data: Vec<u8> =
        (0..width * height).flat_map(|i| [(i % width / 16) as u8, (i / width / 12) as u8, 90]).collect();
    let pixels = Pixels { width: width as u32, height: height as u32, layout: Layout::Rgb, data };
    let file = jpeg_with(&pixels, |encoder| encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2));
    let started = std::time::Instant::now();
    let processed = process(&file).unwrap();
    println!("12 MP: {:?}", started.elapsed());
    assert_eq!(processed.variants[2].width, 300);
    let photos = corpus("photos");
    for (name, photo) in photos {
        let started = std::time::Instant::now();
        let sizes: Vec<_> =
            process(&photo).unwrap().variants.iter().map(|variant| variant.bytes.len()).collect();
        println!("{name}: {:?}, {sizes:?} bytes", started.elapsed());
    }
}

/// What the encoder writes is read back as what it was given, at every side that is no multiple of a block.
#[test]
fn encoded_variants_show_what_was_encoded() {
    for side in (1..=40).chain([149, 150, 151, 299, 300]) {
        let flat = Pixels { data: [200, 100, 50].repeat((side * side) as usize), ..scene(side, side) };
        // Colours are stored at half the resolution: a scene on a few pixels has too few of them to compare.
        let pictures = if side < 16 { vec![flat] } else { vec![flat, scene(side, side)] };
        for pixels in pictures {
            for format in [ImageFormat::Jpeg, ImageFormat::Webp] {
                let file = crate::encode::encode(&pixels, format).unwrap();
                let mean = mean_difference(&pixels_of(&file), &pixels);
                assert!(mean < 4.0, "{side} {format:?}: {mean}");
            }
        }
    }
}

/// What lies outside of the square and of the resize's reach is not drawn, and nobody can tell.
#[test]
fn a_square_of_a_part_is_the_square_of_the_whole() {
    for (width, height) in [(2301, 811), (820, 3001), (6001, 1203), (4099, 3107)] {
        let photo = jpeg_with(&scene(width, height), |encoder| {
            encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        });
        let header = Header::read(ImageFormat::Jpeg, &photo).unwrap();
        let [part, whole] = [Part::Square, Part::Whole].map(|part| {
            let decoded = decode(&photo, &header, part, 300).unwrap();
            assert!(decoded.shrink > 1);
            let is_cut = decoded.origin != (0, 0);
            (is_cut, crate::resize::square(decoded, &header, 300, false).unwrap())
        });
        assert_eq!((part.0, whole.0), (true, false), "{width}x{height}");
        assert!(part.1 == whole.1, "{width}x{height}");
    }
}
