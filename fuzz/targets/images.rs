//! Hostile images under the limits of the product: what is accepted comes out whole, stripped, bounded and repeatable.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use storage_core::ErrorKind;
use storage_core::key::VariantSize;
use storage_core::ports::{
    AvatarRecipe, ImageFormat, ImageInfo, ImageLimits, ImageProcessor, ProcessedAvatar,
};
use storage_imaging::Imaging;

/// Above this many pixels an image is decoded once and not once more for every property.
const SMALL_PIXELS: u64 = 256 * 256;

const EVERYTHING: AvatarRecipe = AvatarRecipe { webp: true };

fuzz_target!(|data: &[u8]| {
    let limits = ImageLimits::default();
    let source = Bytes::copy_from_slice(data);
    let inspected = Imaging.inspect(source.clone(), &limits);
    let processed = match Imaging.process_avatar(source.clone(), &limits, EVERYTHING) {
        Ok(processed) => processed,
        Err(error) => {
            use ErrorKind::{EmptyFile, ImageTooLarge, InvalidImage, UnsupportedMediaType};
            let kind = error.kind();
            assert!(
                matches!(kind, EmptyFile | ImageTooLarge | InvalidImage | UnsupportedMediaType),
                "{kind}"
            );
            assert_eq!(
                inspected.err().map(|error| error.kind()),
                Some(kind),
                "both refuse for the same reason"
            );
            return;
        }
    };
    let inspected = inspected.expect("what can be an avatar can be inspected");
    check_info(&inspected, &limits);
    check_info(&processed.info, &limits);
    assert_eq!((inspected.width, inspected.height), (processed.info.width, processed.info.height));
    assert_eq!(Imaging.sniff(data), Some(processed.info.format));
    check_variants(&processed);
    assert!(processed.original.len() <= data.len(), "stripping adds nothing");

    if u64::from(processed.info.width) * u64::from(processed.info.height) <= SMALL_PIXELS {
        let again = Imaging.process_avatar(source, &limits, EVERYTHING);
        assert_eq!(again.as_ref().ok(), Some(&processed), "the same bytes give the same bytes");
        let stripped = Imaging.process_avatar(processed.original.clone(), &limits, EVERYTHING);
        assert_eq!(stripped.ok().as_ref(), Some(&processed), "stripping changes no pixel and is done once");
        for variant in processed.variants.iter().chain(&processed.webp) {
            let own = Imaging
                .process_avatar(variant.bytes.clone(), &limits, AvatarRecipe::default())
                .expect("variants are images");
            assert_eq!(own.original, variant.bytes, "variants have nothing to strip");
            assert_eq!((own.info.width, own.info.height), (variant.width, variant.height));
        }
    }
});

fn check_info(info: &ImageInfo, limits: &ImageLimits) {
    let (width, height) = (info.width, info.height);
    assert!(width > 0 && height > 0 && width.max(height) <= limits.max_side);
    assert!(u64::from(width) * u64::from(height) <= limits.max_pixels);
    let color = info.placeholder.average_color.strip_prefix('#').expect("#rrggbb");
    assert!(color.len() == 6 && color.bytes().all(|byte| byte.is_ascii_hexdigit()), "{color}");
    assert!((1..=36).contains(&info.placeholder.thumbhash.len()));
}

fn check_variants(processed: &ProcessedAvatar) {
    let short_side = processed.info.width.min(processed.info.height);
    for variants in [&processed.variants, &processed.webp] {
        let sizes: Vec<_> = variants.iter().map(|variant| variant.size).collect();
        assert_eq!(sizes, [VariantSize::Small, VariantSize::Medium, VariantSize::Large]);
        assert!(variants.iter().all(|variant| variant.format == variants[0].format));
    }
    assert_eq!(processed.webp[0].format, ImageFormat::Webp);
    for variant in processed.variants.iter().chain(&processed.webp) {
        assert_eq!(variant.width, variant.height);
        assert_eq!(variant.width, variant.size.pixels().unwrap_or(0).min(short_side), "{:?}", variant.size);
        assert_eq!(Imaging.sniff(&variant.bytes), Some(variant.format));
    }
}
