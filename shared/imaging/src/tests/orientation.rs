//! G46: all eight orientations of one scene give the same thumbnails.

use super::fixtures::*;
use super::{corpus, encoded, largest_difference, mean_difference, pixels_of, process};
use crate::exif::Orientation;
use crate::pixels::Pixels;

/// The files of `scene` in one format, with the orientation that shows it upright again.
fn oriented_files(shown: &Pixels, value: u16) -> [(&'static str, Vec<u8>); 3] {
    let stored = stored_for(shown, Orientation::new(value));
    let (width, height) = (stored.width, stored.height);
    let jpeg = with_segments(
        &jpeg_with(&stored, |encoder| encoder.set_quality(100)),
        &[(0xe1, exif_segment(value))],
    );
    let png = with_chunks(&png(&stored), &[(b"eXIf", &tiff(value))]);
    let webp = riff(&[
        (b"VP8X", vp8x(0x08, width, height)),
        (b"VP8L", bitstream(&webp(&stored))),
        (b"EXIF", tiff(value)),
    ]);
    [("jpeg", jpeg), ("png", png), ("webp", webp)]
}

/// The scene in tiles of 8 by 8 pixels, each of one colour, so that JPEG stores every orientation of it alike.
fn blocks(width: u32, height: u32) -> Pixels {
    let small = scene(width / 8, height / 8);
    let at = |x: u32, y: u32| ((y / 8 * (width / 8) + x / 8) * 3) as usize;
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Pixels {
        width,
        height,
        data: pixels.flat_map(|(x, y)| small.data[at(x, y)..][..3].to_vec()).collect(),
        ..small
    }
}

#[test]
fn g46_eight_orientations_give_the_same_thumbnails() {
    for (width, height) in [(640, 400), (328, 504), (64, 40)] {
        let shown = blocks(width, height);
        let upright = oriented_files(&shown, 1).map(|(_, file)| process(&file).unwrap());
        for value in 1..=8 {
            for ((name, file), expected) in oriented_files(&shown, value).iter().zip(&upright) {
                let processed = process(file).unwrap();
                assert_eq!((processed.info.width, processed.info.height), (width, height), "{name} {value}");
                for (one, other) in processed.variants.iter().zip(&expected.variants) {
                    let difference = largest_difference(&pixels_of(&one.bytes), &pixels_of(&other.bytes));
                    assert!(difference <= 2, "{name} {value} {:?}: differs by {difference}", one.size);
                }
                // Two pixels that JPEG stores a little differently can fall on two sides of a step of WebP.
                for (one, other) in processed.webp.iter().zip(&expected.webp) {
                    let difference = mean_difference(&pixels_of(&one.bytes), &pixels_of(&other.bytes));
                    let most = if *name == "jpeg" { 1.0 } else { 0.0 };
                    assert!(difference <= most, "{name} {value} {:?}: differs by {difference}", one.size);
                }
            }
        }
    }
}

/// Larger ones are decoded at a fraction of their size, from the side that is stored first.
#[test]
fn g46_eight_orientations_of_a_scaled_image_give_the_same_thumbnails() {
    for (width, height) in [(1200, 808), (1104, 816), (2000, 1600)] {
        let shown = scene(width, height);
        let [(_, upright), ..] = oriented_jpegs(&shown, 1);
        let upright = process(&upright).unwrap();
        for value in 2..=8 {
            for (name, file) in oriented_jpegs(&shown, value) {
                for (one, other) in process(&file).unwrap().variants.iter().zip(&upright.variants) {
                    let (one_pixels, other_pixels) = (pixels_of(&one.bytes), pixels_of(&other.bytes));
                    // Each was coded twice, with losses of its own. A shift by half a pixel would be seen everywhere.
                    let difference = largest_difference(&one_pixels, &other_pixels);
                    assert!(difference <= 8, "{name} {value} {:?}: differs by {difference}", one.size);
                    let mean = mean_difference(&one_pixels, &other_pixels);
                    assert!(mean <= 0.5, "{name} {value} {:?}: differs by {mean} in the mean", one.size);
                }
            }
        }
    }
}

fn oriented_jpegs(shown: &Pixels, value: u16) -> [(&'static str, Vec<u8>); 2] {
    let stored = stored_for(shown, Orientation::new(value));
    let file = |progressive: bool| {
        let file = jpeg_with(&stored, |encoder| {
            encoder.set_quality(98);
            encoder.set_progressive(progressive);
        });
        with_segments(&file, &[(0xe1, exif_segment(value))])
    };
    [("baseline", file(false)), ("progressive", file(true))]
}

#[test]
fn g46_each_orientation_means_what_exif_says() {
    // One bright corner: where the standard puts row 0 and column 0 of the stored image.
    let corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (1, 0), (1, 1), (0, 1)];
    for (value, (right, bottom)) in (1..=8).zip(corners) {
        let mut stored = scene(64, 64);
        stored.data.fill(0);
        for y in 0..32 {
            stored.data[y * 192..y * 192 + 96].fill(255);
        }
        let file = with_segments(&jpeg(&stored), &[(0xe1, exif_segment(value))]);
        let large = pixels_of(&process(&file).unwrap().variants[2].bytes);
        let at = |x: usize, y: usize| large.data[((16 + y * 32) * 64 + 16 + x * 32) * 3];
        for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            assert_eq!(at(x, y) > 128, (x, y) == (right, bottom), "orientation {value}, quarter {x} {y}");
        }
    }
}

/// I34, I37: other values mean upright, and XMP is not asked.
#[test]
fn g46_values_outside_one_to_eight_mean_upright() {
    let plain = jpeg(&scene(120, 80));
    let expected = process(&plain).unwrap();
    for value in [0, 9, 99, 256, 65_535] {
        let file = with_segments(&plain, &[(0xe1, exif_segment(value))]);
        let processed = process(&file).unwrap();
        assert!(encoded(&processed).eq(encoded(&expected)), "{value}");
        assert_eq!(processed.original, expected.original, "{value}");
    }
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Orientation=\"6\"/>".to_vec();
    assert_eq!(process(&with_segments(&plain, &[(0xe1, xmp)])).unwrap().variants, expected.variants);
}

#[test]
fn g46_the_recurser_set() {
    let files = corpus("exif-orientation");
    let find =
        |name: &str| files.iter().find(|(file, _)| file == name).map(|(_, bytes)| process(bytes).unwrap());
    for scene in ["Landscape", "Portrait"] {
        let Some(upright) = find(&format!("{scene}_1.jpg")) else { continue };
        for value in 0..=8 {
            let processed = find(&format!("{scene}_{value}.jpg")).unwrap();
            assert_eq!(
                (processed.info.width, processed.info.height),
                (upright.info.width, upright.info.height),
                "{scene} {value}"
            );
            for (one, other) in encoded(&processed).zip(encoded(&upright)) {
                // The set was rotated and encoded again, with a numeral in each picture: the mean tells, not the maximum.
                let mean = mean_difference(&pixels_of(&one.bytes), &pixels_of(&other.bytes));
                assert!(mean < 8.0, "{scene} {value}: {mean}");
            }
        }
    }
}
