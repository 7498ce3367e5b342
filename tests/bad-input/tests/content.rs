//! G43 and G45: what a file is served as, and what is left of the metadata of an original.

use bad_input_tests::generate::{self, exif, foreign, frames};
use bad_input_tests::table::images::{Upload, Way, avatar};
use storage_core::record::{FileRecord, Purpose};
use storage_testkit::images::inspect::contains;
use storage_testkit::images::parts::{bitstream, riff, vp8x, webp, with_chunks, with_segments, zlib};
use storage_testkit::images::{tiff, with_exif_gps};

use crate::uploads::Bench;

/// The largest colour profile that stays, in bytes.
const MAX_PROFILE: usize = 64 * 1024;

/// An upload that is accepted: its record.
async fn accept(bench: &mut Bench, way: Way, upload: &Upload, bytes: &[u8], what: &str) -> FileRecord {
    let seen = bench.upload(way, upload, bytes).await.unwrap_or_else(|ended| panic!("{what}: {ended:?}"));
    assert_eq!((seen.status, seen.code), (201, None), "{what} {way:?}");
    seen.record.unwrap()
}

/// Key, type and disposition of what is served, and its bytes.
async fn served(bench: &Bench, record: &FileRecord) -> (String, String, String, Vec<u8>) {
    let stored = bench.stored(record).await;
    let found = stored.into_iter().find(|(key, ..)| Some(key) == record.final_key.as_ref());
    let (key, meta, bytes) = found.unwrap();
    let text = |value: Option<String>| value.unwrap_or_default();
    (key.to_string(), text(meta.content_type), text(meta.content_disposition), bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g43_the_type_served_is_the_sniffed_one_and_everything_else_is_opaque() {
    const OPAQUE: &str = "application/octet-stream";
    let gif = storage_testkit::images::parts::gif(&[&generate::plain(frames::FIRST)], 160, 120);
    let pdf = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n".to_vec();
    let program = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".to_vec();
    let text = b"a,b\n1,2\n".to_vec();
    // Declared, bytes, the type that is served, its extension, and whether a browser may show it.
    let table = [
        ("", generate::photo(), "image/jpeg", "jpg", true),
        ("image/jpeg", generate::photo(), "image/jpeg", "jpg", true),
        ("application/x-thing", generate::photo(), "image/jpeg", "jpg", true),
        ("", generate::drawing(), "image/png", "png", true),
        ("", frames::animated_webp(), "image/webp", "webp", true),
        ("", gif, "image/gif", "gif", true),
        ("", pdf.clone(), "application/pdf", "pdf", true),
        ("application/x-thing", pdf, "application/pdf", "pdf", true),
        ("", text.clone(), "text/plain; charset=utf-8", "txt", true),
        ("text/csv", text.clone(), "text/csv; charset=utf-8", "csv", false),
        ("application/json", text.clone(), "application/json", "json", false),
        ("", foreign::zip(b"a.txt", b"text"), "application/zip", "zip", false),
        ("text/html", foreign::html(), OPAQUE, "bin", false),
        ("application/xhtml+xml", foreign::html(), OPAQUE, "bin", false),
        ("image/svg+xml", foreign::svg(), OPAQUE, "bin", false),
        ("text/javascript", b"alert(1)".to_vec(), OPAQUE, "bin", false),
        ("text/xml", b"<?xml version='1.0'?><a/>".to_vec(), OPAQUE, "bin", false),
        ("image/bmp", foreign::bmp(), OPAQUE, "bin", false),
        ("", foreign::heic(), OPAQUE, "bin", false),
        ("", program.clone(), OPAQUE, "bin", false),
        ("application/x-msdownload", program, OPAQUE, "bin", false),
        ("", vec![0, 1, 2, 3], OPAQUE, "bin", false),
    ];
    let mut bench = Bench::start().await;
    for (declared, bytes, content_type, extension, is_shown) in table {
        let what = format!("{declared:?} that is {content_type}");
        for way in [Way::Direct, Way::Presigned] {
            let upload =
                Upload { purpose: Purpose::Attachment, name: "a.html", declared, ..avatar(Vec::new) };
            let record = accept(&mut bench, way, &upload, &bytes, &what).await;
            let (key, served_as, disposition, stored) = served(&bench, &record).await;
            assert_eq!(served_as, content_type, "{what} {way:?}");
            assert!(key.ends_with(&format!(".{extension}")), "{what} {way:?}: {key}");
            let wanted = if is_shown { "inline" } else { "attachment" };
            assert!(disposition.starts_with(wanted), "{what} {way:?}: {disposition}");
            assert_eq!(stored, bytes, "{what}: an attachment stays byte for byte");
        }
    }
    // A page is text where nobody says that it is a page, and text is never run.
    let upload = Upload { purpose: Purpose::Attachment, ..avatar(Vec::new) };
    let record = accept(&mut bench, Way::Direct, &upload, &foreign::html(), "a page").await;
    assert!(matches!(record.content_type.as_deref(), Some("text/plain" | OPAQUE)), "{record:?}");
}

/// A JPEG, a PNG and a WebP with a place, orientation 6 and this colour profile.
fn with_place_and_profile(profile: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let pieces: Vec<&[u8]> = profile.chunks(60_000).collect();
    let count = pieces.len() as u8;
    let numbered = pieces
        .iter()
        .zip(1..)
        .map(|(piece, number)| (0xe2, [b"ICC_PROFILE\0", [number, count].as_slice(), piece].concat()));
    let jpeg = with_exif_gps(&generate::photo(), 6, 52, 13);
    let block = tiff(6, Some((52, 13)));
    let chunk = [b"icc\0\0", zlib(profile).as_slice()].concat();
    let image = bitstream(&webp(&generate::plain([10, 120, 200]), 160, 120));
    vec![
        ("jpeg", with_segments(&jpeg, &numbered.collect::<Vec<_>>())),
        ("png", with_chunks(&generate::drawing(), &[(b"iCCP", &chunk), (b"eXIf", &block)])),
        (
            "webp",
            riff(&[
                (b"VP8X", vp8x(0x28, 160, 120)),
                (b"ICCP", profile.to_vec()),
                (b"VP8L", image),
                (b"EXIF", block),
            ]),
        ),
    ]
}

/// The fields of the EXIF block of an image, as an independent reader finds them.
fn fields(image: &[u8]) -> Vec<::exif::Field> {
    let read = ::exif::Reader::new().read_from_container(&mut std::io::Cursor::new(image));
    read.map(|found| found.fields().cloned().collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g45_originals_lose_their_place_and_keep_orientation_and_small_profiles() {
    // Nothing that compresses, and nothing a decoder of profiles understands: what is kept is kept as it is.
    let profile = storage_testkit::trials::Random::new(45).bytes(MAX_PROFILE + 1);
    let mut bench = Bench::start().await;
    for (profile, stays) in [(&profile[1..], true), (&profile[..], false), (&profile[..3_000], true)] {
        for (format, bytes) in with_place_and_profile(profile) {
            let what = format!("{format} with a profile of {} bytes", profile.len());
            let places =
                |image: &[u8]| fields(image).iter().any(|field| field.tag.context() == ::exif::Context::Gps);
            assert!(places(&bytes), "{what}: there is a place to lose");
            for way in [Way::Direct, Way::Presigned] {
                let record = accept(&mut bench, way, &avatar(Vec::new), &bytes, &what).await;
                let (.., original) = served(&bench, &record).await;
                assert!(!places(&original), "{what}");
                let left = fields(&original);
                assert_eq!(left.len(), 1, "{what}: {left:?}");
                assert_eq!(left[0].tag, ::exif::Tag::Orientation, "{what}");
                assert_eq!(left[0].value.get_uint(0), Some(6), "{what}");
                assert_eq!((record.width, record.height), (Some(120), Some(160)), "{what}");
                assert_eq!(has_profile(format, &original, profile), stays, "{what}");
            }
        }
    }
    // The same canary in another kind of metadata.
    let record = accept(&mut bench, Way::Direct, &avatar(Vec::new), &exif::turned_with_place(), "XMP").await;
    assert!(!contains(&served(&bench, &record).await.3, generate::CANARY));
}

/// Whether the profile is there, whole or as the first piece of it.
fn has_profile(format: &str, image: &[u8], profile: &[u8]) -> bool {
    match format {
        "png" => contains(image, &zlib(profile)),
        _ => contains(image, &profile[..profile.len().min(60_000)]),
    }
}
