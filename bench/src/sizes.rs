//! T12: how large a function is that links no image code.

use std::fs;
use std::io::Write;
use std::process::Command;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::options::Options;
use crate::table::{Goal, Row};
use crate::{Outcome, during, screen};

/// The functions that ingest, and so link image code.
const WITH_IMAGES: [&str; 3] = ["complete-upload", "direct-upload", "process-upload"];

/// The largest of the functions without image code that are built in the profile of a deployment, as it is and packed as in
/// a zip.
pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let mut names = Vec::new();
    for entry in during("functions/", fs::read_dir(options.root.join("functions")))? {
        let name = during("functions/", entry)?.file_name().to_string_lossy().into_owned();
        if !WITH_IMAGES.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    if options.with_binaries {
        screen::progress("building the functions as they are deployed");
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&options.root).args(["build", "--locked", "--profile", "deploy"]);
        names.iter().for_each(|name| {
            cargo.args(["-p", name]);
        });
        if !during("cargo", cargo.status())?.success() {
            return Err("the functions do not build".to_owned());
        }
    }
    let mut sizes = Vec::new();
    for name in names {
        let Ok(binary) = fs::read(options.root.join("target/deploy").join(&name)) else { continue };
        sizes.push((binary.len(), packed(&binary)?, name));
    }
    let Some((size, packed, name)) = sizes.iter().max() else { return Ok(Vec::new()) };
    let note = format!("{name}, the largest of {}", sizes.len());
    let row = |work: &str, bytes: usize, most: f64| Row {
        target: "T12".to_owned(),
        work: work.to_owned(),
        peer: String::new(),
        unit: "MB".to_owned(),
        ours: bytes as f64 / 1e6,
        theirs: None,
        ratio: None,
        parts: Default::default(),
        goal: Goal::AtMost(most),
        rounds: 0,
        note: note.clone(),
    };
    Ok(vec![
        row("binary of a function without image code", *size, 11.0),
        row("the same in a zip", *packed, 5.0),
    ])
}

fn packed(binary: &[u8]) -> Outcome<usize> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    during("packing", encoder.write_all(binary))?;
    Ok(during("packing", encoder.finish())?.len())
}
