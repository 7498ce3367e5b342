//! G47: the same bytes in, the same bytes out.

use jpeg_encoder::SamplingFactor;
use sha2::{Digest, Sha256};

use super::fixtures::*;
use super::process;
use crate::pixels::{Layout, Pixels};

/// Of all sizes in all encodings, one after the other. A change of codec, compiler or machine that changes a single bit
/// shows. The first digest is of JPEG or PNG, the second of WebP.
const GOLDEN: [(&str, &str, &str); 6] = [
    (
        "jpeg",
        "9a6910b28eeb8f225c074b41b5ef29ce389ff0c0957b9418bd3a649cacafc627",
        "2ab98a90907dc180915d86b6f47aca8bdcc42a4029608dd39c264f59424b06d2",
    ),
    (
        "png",
        "7a1e305c974bdd08dd53a8f1bfd02a1ac95c8a03aac4b37917a975aa3ddfd6a4",
        "e0f4d0fbcafb5ef4800eac89001a4f9300fd7402a6a132c5b20b18e20fe173ac",
    ),
    (
        "profile",
        "734ba1beefa6f81651c283692b409715dac9fe08bbbd895cb0e0d1585776aac8",
        "5b2337f66c77bd5e653f02762dda76ac74ca50e1cedb6ba5b3998c99f5c04fe0",
    ),
    (
        "half",
        "5f7e5198db117deedaa53e02aac07c0a441f2dbb35ff4c10c76d47e3ea08f47c",
        "6267991d9725dcf4b403a64c24f6e4e92f422ebe1069a2707ffbc27dc96d1c55",
    ),
    (
        "quarter, progressive",
        "e1f171a32f1c51d10466f690ac174177b45982e722e6d41461d2b1bb3e1fec8e",
        "feb3944e862936f66ff3df40635b5a29e6cd2e77b82bac4defa5a0fc32fc6710",
    ),
    (
        "eighth",
        "02434e08999185351c130628dc5de82a22ecf79c6fab5e6f8f9c0e5374ffd7b4",
        "97930ae95767a9fe9feabd1bb23c7598a7ceadabc8b768e9f188f99154f62898",
    ),
];

/// Gradients with noise. A generated source must not depend on the machine either: integers only.
fn noisy(width: u32, height: u32) -> Pixels {
    let mut state = 1_u32;
    let data = (0..width * height).flat_map(|index| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 28) as u8;
        let (x, y) = (index % width, index / width);
        [(x * 255 / width) as u8 ^ noise, (y * 255 / height) as u8, ((x + y) / 5) as u8 ^ noise]
    });
    Pixels { width, height, layout: Layout::Rgb, data: data.collect() }
}

fn sources() -> [(&'static str, Vec<u8>); 6] {
    let pixels = noisy(613, 411);
    let mut translucent = translucent_scene(1, 1);
    (translucent.width, translucent.height) = (613, 411);
    translucent.data =
        pixels.data.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], rgb[0] | rgb[1]]).collect();
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let segment = [b"ICC_PROFILE\0\x01\x01".as_slice(), &profile].concat();
    let plain = jpeg(&pixels);
    [
        ("jpeg", plain.clone()),
        ("png", png(&translucent)),
        ("profile", with_segments(&plain, &[(0xe2, segment)])),
        ("half", jpeg_with(&noisy(1213, 811), |encoder| encoder.set_sampling_factor(SamplingFactor::F_2_2))),
        ("quarter, progressive", jpeg_with(&noisy(1603, 1511), |encoder| encoder.set_progressive(true))),
        ("eighth", jpeg_with(&noisy(3203, 3011), |encoder| encoder.set_restart_interval(50))),
    ]
}

fn digests(source: &[u8]) -> [String; 2] {
    let processed = process(source).unwrap();
    [processed.variants, processed.webp].map(|variants| {
        let mut hasher = Sha256::new();
        variants.iter().for_each(|variant| hasher.update(&variant.bytes));
        hex::encode(hasher.finalize())
    })
}

#[test]
fn g47_thumbnails_are_the_same_on_every_run_and_thread() {
    for (name, source) in sources() {
        let first = digests(&source);
        assert_eq!(first, digests(&source), "{name}: twice on one thread");
        let elsewhere = std::thread::spawn(move || digests(&source)).join().unwrap();
        assert_eq!(first, elsewhere, "{name}: on another thread");
    }
}

#[test]
fn g47_thumbnails_have_the_recorded_digests() {
    let found: Vec<_> = sources().map(|(name, source)| (name, digests(&source))).to_vec();
    let expected: Vec<_> =
        GOLDEN.map(|(name, base, webp)| (name, [base.to_owned(), webp.to_owned()])).to_vec();
    assert_eq!(found, expected);
}

/// Decoding is the one step with SIMD of its own whose result is not covered by the others' integer arithmetic.
#[test]
fn g47_jpeg_decoding_is_the_same_without_simd() {
    use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
    let source = &sources()[0].1;
    let gray = jpeg_of(&scene(97, 61).data[..97 * 61], 97, 61, jpeg_encoder::ColorType::Luma, |_| {});
    let progressive = jpeg_with(&scene(211, 97), |encoder| encoder.set_progressive(true));
    let halved = jpeg_with(&scene(211, 97), |encoder| {
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
    });
    for file in [source, &gray, &progressive, &halved] {
        let decode = |options: DecoderOptions| {
            let options = options.jpeg_set_out_colorspace(ColorSpace::RGB);
            zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(file), options).decode().unwrap()
        };
        let scalar = DecoderOptions::new_safe().set_use_unsafe(false);
        assert!(decode(DecoderOptions::new_fast()) == decode(scalar));
    }
}
