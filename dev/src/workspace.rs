//! The checkout: where its files are, and the lock that lets one stack run at a time.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::{Outcome, during};

/// The folder of everything that is made at run time.
pub(crate) struct Local {
    root: PathBuf,
    data: PathBuf,
    /// Held until the process ends.
    lock: Option<File>,
}

impl Local {
    /// The `.local/` folder of this checkout, or the one that `STOWAGE_DATA_DIR` names; made where it is missing.
    pub(crate) fn open() -> Outcome<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default();
        let data = data_folder().unwrap_or_else(|| root.join(".local"));
        during("cannot make .local/", fs::create_dir_all(&data))?;
        during("cannot protect .local/", fs::set_permissions(&data, fs::Permissions::from_mode(0o700)))?;
        Ok(Local { root, data, lock: None })
    }

    /// Takes the lock; a second stack in the same checkout is refused.
    pub(crate) fn lock(&mut self) -> Outcome<()> {
        let path = self.data.join("dev.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = during("cannot open .local/dev.lock", file)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let known = fs::read_to_string(self.facts()).unwrap_or_default();
            let facts: serde_json::Value = serde_json::from_str(&known).unwrap_or_default();
            let place = facts["api_url"].as_str().map(|url| format!(" at {url}")).unwrap_or_default();
            return Err(format!(
                "a stack over this data is already running{place}; stop it with Ctrl-C first"
            ));
        }
        self.lock = Some(file);
        Ok(())
    }

    /// The top of the checkout.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path in `.local/`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// What tools read to find the running stack.
    pub(crate) fn facts(&self) -> PathBuf {
        self.path("dev.json")
    }

    /// Writes a file that only this user can read, all at once.
    pub(crate) fn write(&self, name: &str, text: &str) -> Outcome<()> {
        let staged = self.path(&format!("{name}.new"));
        let written =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&staged).and_then(
                |mut file| {
                    use std::io::Write;
                    file.write_all(text.as_bytes())
                },
            );
        during(&format!("cannot write .local/{name}"), written)?;
        during(&format!("cannot write .local/{name}"), fs::rename(&staged, self.path(name)))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the development stack keeps its data is no configuration of a function"
)]
fn data_folder() -> Option<PathBuf> {
    std::env::var_os("STOWAGE_DATA_DIR").map(PathBuf::from)
}
