//! Colours of wide profiles arrive in sRGB; every kind of source pixel arrives at all.

use jpeg_encoder::{ColorType, SamplingFactor};
use storage_core::ports::ImageFormat;

use super::fixtures::*;
use super::{largest_difference, pixels_of, process, strip};
use crate::container::MAX_ICC_BYTES;
use crate::pixels::Pixels;

/// The first pixel of the large variant.
fn first_pixel(file: &[u8]) -> [u8; 3] {
    pixels_of(&process(file).unwrap().variants[2].bytes).data[..3].try_into().unwrap()
}

#[test]
fn display_p3_sources_become_srgb_in_every_format() {
    let mut pixels = scene(64, 64);
    pixels.data.chunks_exact_mut(3).for_each(|rgb| rgb.copy_from_slice(&[200, 100, 50]));
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let segment = [b"ICC_PROFILE\0\x01\x01".as_slice(), &p3].concat();
    let chunk = [b"Display P3\0\0".as_slice(), &zlib(&p3)].concat();
    let chunks = [(b"VP8X", vp8x(0x20, 64, 64)), (b"ICCP", p3.clone()), (b"VP8L", bitstream(&webp(&pixels)))];
    let tagged = [
        with_segments(&jpeg(&pixels), &[(0xe2, segment.clone())]),
        with_chunks(&png(&pixels), &[(b"iCCP", &chunk)]),
        riff(&chunks),
    ];
    let plain = [jpeg(&pixels), png(&pixels), webp(&pixels)];
    for (tagged, plain) in tagged.iter().zip(&plain) {
        let (tagged, plain) = (first_pixel(tagged), first_pixel(plain));
        assert!(plain[0].abs_diff(200) <= 3 && plain[2].abs_diff(50) <= 3, "{plain:?}");
        assert!(tagged[0] > plain[0] + 5 && tagged[2] < plain[2] - 5, "{tagged:?} from {plain:?}");
    }

    // A profile for CMYK cannot apply to pixels that were decoded to RGB.
    let mut foreign = segment;
    foreign[14 + 16..14 + 20].copy_from_slice(b"CMYK");
    let ignored = process(&with_segments(&plain[0], &[(0xe2, foreign)])).unwrap();
    assert_eq!(ignored.variants, process(&plain[0]).unwrap().variants);
}

#[test]
fn i15_profiles_over_64_kb_are_dropped_without_inflating_them() {
    let plain = png(&scene(64, 64));
    let started = std::time::Instant::now();
    for length in [MAX_ICC_BYTES as u64 + 1, 200_000_000] {
        let bomb = [b"bomb\0\0".as_slice(), &zlib_bomb(length)].concat();
        let source = with_chunks(&plain, &[(b"iCCP", &bomb)]);
        let stripped = strip(&source);
        assert_eq!((stripped.icc, stripped.bytes), (None, plain.clone()));
        assert_eq!(process(&source).unwrap().original, plain);
    }
    let kept = [b"kept\0\0".as_slice(), &zlib_bomb(MAX_ICC_BYTES as u64)].concat();
    assert_eq!(strip(&with_chunks(&plain, &[(b"iCCP", &kept)])).icc.unwrap().len(), MAX_ICC_BYTES);
    println!("{:?}", started.elapsed());
}

/// Every sampling, coding mode and colour model that is accepted decodes to the scene it was made from.
#[test]
fn every_kind_of_jpeg_decodes_to_its_scene() {
    let shown = scene(211, 97);
    let expected = pixels_of(&png(&shown));
    let gray: Vec<u8> = shown.data.chunks_exact(3).map(|rgb| rgb[1]).collect();
    let cmyk: Vec<u8> =
        shown.data.chunks_exact(3).flat_map(|rgb| [255 - rgb[0], 255 - rgb[1], 255 - rgb[2], 0]).collect();
    for sampling in [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
        SamplingFactor::F_4_2,
        SamplingFactor::F_1_4,
        SamplingFactor::F_2_4,
    ] {
        for progressive in [false, true] {
            for restart in [0, 7] {
                let file = jpeg_with(&shown, |encoder| {
                    encoder.set_sampling_factor(sampling);
                    encoder.set_progressive(progressive);
                    encoder.set_restart_interval(restart);
                    // The encoder's statistics forget restarts.
                    encoder.set_optimized_huffman_tables(restart == 0);
                });
                let what = format!("{sampling:?} progressive {progressive} restart {restart}");
                process(&file).unwrap_or_else(|error| panic!("{what}: {error:?}"));
                let difference = largest_difference(&pixels_of(&file), &expected);
                assert!(difference < 40, "{what}: {difference}");
            }
        }
    }
    // One scan of a few bytes for each channel.
    let flat = Pixels { data: [200, 100, 50].repeat(64 * 64), ..scene(64, 64) };
    let file = jpeg_with(&flat, |encoder| encoder.set_optimized_huffman_tables(true));
    assert!(largest_difference(&pixels_of(&file), &flat) < 6);

    let file = jpeg_of(&gray, 211, 97, ColorType::Luma, |_| {});
    let expected_gray: Vec<u8> = gray.iter().flat_map(|sample| [*sample; 3]).collect();
    let decoded = pixels_of(&file);
    assert!(decoded.data.iter().zip(&expected_gray).all(|(a, b)| a.abs_diff(*b) < 10));
    for colours in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let file = jpeg_of(&cmyk, 211, 97, colours, |_| {});
        process(&file).unwrap_or_else(|error| panic!("{colours:?}: {error:?}"));
        let difference = largest_difference(&pixels_of(&file), &expected);
        assert!(difference < 40, "{colours:?}: {difference}");
    }
    // Adobe's mark that three components are red, green and blue.
    let mut adobe = jpeg_of(&shown.data, 211, 97, ColorType::Ycbcr, |_| {});
    adobe = with_segments(&adobe, &[(0xee, b"Adobe\0d\0\0\0\0\0".to_vec())]);
    assert!(largest_difference(&pixels_of(&strip(&adobe).bytes), &expected) < 10);
}

/// I18, I38: depths, palettes and transparency of PNG.
#[test]
fn every_kind_of_png_is_accepted() {
    for (colour, depths) in
        [(0, &[1, 2, 4, 8, 16][..]), (2, &[8, 16]), (3, &[1, 2, 4, 8]), (4, &[8, 16]), (6, &[8, 16])]
    {
        for depth in depths {
            let channels = [1, 0, 3, 1, 2, 0, 4][colour as usize];
            let row = (40_usize * channels * *depth as usize).div_ceil(8);
            let rows: Vec<u8> = (0..30).flat_map(|y| [vec![0], vec![y * 5; row]].concat()).collect();
            let header = [&[0, 0, 0, 40, 0, 0, 0, 30, *depth, colour][..], &[0, 0, 0]].concat();
            let palette: Vec<u8> = (0..(1 << (*depth).min(8)) * 3).map(|index: u32| index as u8).collect();
            let rows = zlib(&rows);
            let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"IHDR", &header)];
            if colour == 3 {
                chunks.push((b"PLTE", &palette));
                chunks.push((b"tRNS", &[0, 128]));
            }
            chunks.extend([(b"IDAT", rows.as_slice()), (b"IEND", [].as_slice())]);
            let processed =
                process(&png_of(&chunks)).unwrap_or_else(|error| panic!("{colour} {depth}: {error:?}"));
            assert_eq!(processed.variants[2].width, 30);
        }
    }
}

#[test]
fn i21_i23_animations_are_their_first_frame() {
    let shown = scene(90, 60);
    let still = process(&gif(&shown, 1)).unwrap();
    let started = std::time::Instant::now();
    assert_eq!(process(&gif(&shown, 2_000)).unwrap().variants, still.variants);
    println!("2,000 frames: {:?}", started.elapsed());

    let frame = [
        [0; 6].as_slice(),
        &vp8x(0, 90, 60)[4..],
        &[100, 0, 0, 0],
        &riff_chunks(&[(b"VP8L", bitstream(&webp(&shown)))]),
    ]
    .concat();
    let animated = riff(&[
        (b"VP8X", vp8x(0x02, 90, 60)),
        (b"ANIM", vec![0; 6]),
        (b"ANMF", frame.clone()),
        (b"ANMF", frame),
    ]);
    let (first, still) = (process(&animated).unwrap(), process(&webp(&shown)).unwrap());
    // Composing a frame rounds.
    let large = [first, still].map(|processed| pixels_of(&processed.variants[2].bytes));
    assert!(largest_difference(&large[0], &large[1]) <= 4);

    let control = [0, 0, 0, 1, 0, 0, 0, 0];
    let animated = with_chunks(&png(&shown), &[(b"acTL", &control)]);
    assert_eq!(process(&animated).unwrap().variants, process(&png(&shown)).unwrap().variants);
}

/// A frame smaller than the screen is composed at its place, with transparency around it.
#[test]
fn gif_frames_lie_where_they_say() {
    let mut file = Vec::new();
    let mut encoder = ::gif::Encoder::new(&mut file, 60, 40, &[255, 0, 0]).unwrap();
    let frame = ::gif::Frame {
        left: 30,
        top: 20,
        width: 30,
        height: 20,
        buffer: vec![0; 600].into(),
        ..::gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    let decoded = pixels_of(&file);
    for (index, rgba) in decoded.data.chunks_exact(4).enumerate() {
        let inside = index % 60 >= 30 && index / 60 >= 20;
        assert_eq!(rgba, if inside { [255, 0, 0, 255] } else { [0; 4] });
    }
    assert_eq!(process(&file).unwrap().variants[0].format, ImageFormat::Png);
}

#[test]
fn lossy_webp_decodes() {
    let decoded = pixels_of(&LOSSY_WEBP);
    assert!(
        decoded.data.chunks_exact(3).all(|rgb| rgb[0] > 240 && rgb[1] < 20 && rgb[2] < 20),
        "{decoded:?}"
    );
    assert_eq!(process(&LOSSY_WEBP).unwrap().info.format, ImageFormat::Webp);
    // An alpha flag without alpha is common, and harmless.
    let extended = riff(&[(b"VP8X", vp8x(0x10, 2, 2)), (b"VP8 ", bitstream(&LOSSY_WEBP))]);
    assert_eq!(process(&extended).unwrap().variants[0].format, ImageFormat::Jpeg);
}
