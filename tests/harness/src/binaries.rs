//! Compiling the functions.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

/// Compiled functions.
#[derive(Clone, Debug)]
pub struct Binaries {
    folder: PathBuf,
}

/// Compiles every function with `features`, in the profile that `make dev` uses. Compiled already, it takes a moment.
///
/// Functions with other features than `local` are kept in a folder of their own; in their usual place is what `make dev`
/// builds again as soon as this returns.
pub fn build(features: &[&str]) -> Binaries {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let usual = target_folder(&root).join("debug");
    fs::create_dir_all(&usual).unwrap();
    let lock = File::create(usual.join("functions.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    compile(&root, features);
    if features == ["local"] {
        return Binaries { folder: usual };
    }
    let folder = usual.join(features.join("-"));
    fs::create_dir_all(&folder).unwrap();
    for function in fs::read_dir(root.join("functions")).unwrap() {
        let name = function.unwrap().file_name();
        // A program that runs cannot be written, but it can be replaced.
        let staged = folder.join(format!("{}.new", name.to_string_lossy()));
        fs::copy(usual.join(&name), &staged).unwrap();
        fs::rename(staged, folder.join(&name)).unwrap();
    }
    compile(&root, &["local"]);
    Binaries { folder }
}

fn compile(root: &Path, features: &[&str]) {
    let mut command = Command::new("cargo");
    command.args(["build", "--locked", "--features", &features.join(",")]);
    let built = command.current_dir(root).stdin(Stdio::null()).output().expect("cargo");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// Where the running test was compiled to.
fn target_folder(root: &Path) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .map_or_else(|| root.join("target"), Path::to_path_buf)
}

impl Binaries {
    /// The program of a function.
    pub fn program(&self, function: &str) -> PathBuf {
        self.folder.join(function)
    }
}
