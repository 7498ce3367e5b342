//! The sample files beside the repository. Where they are missing, a test says so and checks less; where they are there,
//! none of them is missing.

use std::path::{Path, PathBuf};

use storage_testkit::loud::loudly;

/// Every file of the corpus.
pub fn all() -> Vec<(String, Vec<u8>)> {
    files("", 222, |_| true)
}

/// The `count` files below a folder of the corpus that are wanted and no text about it, with their paths, in the order of
/// the paths.
fn files(folder: &str, count: usize, wanted: fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if !root.is_dir() {
        loudly(&format!("SKIPPED: there are no sample files in ../shared/corpus/{folder}"));
        return Vec::new();
    }
    let mut found = Vec::new();
    walk(&root.join(folder), &mut found);
    found.retain(|path| wanted(path.file_name().and_then(|name| name.to_str()).unwrap_or_default()));
    assert_eq!(found.len(), count, "files in ../shared/corpus/{folder}: {found:?}");
    found.sort();
    let name = |path: &PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
    found.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            walk(&path, found);
        } else if !name.contains("LICENSE") && !name.contains("README") {
            found.push(path);
        }
    }
}

/// The damaged files of PngSuite.
pub fn png_suite_broken() -> Vec<(String, Vec<u8>)> {
    files("pngsuite", 14, |name| name.starts_with('x'))
}

/// The good files of PngSuite.
pub fn png_suite_good() -> Vec<(String, Vec<u8>)> {
    files("pngsuite", 161, |name| !name.starts_with('x'))
}

/// Crash reproducers in formats that are not decoded here.
pub fn foreign_reproducers() -> Vec<(String, Vec<u8>)> {
    let foreign =
        |name: &str| [".bmp", ".ico", ".tif", ".tiff", ".tga"].iter().any(|end| name.ends_with(end));
    files("image-rs", 21, foreign)
}

/// A crash reproducer that ends before its first frame.
pub fn broken_reproducers() -> Vec<(String, Vec<u8>)> {
    files("image-rs", 1, |name| name.ends_with(".gif"))
}

/// A crash reproducer that claims more pixels than anyone has.
pub fn large_reproducers() -> Vec<(String, Vec<u8>)> {
    files("image-rs", 1, |name| name.ends_with(".jpeg"))
}

/// Crash reproducers that are images.
pub fn good_reproducers() -> Vec<(String, Vec<u8>)> {
    files("image-rs", 3, |name| [".png", ".webp"].iter().any(|end| name.ends_with(end)))
}
