//! The table of hostile images: what each is refused with, and that nothing panics, hangs or slips through.

use std::time::{Duration, Instant};

use storage_core::error::ErrorKind::{self, EmptyFile, ImageTooLarge, InvalidImage, UnsupportedMediaType};

use super::fixtures::*;
use super::{corpus, process, refusal};

/// A file with its id, and the expected refusal; `None` where it is accepted.
type Case = (&'static str, Vec<u8>, Option<ErrorKind>);

fn run(cases: Vec<Case>) {
    for (id, source, expected) in cases {
        let started = Instant::now();
        assert_eq!(refusal(&source), expected, "{id}");
        assert!(started.elapsed() < Duration::from_secs(4), "{id}: {:?}", started.elapsed());
    }
}

/// Asserts that the walk over the structure refuses, so that no decoder ever sees the file.
fn assert_refused_undecoded(source: &[u8]) {
    let format = crate::sniff::sniff(source).unwrap();
    assert_eq!(crate::container::strip(format, source).unwrap_err().kind(), InvalidImage);
}

fn photo() -> Vec<u8> {
    jpeg(&scene(160, 120))
}

fn patched(mut file: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
    file[at] = byte;
    file
}

#[test]
fn not_an_image() {
    run(vec![
        ("I01", Vec::new(), Some(EmptyFile)),
        ("I02", vec![0xff], Some(UnsupportedMediaType)),
        (
            "I24",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec(),
            Some(UnsupportedMediaType),
        ),
        ("I26", b"<!DOCTYPE html><html></html>".to_vec(), Some(UnsupportedMediaType)),
        ("I30", b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0".to_vec(), Some(UnsupportedMediaType)),
        ("I27", b"GIF89a=1;alert(1)//".to_vec(), Some(InvalidImage)),
        ("headers only", b"\xff\xd8\xff".to_vec(), Some(InvalidImage)),
        ("a WebP of nothing", b"RIFF\x04\0\0\0WEBP".to_vec(), Some(InvalidImage)),
    ]);
}

#[test]
fn cut_files() {
    run(vec![
        ("I03", photo()[..20].to_vec(), Some(InvalidImage)),
        ("I04", photo()[..photo().len() / 2].to_vec(), Some(InvalidImage)),
        ("I05", png(&scene(160, 120))[..60].to_vec(), Some(InvalidImage)),
    ]);
    let progressive = jpeg_with(&scene(160, 120), |encoder| encoder.set_progressive(true));
    let files =
        [photo(), progressive, png(&scene(160, 120)), webp(&scene(160, 120)), gif(&scene(160, 120), 2)];
    for file in &files {
        for part in 0..40 {
            let length = 13 + (file.len() - 14) * part / 39;
            assert_eq!(
                refusal(&file[..length]),
                Some(InvalidImage),
                "{length} of {}: {:?}",
                file.len(),
                &file[..3]
            );
        }
    }
}

#[test]
fn too_large_by_header() {
    let started = Instant::now();
    let lossless = |width: u32, height: u32| {
        let header = (width - 1) | (height - 1) << 14;
        let data = [&[0x2f], header.to_le_bytes().as_slice(), &[0; 4]].concat();
        riff(&[(b"VP8L", data)])
    };
    let screen = |width: u16, height: u16| {
        let mut file = gif(&scene(4, 4), 1);
        file[6..8].copy_from_slice(&width.to_le_bytes());
        file[8..10].copy_from_slice(&height.to_le_bytes());
        file
    };
    run(vec![
        ("I06", claiming(photo(), 64_250, 64_250), Some(ImageTooLarge)),
        ("I07", claiming(photo(), 20_000, 20_000), Some(ImageTooLarge)),
        ("I09", png_claiming(30_000, 30_000, 1, 0), Some(ImageTooLarge)),
        ("I10", png_claiming(2_147_483_647, 2_147_483_647, 8, 2), Some(ImageTooLarge)),
        ("I12", png_claiming(6_300, 6_300, 16, 6), Some(ImageTooLarge)),
        ("I12 in 8 bits passes the budgets", png_claiming(6_300, 6_300, 8, 6), Some(InvalidImage)),
        ("I20", screen(65_535, 65_535), Some(ImageTooLarge)),
        ("I22", lossless(16_383, 16_383), Some(ImageTooLarge)),
        ("I39", claiming(photo(), 1, 20_000), Some(ImageTooLarge)),
        ("I39", claiming(photo(), 20_000, 1), Some(ImageTooLarge)),
        ("I08", claiming(photo(), 160, 0), Some(InvalidImage)),
        ("width 0", claiming(photo(), 0, 120), Some(InvalidImage)),
        ("I11", png_claiming(0, 30, 8, 2), Some(InvalidImage)),
        ("I11", png_claiming(30, 0, 8, 2), Some(InvalidImage)),
        ("a screen without width", screen(0, 4), Some(InvalidImage)),
        ("a frame beyond the screen", screen(3, 4), Some(InvalidImage)),
    ]);
    println!("{:?}", started.elapsed());
}

/// The image inside must be as large as the outside says: the budgets saw the outside only.
#[test]
fn a_small_canvas_does_not_smuggle_a_large_image() {
    let large = webp(&scene(200, 200));
    let frame = |data: Vec<u8>| {
        [[0; 6].as_slice(), &vp8x(0, 9, 9)[4..], &[0; 4], &riff_chunks(&[(b"VP8L", data)])].concat()
    };
    let mut vp8 = bitstream(&LOSSY_WEBP);
    vp8[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let canvases = [
        riff(&[(b"VP8X", vp8x(0, 9, 9)), (b"VP8L", bitstream(&large))]),
        riff(&[(b"VP8X", vp8x(0, 2, 2)), (b"VP8 ", vp8)]),
        riff(&[(b"VP8X", vp8x(2, 9, 9)), (b"ANIM", vec![0; 6]), (b"ANMF", frame(bitstream(&large)))]),
    ];
    for canvas in &canvases {
        assert_eq!(refusal(canvas), Some(InvalidImage));
        assert_refused_undecoded(canvas);
    }
    let frame = find_marker(&photo(), 0xc0);
    let two_frames = with_segments(&photo(), &[(0xc0, photo()[frame + 4..frame + 19].to_vec())]);
    assert_refused_undecoded(&two_frames);
}

#[test]
fn broken_or_unsupported_codings() {
    let frame = find_marker(&photo(), 0xc0);
    let progressive = jpeg_with(&scene(160, 120), |encoder| encoder.set_progressive(true));
    let scan = find_marker(&progressive, 0xda);
    let empty_scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0].repeat(300);
    let scans = [&progressive[..scan], &empty_scan, &progressive[scan..]].concat();
    assert_refused_undecoded(&scans);
    let image = png(&scene(160, 120));
    let idat = image.windows(4).position(|kind| kind == b"IDAT").unwrap();
    let length = u32::from_be_bytes(image[idat - 4..idat].try_into().unwrap()) as usize;
    let data = image[idat + 4..idat + 4 + length].to_vec();
    let rebuilt = |data: &[u8]| png_of(&[(b"IHDR", &image[16..29]), (b"IDAT", data), (b"IEND", &[])]);
    let wrong_adler = patched(data.clone(), data.len() - 1, !data[data.len() - 1]);
    run(vec![
        ("as it is", rebuilt(&data), None),
        (
            "I40 CRC of the pixels",
            patched(image.clone(), idat + 4 + length, !image[idat + 4 + length]),
            Some(InvalidImage),
        ),
        ("I40 CRC of the header", patched(image.clone(), 29, !image[29]), Some(InvalidImage)),
        ("I40 Adler", rebuilt(&wrong_adler), Some(InvalidImage)),
        ("without pixels", png_of(&[(b"IHDR", &image[16..29]), (b"IEND", &[])]), Some(InvalidImage)),
        ("unknown critical chunk", with_chunks(&image, &[(b"CrIT", &[])]), Some(InvalidImage)),
        ("two headers", with_chunks(&image, &[(b"IHDR", &image[16..29])]), Some(InvalidImage)),
        ("I40 12 bits", patched(photo(), frame + 4, 12), Some(InvalidImage)),
        ("I40 arithmetic", patched(photo(), frame + 1, 0xc9), Some(InvalidImage)),
        ("I40 lossless", patched(photo(), frame + 1, 0xc3), Some(InvalidImage)),
        ("two components", patched(photo(), frame + 9, 2), Some(InvalidImage)),
        ("I19", claiming(scans, 6_000, 6_000), Some(InvalidImage)),
        ("I17 xs7", patched(image.clone(), 6, b' '), Some(InvalidImage)),
        ("I28", with_segments(&photo(), &[(0xfe, b"<script>alert(1)</script>".to_vec())]), None),
    ]);
}

/// I14 and I16: what is dropped or ignored may be as large as it likes.
#[test]
fn bombs_beside_the_pixels_cost_nothing() {
    let image = png(&scene(160, 120));
    let text = [b"Comment\0\0".as_slice(), &zlib_bomb(200_000_000)].concat();
    let source = with_chunks(&image, &[(b"zTXt", &text)]);
    let processed = process(&source).unwrap();
    assert_eq!(processed.original, image);

    let header = [&[0, 0, 0, 64, 0, 0, 0, 64, 8, 0][..], &[0, 0, 0]].concat();
    let excess = zlib_bomb(200_000_000);
    let started = Instant::now();
    assert_eq!(refusal(&png_of(&[(b"IHDR", &header), (b"IDAT", &excess), (b"IEND", &[])])), None, "I16");
    println!("I16: {:?}", started.elapsed());
}

/// I41 to I44 in small: no mutation of a good file panics or is slow.
#[test]
fn mutations_are_refused_or_accepted_but_never_worse() {
    let shown = scene(48, 40);
    let small = gif(&shown, 2);
    let progressive = jpeg_with(&shown, |encoder| encoder.set_progressive(true));
    let exif = with_segments(&jpeg(&shown), &[(0xe1, exif_segment(6))]);
    let extended = riff(&[
        (b"VP8X", vp8x(0x18, 48, 40)),
        (b"VP8L", bitstream(&webp(&translucent_scene(48, 40)))),
        (b"EXIF", tiff(6)),
    ]);
    let chunks = with_chunks(&png(&translucent_scene(48, 40)), &[(b"eXIf", &tiff(6))]);
    let mut state = 7_u32;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let mut accepted = 0;
    for file in [small, progressive, exif, extended, chunks, LOSSY_WEBP.to_vec()] {
        for _ in 0..250 {
            let mut mutated = file.clone();
            for _ in 0..=random(4) {
                let at = random(mutated.len());
                mutated[at] = random(256) as u8;
            }
            let started = Instant::now();
            match process(&mutated) {
                Ok(_) => accepted += 1,
                Err(error) => assert!(
                    matches!(error.kind(), InvalidImage | ImageTooLarge | UnsupportedMediaType),
                    "{error:?}"
                ),
            }
            assert!(started.elapsed() < Duration::from_secs(10));
        }
    }
    assert!(accepted > 0, "some mutations are harmless");
}

#[test]
fn i17_i18_png_suite() {
    let files = corpus("pngsuite");
    let damaged = files.iter().filter(|(name, _)| name.starts_with('x')).count();
    assert!(files.is_empty() || (damaged, files.len()) == (14, 175), "{damaged} of {}", files.len());
    for (name, file) in files {
        assert!(name.ends_with(".png"), "{name}");
        let expected = name.starts_with('x').then_some(InvalidImage);
        assert_eq!(refusal(&file), expected, "{name}");
    }
}

#[test]
fn i44_regressions_of_the_image_crate() {
    for kind in ["bad/bmp", "bad/ico", "bad/tiff", "regression/ico", "regression/tga", "regression/tiff"] {
        for (name, file) in corpus(&format!("image-rs/tests/{kind}")) {
            assert_eq!(refusal(&file), Some(UnsupportedMediaType), "{name}");
        }
    }
    for kind in ["regression/gif", "regression/jpg", "regression/webp", "regression/image"] {
        for (name, file) in corpus(&format!("image-rs/tests/{kind}")) {
            let refusal = refusal(&file);
            assert!(matches!(refusal, None | Some(InvalidImage | ImageTooLarge)), "{name}: {refusal:?}");
        }
    }
}

/// I13: 144 MB of pixels are within the budgets.
#[test]
fn i13_a_large_transparent_png_is_accepted() {
    let header = [&6_000_u32.to_be_bytes()[..], &6_000_u32.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let rows = zlib_bomb(6_000 * 24_001);
    let processed = process(&png_of(&[(b"IHDR", &header), (b"IDAT", &rows), (b"IEND", &[])])).unwrap();
    assert_eq!(processed.variants[2].width, 300);
}

#[test]
fn a_panic_becomes_a_refusal() {
    let result = crate::guarded::<()>(|| panic!("a codec"));
    assert_eq!(result.unwrap_err().kind(), InvalidImage);
}

/// Cameras write them, and every viewer reads over them, whatever the size of the photo.
#[test]
fn bytes_between_a_jpeg_and_its_end_are_read_over() {
    for side in [400, 800] {
        let mut file = jpeg(&scene(side, side));
        let end = file.len() - 2;
        file.splice(end..end, [0; 18]);
        assert_eq!(refusal(&file), None, "{side}");
    }
}
