//! I01 to I44: images, and attachments that would like to be one.

use storage_core::record::Purpose;

use crate::generate::{self, corpus, exif, foreign, frames, jpeg, png};
use crate::{Case, Expect};

/// What the document says above the cases.
pub const ABOUT: &str = "Uploaded twice: in the request itself (`direct-upload`), and by a presigned form whose arrival S3 \
reports (`process-upload`). Unless a case says otherwise it is an avatar that declares no type. Both functions run \
with the `MemorySize` of the template and what a debug build maps besides; no file may take more than 256 MB above what \
the warm function holds, or 10 s. Of an accepted avatar no variant holds metadata, a comment or a second format, and its \
original keeps nothing but the orientation and a colour profile of at most 64 KB.\n\n\
The sample files are those of `../shared/corpus`: PngSuite and the regression files of the image crate. No corpus of a \
fuzzer is among them; mutations of the generated files and of the sample files stand for one.\n\n\
I41 is the EICAR file as an attachment. It needs a scanner and is tried elsewhere, by a double and by ClamAV itself \
(`tests/api/tests/scans.rs::i41_the_eicar_file_goes_to_quarantine`): the answer is 403 `FILE_QUARANTINED`, the state \
quarantined.";

/// An upload.
#[derive(Clone, Copy, Debug)]
pub struct Upload {
    /// The bytes.
    pub files: Files,
    /// What they are uploaded as.
    pub purpose: Purpose,
    /// The name of the file.
    pub name: &'static str,
    /// The type that is declared; empty where none is.
    pub declared: &'static str,
    /// Which ways it takes.
    pub way: Way,
    /// The most memory it may take, in megabytes.
    pub megabytes: u64,
    /// What else must hold once it is accepted.
    pub check: Check,
}

/// Where the bytes come from.
#[derive(Clone, Copy, Debug)]
pub enum Files {
    /// They are made.
    Made(fn() -> Vec<u8>),
    /// Each of these, with its name.
    Found(fn() -> Vec<(String, Vec<u8>)>),
}

/// How bytes come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In the request only.
    Direct,
    /// By a presigned form only.
    Presigned,
    /// One after the other.
    Both,
}

/// What holds of an accepted file besides what holds of all.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// Nothing.
    None,
    /// It is shown as it is stored: 160 by 120.
    Upright,
    /// It is shown turned: 120 by 160.
    Turned,
    /// Its average colour.
    Shows([u8; 3]),
    /// The bytes are nowhere in what is stored.
    Without(&'static [u8]),
    /// The end of the original's key, its type, and the start of its disposition.
    Served(&'static str, &'static str, &'static str),
}

/// Any way, as an avatar without a declared type.
pub const fn avatar(make: fn() -> Vec<u8>) -> Upload {
    Upload {
        files: Files::Made(make),
        purpose: Purpose::AvatarUser,
        name: "photo.jpg",
        declared: "",
        way: Way::Both,
        megabytes: 256,
        check: Check::None,
    }
}

const fn avatars(find: fn() -> Vec<(String, Vec<u8>)>) -> Upload {
    Upload { files: Files::Found(find), ..avatar(generate::nothing) }
}

const fn attachment(make: fn() -> Vec<u8>) -> Upload {
    Upload { purpose: Purpose::Attachment, ..avatar(make) }
}

impl Upload {
    const fn named(self, name: &'static str) -> Self {
        Upload { name, ..self }
    }

    const fn declared(self, declared: &'static str) -> Self {
        Upload { declared, ..self }
    }

    const fn only(self, way: Way) -> Self {
        Upload { way, ..self }
    }

    const fn within(self, megabytes: u64) -> Self {
        Upload { megabytes, ..self }
    }

    const fn check(self, check: Check) -> Self {
        Upload { check, ..self }
    }
}

const fn case(id: &'static str, what: &'static str, input: Upload, expect: Expect) -> Case<Upload> {
    Case { id, what, input, expect }
}

const OK: Expect = Expect::READY;
const NO_IMAGE: Expect = Expect::failed(415, "UNSUPPORTED_MEDIA_TYPE");
const BROKEN: Expect = Expect::failed(422, "INVALID_IMAGE");
const TOO_LARGE: Expect = Expect::failed(422, "IMAGE_TOO_LARGE");
const TOO_LONG: Expect = Expect::refused(413, "PAYLOAD_TOO_LARGE");

/// The cases.
#[rustfmt::skip]
pub const CASES: &[Case<Upload>] = &[
    case("I01a", "an empty file in a request: refused before there is a record", avatar(generate::nothing).only(Way::Direct), Expect::refused(422, "EMPTY_FILE")),
    case("I01b", "an empty file, presigned", avatar(generate::nothing).only(Way::Presigned), Expect::failed(422, "EMPTY_FILE")),
    case("I02", "one byte `FF` named .jpg", avatar(generate::one_byte), NO_IMAGE),
    case("I03", "a JPEG cut after 20 bytes", avatar(jpeg::cut_in_header), BROKEN),
    case("I04", "a JPEG cut in half", avatar(jpeg::cut_in_half), BROKEN),
    case("I05", "a PNG cut after 60 bytes", avatar(png::cut), BROKEN),
    case("I06", "a JPEG of some hundred bytes that claims 64250x64250, in 20 MB of memory", avatar(jpeg::claims_64250).within(20), TOO_LARGE),
    case("I07a", "a JPEG that really has 20000x20000, 4.7 MB, presigned", avatar(jpeg::really_20000).only(Way::Presigned), TOO_LARGE),
    case("I07b", "the same in a request: more than 4 MB", avatar(jpeg::really_20000).only(Way::Direct), TOO_LONG),
    case("I07c", "the same in 6 MB, presigned", avatar(jpeg::really_20000_in_6_mb).only(Way::Presigned), Expect::failed(413, "PAYLOAD_TOO_LARGE")),
    case("I08", "a JPEG of height 0", avatar(jpeg::claims_no_height), BROKEN),
    case("I09", "a PNG that really has 30000x30000 pixels of 1 bit, 109 KB", avatar(png::really_30000), TOO_LARGE),
    case("I10", "a PNG that claims 2147483647x2147483647", avatar(png::claims_the_most), TOO_LARGE),
    case("I11", "a PNG of width 0", avatar(png::claims_no_width), BROKEN),
    case("I12", "a PNG of 6300x6300 pixels of 8 bytes: few enough pixels, too many bytes", avatar(png::sixteen_bits_39_mp), TOO_LARGE),
    case("I13", "a PNG of 6000x6000 pixels of 4 bytes", avatar(png::rgba_36_mp), OK),
    case("I14", "a PNG with a compressed text of 200 MB", avatar(png::text_bomb), OK),
    case("I15a", "a PNG with a colour profile of 200 MB, in 64 MB of memory", avatar(png::profile_bomb).within(64), OK),
    case("I15b", "a PNG with a colour profile of 1 GB, in 64 MB of memory", avatar(png::larger_profile_bomb).within(64), OK),
    case("I16", "a PNG whose pixels inflate to 200 MB more than needed", avatar(png::pixels_beyond_the_last), OK),
    case("I17", "each damaged file of PngSuite", avatars(corpus::png_suite_broken), BROKEN),
    case("I18", "each good file of PngSuite", avatars(corpus::png_suite_good), OK),
    case("I19a", "a progressive JPEG of 36 MP with 300 empty scans", avatar(jpeg::many_scans), BROKEN),
    case("I19b", "the same with 60, as many as an encoder may write", avatar(jpeg::some_scans), OK),
    case("I20", "a GIF whose screen claims 65535x65535", avatar(frames::gif_claims_65535), TOO_LARGE),
    case("I21", "a GIF of 2,000 frames: the first is shown", avatar(frames::gif_of_2000_frames).check(Check::Shows(frames::FIRST)), OK),
    case("I22", "a WebP of 34 bytes that claims 16383x16383", avatar(frames::webp_claims_16383), TOO_LARGE),
    case("I23a", "a WebP that moves: its first frame is shown", avatar(frames::animated_webp).check(Check::Shows(frames::FIRST)), OK),
    case("I23b", "a PNG that moves: its first frame is shown", avatar(frames::animated_png).check(Check::Shows(frames::FIRST)), OK),
    case("I24", "an SVG with a script, named .png and declared image/png", avatar(foreign::svg).named("a.png").declared("image/png"), NO_IMAGE),
    case("I25a", "an SVG that says so", avatar(foreign::svg).named("a.svg").declared("image/svg+xml").only(Way::Direct), Expect::refused(415, "UNSUPPORTED_MEDIA_TYPE")),
    case("I25b", "an SVG that says so, as an attachment: opaque, to be saved", attachment(foreign::svg).named("a.svg").declared("image/svg+xml").check(Check::Served(".bin", "application/octet-stream", "attachment")), OK),
    case("I26", "a page named .jpg", avatar(foreign::html), NO_IMAGE),
    case("I27", "`GIF89a=1;alert(1)//`", avatar(frames::gif_and_script), BROKEN),
    case("I28", "a JPEG with `<script>` in its comment: gone", avatar(jpeg::script_in_comment).check(Check::Without(b"<script")), OK),
    case("I29a", "a JPEG with a ZIP behind it: gone", avatar(foreign::jpeg_and_zip).check(Check::Without(b"PK\x03\x04")), OK),
    case("I29b", "a PNG with PHP behind it: gone", avatar(foreign::png_and_php).check(Check::Without(b"<?php")), OK),
    case("I29c", "a JPEG that is also a PDF: the PDF is gone", avatar(foreign::jpeg_and_pdf).check(Check::Without(b"endstream")), OK),
    case("I29d", "a PNG that is also a page: the page is gone", avatar(foreign::png_and_html).check(Check::Without(b"<html")), OK),
    case("I30a", "a BMP", avatar(foreign::bmp), NO_IMAGE),
    case("I30b", "a TIFF", avatar(foreign::tiff), NO_IMAGE),
    case("I30c", "an ICO", avatar(foreign::ico), NO_IMAGE),
    case("I30d", "a HEIC", avatar(foreign::heic), NO_IMAGE),
    case("I30e", "an AVIF", avatar(foreign::avif), NO_IMAGE),
    case("I30f", "a PSD", avatar(foreign::psd), NO_IMAGE),
    case("I30g", "an EXR", avatar(foreign::exr), NO_IMAGE),
    case("I30h", "a QOI", avatar(foreign::qoi), NO_IMAGE),
    case("I31", "a JPEG declared image/png", avatar(generate::photo).named("a.png").declared("image/png"), Expect::failed(422, "CONTENT_MISMATCH")),
    case("I32", "a JPEG named .exe: stored as .jpg", avatar(generate::photo).named("setup.exe").check(Check::Served("/original.jpg", "image/jpeg", "inline")), OK),
    case("I33a", "an EXIF directory that is its own successor: upright", avatar(exif::looping).check(Check::Upright), OK),
    case("I33b", "the same with an orientation before the loop: that counts", avatar(exif::looping_behind_an_orientation).check(Check::Turned), OK),
    case("I34a", "EXIF orientation 99: upright", avatar(exif::orientation_99).check(Check::Upright), OK),
    case("I34b", "EXIF orientation 0: upright", avatar(exif::orientation_0).check(Check::Upright), OK),
    case("I34c", "an EXIF orientation that is text: upright", avatar(exif::orientation_text).check(Check::Upright), OK),
    case("I35", "an EXIF orientation of 0xFFFFFFFF values: upright", avatar(exif::orientation_count).check(Check::Upright), OK),
    case("I36a", "EXIF orientation 6 and a place: turned", avatar(exif::turned_with_place).check(Check::Turned), OK),
    case("I36b", "the same: the rest of its metadata is gone", avatar(exif::turned_with_place).check(Check::Without(generate::CANARY)), OK),
    case("I37a", "a JPEG whose EXIF says 6 and whose XMP says 3: turned", avatar(exif::jpeg_disagreeing).check(Check::Turned), OK),
    case("I37b", "a PNG whose eXIf says 6 and whose XMP says 3: turned", avatar(exif::png_disagreeing).check(Check::Turned), OK),
    case("I37c", "a WebP whose EXIF says 6 and whose XMP says 3: turned", avatar(exif::webp_disagreeing).check(Check::Turned), OK),
    case("I37d", "a JPEG whose XMP says 6, without EXIF: upright", avatar(exif::xmp_alone).check(Check::Upright), OK),
    case("I38a", "a CMYK JPEG", avatar(jpeg::cmyk), OK),
    case("I38b", "an Adobe YCCK JPEG", avatar(jpeg::ycck), OK),
    case("I38c", "a gray PNG of 16 bits", avatar(png::sixteen_bit_gray), OK),
    case("I38d", "a JPEG of one pixel", avatar(jpeg::one_pixel), OK),
    case("I38e", "a PNG of one pixel", avatar(png::one_pixel), OK),
    case("I38f", "a PNG with a palette and transparency", avatar(png::palette_with_alpha), OK),
    case("I39a", "a JPEG of 1x20000", avatar(jpeg::thin), TOO_LARGE),
    case("I39b", "a JPEG of 20000x1", avatar(jpeg::flat), TOO_LARGE),
    case("I40a", "a PNG with a wrong CRC", avatar(png::wrong_checksum), BROKEN),
    case("I40b", "a PNG with a wrong Adler-32", avatar(png::wrong_adler), BROKEN),
    case("I40c", "a JPEG of 12 bits", avatar(jpeg::twelve_bits), BROKEN),
    case("I40d", "a JPEG in arithmetic coding", avatar(jpeg::arithmetic), BROKEN),
    case("I40e", "a lossless JPEG", avatar(jpeg::lossless), BROKEN),
    case("I42", "an archive of 1 GB of zeros as an attachment: stored as it is, to be saved", attachment(foreign::zip_bomb).named("42.zip").declared("application/zip").check(Check::Served(".zip", "application/zip", "attachment")), OK),
    case("I43a", "5 MB and one byte in a request", avatar(jpeg::one_byte_over_5_mb).only(Way::Direct), TOO_LONG),
    case("I43b", "5 MB and one byte, presigned", avatar(jpeg::one_byte_over_5_mb).only(Way::Presigned), Expect::failed(413, "PAYLOAD_TOO_LARGE")),
    case("I44a", "each crash reproducer of other formats", avatars(corpus::foreign_reproducers), NO_IMAGE),
    case("I44b", "a crash reproducer that ends before its first frame", avatars(corpus::broken_reproducers), BROKEN),
    case("I44c", "a crash reproducer that claims more pixels than anyone has", avatars(corpus::large_reproducers), TOO_LARGE),
    case("I44d", "each crash reproducer that is an image", avatars(corpus::good_reproducers), OK),
];
