//! Tests of the whole port, by guarantee. Inputs are generated in `fixtures`; the corpora beside the repository are
//! read where they are present.

mod bad_input;
mod colour;
mod determinism;
mod fixtures;
mod metadata;
mod orientation;
mod sizes;
mod webp;

use std::path::Path;

use ::bytes::Bytes;
use storage_core::error::{ErrorKind, Result};
use storage_core::ports::{AvatarRecipe, ImageLimits, ImageProcessor, ProcessedAvatar, Variant};
use storage_testkit::loud::loudly;

use crate::Imaging;
use crate::container::Stripped;
use crate::decode::{Content, Part, decode};
use crate::header::Header;
use crate::pixels::Pixels;

/// With everything that a recipe can ask for.
fn process(source: &[u8]) -> Result<ProcessedAvatar> {
    let recipe = AvatarRecipe { webp: true };
    Imaging.process_avatar(Bytes::copy_from_slice(source), &ImageLimits::default(), recipe)
}

/// Every size in every encoding.
fn encoded(processed: &ProcessedAvatar) -> impl Iterator<Item = &Variant> {
    processed.variants.iter().chain(&processed.webp)
}

/// The kind that both entry points refuse `source` with; `None` where both accept it.
fn refusal(source: &[u8]) -> Option<ErrorKind> {
    let avatar = process(source).err().map(|error| error.kind());
    let inspected = Imaging.inspect(Bytes::copy_from_slice(source), &ImageLimits::default());
    assert_eq!(avatar, inspected.err().map(|error| error.kind()), "both entry points judge alike");
    avatar
}

/// Decodes a file that this crate made or accepted at its full size, in three colour channels.
fn pixels_of(file: &[u8]) -> Pixels {
    let format = crate::sniff::sniff(file).unwrap();
    let header = Header::read(format, file).unwrap();
    let decoded = decode(file, &header, Part::Whole, header.width.min(header.height)).unwrap();
    let Content::Pixels(pixels) = decoded.content else { panic!("decoded at another size than its own") };
    pixels.into_rgb()
}

fn strip(file: &[u8]) -> Stripped {
    crate::container::strip(crate::sniff::sniff(file).unwrap(), file).unwrap()
}

fn largest_difference(one: &Pixels, other: &Pixels) -> u8 {
    assert_eq!((one.width, one.height, one.layout), (other.width, other.height, other.layout));
    one.data.iter().zip(&other.data).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

fn mean_difference(one: &Pixels, other: &Pixels) -> f64 {
    assert_eq!((one.width, one.height, one.layout), (other.width, other.height, other.layout));
    let sum: u64 = one.data.iter().zip(&other.data).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.data.len() as f64
}

/// The folders of the sample data that are read, with how many files each has.
const CORPUS: [(&str, usize); 13] = [
    ("exif-orientation", 19),
    ("image-rs/tests/bad/bmp", 7),
    ("image-rs/tests/bad/ico", 1),
    ("image-rs/tests/bad/tiff", 1),
    ("image-rs/tests/regression/gif", 1),
    ("image-rs/tests/regression/ico", 3),
    ("image-rs/tests/regression/image", 2),
    ("image-rs/tests/regression/jpg", 1),
    ("image-rs/tests/regression/tga", 8),
    ("image-rs/tests/regression/tiff", 1),
    ("image-rs/tests/regression/webp", 1),
    ("photos", 1),
    ("pngsuite", 175),
];

/// A folder of the sample data beside the repository. Where the data is absent the test says so and checks less; where
/// it is there it is all there.
fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if !root.is_dir() {
        loudly(&format!("SKIPPED: there are no sample files in ../shared/corpus/{folder}"));
        return Vec::new();
    }
    let (_, count) = CORPUS.iter().find(|(known, _)| *known == folder).expect("a folder of the table");
    let mut files: Vec<_> = std::fs::read_dir(root.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension().is_some_and(|extension| extension != "README" && extension != "LICENSE")
        })
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    assert_eq!(files.len(), *count, "{folder}");
    files
}
