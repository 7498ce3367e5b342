//! Compiling the functions.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Compiled functions.
#[derive(Clone, Debug)]
pub struct Binaries {
    folder: PathBuf,
}

/// One build at a time in this process; cargo waits for those of others.
static BUILDING: Mutex<()> = Mutex::new(());

/// Compiles every function with `features`, in the profile that `make dev` uses. Compiled already, it takes a moment.
///
/// Functions with other features than `local` go to a folder of their own, so that no other test finds them.
pub fn build(features: &[&str]) -> Binaries {
    let _building = BUILDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut command = Command::new("cargo");
    command.args(["build", "--locked", "--features", &features.join(",")]);
    let target = match features {
        ["local"] => target_folder(&root),
        _ => {
            let folder = target_folder(&root).join(features.join("-"));
            command.arg("--target-dir").arg(&folder);
            folder
        }
    };
    let built = command.current_dir(&root).stdin(Stdio::null()).output().expect("cargo");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Binaries { folder: target.join("debug") }
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
