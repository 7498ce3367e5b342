//! The sample files beside the repository. Where they are missing, a test says so and checks less.

use std::path::{Path, PathBuf};

/// Every file below a folder of the corpus that is no text about it, with its path, in the order of the paths.
pub fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let mut found = Vec::new();
    walk(&root.join(folder), &mut found);
    if found.is_empty() {
        #[expect(clippy::print_stderr, reason = "a test that checks less says so")]
        {
            eprintln!("SKIPPED: there are no sample files in ../shared/corpus/{folder}");
        }
    }
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
    png_suite(|name| name.starts_with('x'))
}

/// The good files of PngSuite.
pub fn png_suite_good() -> Vec<(String, Vec<u8>)> {
    png_suite(|name| !name.starts_with('x'))
}

fn png_suite(wanted: fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    files("pngsuite")
        .into_iter()
        .filter(|(path, _)| wanted(path.rsplit('/').next().unwrap_or_default()))
        .collect()
}

/// Crash reproducers in formats that are not decoded here.
pub fn foreign_reproducers() -> Vec<(String, Vec<u8>)> {
    reproducers(|path| [".bmp", ".ico", ".tif", ".tiff", ".tga"].iter().any(|end| path.ends_with(end)))
}

/// A crash reproducer that ends before its first frame.
pub fn broken_reproducers() -> Vec<(String, Vec<u8>)> {
    reproducers(|path| path.ends_with(".gif"))
}

/// A crash reproducer that claims more pixels than anyone has.
pub fn large_reproducers() -> Vec<(String, Vec<u8>)> {
    reproducers(|path| path.ends_with(".jpeg"))
}

/// Crash reproducers that are images.
pub fn good_reproducers() -> Vec<(String, Vec<u8>)> {
    reproducers(|path| [".png", ".webp"].iter().any(|end| path.ends_with(end)))
}

fn reproducers(wanted: fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    files("image-rs").into_iter().filter(|(path, _)| wanted(path)).collect()
}
