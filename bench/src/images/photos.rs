//! What everybody is measured with: photos of every size, made once and kept in `target/bench/photos`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::scene;
use crate::options::Options;
use crate::{Outcome, during, screen};

/// A photo on disk.
#[derive(Clone, Debug)]
pub(crate) struct Photo {
    /// Such as `12 MP, generated, q90`.
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// How a photo is made.
struct Plan {
    /// Width and height in pixels; of a real photo only the long side counts.
    size: (usize, usize),
    quality: u8,
    /// Whether the real photo is used where it is there.
    real: bool,
}

const fn plan(width: usize, height: usize, quality: u8, real: bool) -> Plan {
    Plan { size: (width, height), quality, real }
}

/// Sizes of cameras and phones, qualities of their makers. The real photo is not larger than 6 MP.
const BASELINE: [Plan; 8] = [
    plan(960, 640, 85, false),
    plan(1152, 941, 90, true),
    plan(1600, 1200, 88, false),
    plan(2048, 1672, 92, true),
    plan(2725, 2225, 90, true),
    plan(3264, 2448, 86, false),
    plan(4032, 3024, 90, false),
    plan(6000, 4000, 92, false),
];
/// Which of them the short form takes.
const QUICK: [usize; 3] = [0, 4, 6];
/// Twelve megapixels, as most phones have them.
const PHONE: Plan = plan(4032, 3024, 90, false);

/// The photos of a run.
pub(crate) struct Photos {
    /// Baseline JPEG, 4:2:0, from 0.6 to 24 MP.
    pub(crate) baseline: Vec<Photo>,
    /// 12 and 24 MP of them.
    pub(crate) large: Vec<Photo>,
    /// 12 MP each.
    pub(crate) progressive: Photo,
    pub(crate) png: Photo,
    pub(crate) webp: Photo,
}

impl Photos {
    /// Makes what is not there yet.
    pub(crate) fn prepare(options: &Options) -> Outcome<Self> {
        let studio = Studio::new(options)?;
        let baseline = |at: usize| studio.photo(&BASELINE[at], "jpeg", "jpg");
        let chosen: Vec<usize> = if options.quick { QUICK.to_vec() } else { (0..BASELINE.len()).collect() };
        Ok(Photos {
            baseline: chosen.into_iter().map(baseline).collect::<Outcome<_>>()?,
            large: vec![baseline(6)?, baseline(7)?],
            progressive: studio.photo(&PHONE, "progressive", "progressive.jpg")?,
            png: studio.photo(&PHONE, "png", "png")?,
            webp: studio.photo(&Plan { quality: 85, ..PHONE }, "webp", "webp")?,
        })
    }
}

/// Where photos are made.
struct Studio {
    folder: PathBuf,
    python: PathBuf,
    script: PathBuf,
    real: Option<PathBuf>,
}

impl Studio {
    fn new(options: &Options) -> Outcome<Self> {
        // What a photo is made by is part of its place, so that none is older than its maker.
        let makers = include_str!("scene.rs").bytes().chain(include_str!("photos.rs").bytes());
        let makers = makers.fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let folder = options.root.join(format!("target/bench/photos/{makers:016x}"));
        during("the folder of the photos", fs::create_dir_all(&folder))?;
        let real = options.root.join("../shared/corpus/photos/landscape-2725x2225.jpg");
        Ok(Studio {
            folder,
            python: options.tool("bench-python/bin/python"),
            script: options.root.join("bench/peers/python/avatar.py"),
            real: real.exists().then_some(real),
        })
    }

    /// A photo in the format that Pillow's script calls `kind`.
    fn photo(&self, plan: &Plan, kind: &str, extension: &str) -> Outcome<Photo> {
        let (width, height) = plan.size;
        let megapixels = (width * height) as f64 / 1e6;
        let real = self.real.as_deref().filter(|_| plan.real);
        let origin = if real.is_some() { "photo" } else { "scene" };
        let size = if megapixels < 10.0 { format!("{megapixels:.1}") } else { format!("{megapixels:.0}") };
        let name = format!("{size} MP {origin}");
        let file = self.folder.join(format!("{origin}-{width}x{height}-q{}.{extension}", plan.quality));
        if !file.exists() {
            screen::progress(&format!("making {}", file.display()));
            match real {
                Some(real) => self.encode(real, (0, width.max(height)), &file, kind, plan.quality)?,
                None => {
                    let raw = self.folder.join(format!("{width}x{height}.raw"));
                    if !raw.exists() {
                        let pixels = scene::render(width as u64, width, height);
                        during("a scene", fs::write(&raw, pixels))?;
                    }
                    self.encode(&raw, plan.size, &file, kind, plan.quality)?;
                }
            }
        }
        Ok(Photo { name, file })
    }

    fn encode(&self, from: &Path, size: (usize, usize), to: &Path, kind: &str, quality: u8) -> Outcome<()> {
        let unfinished = to.with_extension("part");
        let mut command = Command::new(&self.python);
        command.arg(&self.script).arg("encode").arg(from).args([size.0, size.1].map(|side| side.to_string()));
        command.arg(&unfinished).arg(kind).arg(quality.to_string());
        let status = during("Pillow", command.status())?;
        if !status.success() {
            return Err(format!("Pillow did not write {}", to.display()));
        }
        during("a photo", fs::rename(unfinished, to))
    }
}
