//! Starting and stopping `stowage-dev` as a developer does, with its data in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use tokio::process::Child;

/// How long building and starting may take.
const PATIENCE: Duration = Duration::from_secs(1500);

/// A running stack. Dropping it interrupts it, so that it stops what it has started; a kill would leave that running.
#[derive(Debug)]
pub struct Stack {
    child: Child,
    group: Pid,
    data: PathBuf,
    /// What `.local/dev.json` says.
    pub facts: Value,
}

/// The top of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// Whether the emulator is installed; without it the acceptance tests cannot run.
pub fn has_cargo_lambda() -> bool {
    cargo(&["lambda", "--version"]).output().is_ok_and(|output| output.status.success())
}

/// A cargo command in the checkout that finds the emulator where `make` puts it.
#[expect(clippy::disallowed_methods, reason = "the path of a test's child process is no configuration")]
pub fn cargo(arguments: &[&str]) -> Command {
    let tools = root().join(".tools/cargo-lambda/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path))).unwrap();
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root()).env("PATH", path).stdin(Stdio::null());
    command.env("RUSTUP_DIST_SERVER", "http://127.0.0.1:9").env("RUSTUP_UPDATE_ROOT", "http://127.0.0.1:9");
    command
}

/// The command that starts the stack over `data`.
pub fn command(data: &Path) -> Command {
    let mut command = cargo(&["run", "--locked", "-p", "stowage-dev"]);
    command.env("STOWAGE_DATA_DIR", data);
    command
}

impl Stack {
    /// Starts the stack and waits for its facts.
    pub async fn start(data: &Path) -> Self {
        Self::start_with(data, &[]).await
    }

    /// The same with other environment variables.
    pub async fn start_with(data: &Path, variables: &[(&str, &str)]) -> Self {
        std::fs::create_dir_all(data).unwrap();
        let log = std::fs::File::create(data.join("screen.log")).unwrap();
        let mut command = command(data);
        command.stdout(log.try_clone().unwrap()).stderr(log).envs(variables.iter().copied());
        let mut command = tokio::process::Command::from(command);
        let mut child = command.process_group(0).spawn().unwrap();
        let group = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        let started = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            let known = std::fs::read_to_string(data.join("dev.json")).ok();
            if let Some(facts) = known.and_then(|text| serde_json::from_str(&text).ok()) {
                return Stack { child, group, data: data.to_path_buf(), facts };
            }
            let ended = child.try_wait().unwrap();
            let told = || std::fs::read_to_string(data.join("screen.log")).unwrap_or_default();
            assert!(ended.is_none() && started.elapsed() < PATIENCE, "the stack does not start:\n{}", told());
        }
    }

    /// Where the stack keeps its data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    /// Interrupts it as Ctrl-C does, and waits until it has ended. Whether it ended well.
    pub async fn interrupt(mut self) -> bool {
        kill_process(self.group, Signal::INT).unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        ended.is_ok_and(|status| status.unwrap().success())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = kill_process_group(self.group, Signal::INT);
    }
}
