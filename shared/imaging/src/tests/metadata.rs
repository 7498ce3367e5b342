//! G44: nothing but the image leaves. A canary is planted wherever a format can hide bytes.

use storage_testkit::images::inspect::{contains, excess, png_chunks};

use super::fixtures::*;
use super::{encoded, pixels_of, process, strip};
use crate::container::MAX_ICC_BYTES;

const CANARY: &[u8] = b"CANARY-4711";

fn canary() -> Vec<u8> {
    [CANARY, b" <script>alert(1)</script>"].concat()
}

fn assert_clean(source: &[u8], what: &str) {
    assert!(contains(source, CANARY) || what.contains("compressed"), "{what}: the test plants its canary");
    let processed = process(source).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert!(!contains(&processed.original, CANARY), "{what}: the original");
    assert!(!contains(&processed.original, b"<script"), "{what}: the original");
    assert_eq!(pixels_of(&processed.original), pixels_of(&strip(source).bytes), "{what}: same pixels");
    for variant in encoded(&processed) {
        assert!(!contains(&variant.bytes, CANARY), "{what}: {:?}", variant.size);
        assert_eq!(excess(&variant.bytes), None, "{what}: {:?}", variant.size);
    }
}

#[test]
fn g44_jpeg_segments() {
    let plain = jpeg(&scene(90, 60));
    let prefixed = |prefix: &[u8]| [prefix, &canary()].concat();
    let gps = [tiff(6), canary()].concat();
    let mut segments = vec![
        (0xe1, prefixed(&[b"Exif\0\0".as_slice(), &gps].concat())),
        (0xe1, prefixed(b"http://ns.adobe.com/xap/1.0/\0")),
        (0xe1, prefixed(b"http://ns.adobe.com/xmp/extension/\0")),
        (0xe2, prefixed(b"MPF\0")),
        (0xe2, prefixed(b"FPXR\0")),
        (0xed, prefixed(b"Photoshop 3.0\x008BIM")),
        (0xee, prefixed(b"Adobe\0d\0\0\0\0\x01")),
        (0xfe, canary()),
        (0xe0, prefixed(b"JFXX\0\x10")),
        // JFIF's own thumbnail: 3 by 4 pixels of 3 bytes.
        (0xe0, [b"JFIF\0\x01\x01\0\0\x01\0\x01\x03\x04".as_slice(), &canary()[..36]].concat()),
    ];
    for marker in 0xe3..=0xef {
        segments.push((marker, canary()));
    }
    for segment in &segments {
        let source = with_segments(&plain, std::slice::from_ref(segment));
        assert_clean(&source, &format!("marker {:x}, {:?}", segment.0, &segment.1[..5]));
    }
    assert_clean(&with_segments(&plain, &segments), "all segments");
    assert_clean(&[plain.as_slice(), &canary()].concat(), "after the end");
    assert_clean(&[plain.as_slice(), b"PK\x03\x04", &canary()].concat(), "an archive after the end");

    let mut between = plain[..2].to_vec();
    between.extend(canary());
    between.extend_from_slice(&plain[2..]);
    // The third byte must be a marker, or it is no JPEG.
    let between = [&plain[..2], &[0xff, 0xfe, 0, 2], &between[2..]].concat();
    assert_clean(&between, "between segments");

    let progressive = jpeg_with(&scene(90, 60), |encoder| encoder.set_progressive(true));
    let scan = progressive.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let comment = [&[0xff, 0xfe, 0, canary().len() as u8 + 2], canary().as_slice()].concat();
    let between_scans = [&progressive[..scan], &comment, &progressive[scan..]].concat();
    assert_clean(&between_scans, "between scans");
}

#[test]
fn g44_png_chunks() {
    for pixels in [scene(90, 60), translucent_scene(90, 60)] {
        let plain = png(&pixels);
        let text = [b"Comment\0".as_slice(), &canary()].concat();
        let compressed = [b"Comment\0\0".as_slice(), &zlib(&canary())].concat();
        let international = [b"XML:com.adobe.xmp\0\0\0\0\0".as_slice(), &canary()].concat();
        let exif = [tiff(3), canary()].concat();
        let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
        let named = [canary().as_slice(), b"\0\0", &zlib(&profile)].concat();
        let followed = [b"icc\0\0".as_slice(), &zlib(&profile), &canary()].concat();
        let kinds: [(&[u8; 4], &[u8]); 12] = [
            (b"tEXt", &text),
            (b"zTXt", &compressed),
            (b"iTXt", &international),
            (b"eXIf", &exif),
            (b"tIME", &[7; 7]),
            (b"gAMA", &text),
            (b"sBIT", &text),
            (b"bKGD", &text),
            (b"iCCP", &named),
            (b"iCCP", &followed),
            (b"fcTL", &text),
            (b"prVt", &text),
        ];
        for (kind, data) in kinds {
            let name = String::from_utf8_lossy(kind);
            let what = if contains(data, CANARY) { name.into_owned() } else { format!("{name}, compressed") };
            assert_clean(&with_chunks(&plain, &[(kind, data)]), &what);
        }
        assert_clean(&with_chunks(&plain, &kinds), "all chunks");
        assert_clean(&[plain.as_slice(), b"<?php ", &canary()].concat(), "after the end");
        let kept = process(&with_chunks(&plain, &kinds)).unwrap().original;
        assert_eq!(png_chunks(&kept), ["IHDR", "eXIf", "iCCP", "IDAT", "IEND"]);
    }
}

#[test]
fn g44_webp_chunks() {
    for pixels in [scene(90, 60), translucent_scene(90, 60)] {
        let plain = webp(&pixels);
        let image = bitstream(&plain);
        let exif = [tiff(8), canary()].concat();
        let extended = riff(&[
            (b"VP8X", vp8x(0x3c, 90, 60)),
            (b"ICCP", moxcms::ColorProfile::new_display_p3().encode().unwrap()),
            (b"VP8L", image.clone()),
            (b"EXIF", exif),
            (b"XMP ", canary()),
            (b"CANA", canary()),
        ]);
        assert_clean(&extended, "an extended file");
        let original = process(&extended).unwrap().original;
        let mut reader = image_webp::WebPDecoder::new(std::io::Cursor::new(&original[..])).unwrap();
        assert!(reader.icc_profile().unwrap().is_some());
        assert_eq!(reader.exif_metadata().unwrap().unwrap().len(), 26, "the orientation and nothing else");
        assert!(reader.xmp_metadata().unwrap().is_none());
        assert_eq!(original[20] & 0x04, 0, "no XMP is announced");

        let simple = riff(&[(b"VP8L", image.clone()), (b"XMP ", canary())]);
        assert_clean(&simple, "behind the image of a simple file");
        assert_clean(&[plain.as_slice(), &canary()].concat(), "after the end");

        let frame = [
            [0; 6].as_slice(),
            &vp8x(0, 90, 60)[4..],
            &[100, 0, 0, 0],
            &riff_chunks(&[(b"VP8L", image), (b"CANA", canary())]),
        ]
        .concat();
        let animated = riff(&[
            (b"VP8X", vp8x(0x12, 90, 60)),
            (b"ANIM", [&[0; 6], canary().as_slice()].concat()),
            (b"ANMF", frame.clone()),
            (b"ANMF", frame),
        ]);
        assert_clean(&animated, "inside frames");
    }
}

#[test]
fn g44_gif_extensions() {
    let plain = gif(&scene(90, 60), 2);
    let (start, trailer) = plain.split_at(plain.len() - 1);
    let block = |data: &[u8]| [&[data.len() as u8], data].concat();
    let extension = |label: u8, blocks: &[&[u8]]| {
        let blocks: Vec<u8> = blocks.iter().flat_map(|data| block(data)).collect();
        [&[0x21, label], blocks.as_slice(), &[0]].concat()
    };
    let extensions = [
        extension(0xfe, &[&canary()]),
        extension(0xff, &[b"XMP DataXMP", &canary()]),
        extension(0xff, &[b"NETSCAPE2.0", &canary()]),
        extension(0xff, &[b"NETSCAPE2.0", &[1, 0, 0], &canary()]),
        extension(0xff, &[b"ICCRGBG1012", &canary()]),
        extension(0x01, &[&[0; 12], &canary()]),
        extension(0xf9, &[&[0; 4], &canary()]),
        extension(0x77, &[&canary()]),
    ];
    for data in &extensions {
        assert_clean(&[start, data, trailer].concat(), &format!("extension {:x}", data[1]));
    }
    assert_clean(&[start, &extensions.concat(), trailer].concat(), "all extensions");
    assert_clean(&[plain.as_slice(), &canary()].concat(), "after the end");
    let original = process(&plain).unwrap().original;
    assert!(contains(&original, b"NETSCAPE2.0\x03\x01"), "the loop count stays");
    assert_eq!(original, plain, "a file without metadata stays byte for byte");
}

/// G45: an original keeps its orientation and a small profile, and never grows by more than the minimal EXIF.
#[test]
fn g45_originals_keep_orientation_and_small_profiles() {
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let large = vec![7; MAX_ICC_BYTES + 1];
    let plain = jpeg(&scene(90, 60));
    let chunks = |profile: &[u8]| -> Vec<(u8, Vec<u8>)> {
        let count = profile.chunks(60_000).count() as u8;
        let pieces = profile.chunks(60_000).zip(1..);
        pieces.map(|(data, number)| (0xe2, [b"ICC_PROFILE\0", &[number, count][..], data].concat())).collect()
    };
    for (icc, stays) in [(profile.as_slice(), true), (&large, false), (&large[1..], true)] {
        let mut segments = chunks(icc);
        segments.push((0xe1, exif_segment(6)));
        let source = with_segments(&plain, &segments);
        let stripped = strip(&source);
        assert_eq!(stripped.icc.as_deref(), stays.then_some(icc));
        assert_eq!(stripped.orientation, crate::exif::Orientation::new(6));
        assert_eq!(strip(&stripped.bytes).bytes, stripped.bytes, "stripping again changes nothing");
        assert_eq!(strip(&stripped.bytes).icc, stripped.icc);
        assert!(stripped.bytes.len() <= source.len());
        let metadata =
            exif::Reader::new().read_from_container(&mut std::io::Cursor::new(&stripped.bytes)).unwrap();
        assert_eq!(metadata.fields().len(), 1);
    }
    let untouched = strip(&plain);
    assert_eq!(untouched.bytes, plain, "a file without metadata stays byte for byte");
    assert_eq!(strip(&png(&scene(9, 9))).bytes, png(&scene(9, 9)));
    assert_eq!(strip(&webp(&scene(9, 9))).bytes, webp(&scene(9, 9)));
}
