//! The functions: built first, then started by `cargo lambda watch` on demand.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use crate::workspace::Local;
use crate::{Outcome, during, screen};

/// The functions, in the order a file meets them.
pub(crate) const FUNCTIONS: &[&str] = &[
    "issue-upload",
    "direct-upload",
    "complete-upload",
    "process-upload",
    "resolve-url",
    "edit-file",
    "delete-file",
    "manage-storage",
    "publish-event",
    "scheduled-cleanup",
    "health",
];

/// The emulator and, in its process group, every function it starts.
pub(crate) struct Watch {
    child: Child,
}

impl Watch {
    /// Compiles the functions with progress on the terminal, then starts the emulator on 127.0.0.1.
    pub(crate) async fn start(local: &Local, port: u16, environment: &[(String, String)]) -> Outcome<Self> {
        let root = local.root();
        screen::step("compiling the functions (the first time takes minutes) ...");
        // The same command line that the emulator uses, so that it finds everything built.
        let built = Command::new("cargo")
            .args(["build", "--locked", "--features", "local"])
            .current_dir(root)
            .stdin(Stdio::null())
            .status()
            .await;
        if !during("cannot run cargo", built)?.success() {
            return Err("the functions do not compile; see above".to_owned());
        }
        screen::step("starting the functions ...");
        let log = during("cannot write functions.log", std::fs::File::create(local.path("functions.log")))?;
        let errors = during("cannot write functions.log", log.try_clone())?;
        let child = Command::new("cargo")
            .args(["lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()])
            .args(["--features", "local", "--disable-cors", "--ignore-changes"])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // A group of its own: Ctrl-C reaches it through us, and stopping it stops the functions too.
            .process_group(0)
            .spawn();
        Ok(Watch { child: during("cannot run cargo lambda; `make dev` installs it", child)? })
    }

    /// Waits for the emulator to end by itself, which it does only when something is wrong.
    pub(crate) async fn ended(&mut self) -> String {
        let status = self.child.wait().await;
        format!("cargo lambda watch ended ({status:?}); see functions.log beside dev.json")
    }

    /// Stops the emulator and every function, politely and then for good.
    pub(crate) async fn stop(mut self) {
        let Some(group) = self.group() else { return };
        let _ = kill_process_group(group, Signal::TERM);
        let _ = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
        // Functions that outlived the emulator are still in its group.
        let _ = kill_process_group(group, Signal::KILL);
    }

    /// The group of an emulator that has not been waited for.
    fn group(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }
}

impl Drop for Watch {
    /// A start that is interrupted leaves nothing behind either.
    fn drop(&mut self) {
        if let Some(group) = self.group() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
