//! One process of one function.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot};

use crate::runtime::{Invocation, Runtime};

/// What no log may hold: the key of the S3 it talks to, the beginning of every token and form policy, the queries of signed
/// URLs.
pub const SECRETS: &[&str] = &["sim-secret-key", "eyJ", "X-Amz-Signature=", "X-Amz-Security-Token="];

/// What a process may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most address space in bytes, as `ulimit -v` sets it; `None` leaves it open.
    pub address_space: Option<u64>,
    /// The watchdog: a process that takes longer for one event is killed.
    pub time: Duration,
}

impl Default for Limits {
    /// No limit of memory, and a minute.
    fn default() -> Self {
        Limits { address_space: None, time: Duration::from_secs(60) }
    }
}

/// How an invocation ended without an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// The function reported this error.
    Error(Value),
    /// The process ended: it crashed, ran out of memory, or was killed.
    Died,
    /// The watchdog killed it.
    TimedOut,
}

/// A running function. Dropping it kills the process.
pub struct Function {
    child: Child,
    pid: Pid,
    runtime: Runtime,
    limits: Limits,
    log: Arc<Log>,
}

impl Drop for Function {
    /// Every test of a function is one of its logs.
    fn drop(&mut self) {
        let log = self.log();
        for secret in SECRETS {
            assert!(std::thread::panicking() || !log.contains(secret), "a function has printed {secret}");
        }
    }
}

/// Kills a function from elsewhere, while an invocation is under way.
#[derive(Clone, Copy, Debug)]
pub struct Killer(Pid);

impl Killer {
    /// SIGKILL: nothing of the process runs any more.
    pub fn kill(&self) {
        // It may have ended by itself.
        let _ = kill_process(self.0, Signal::KILL);
    }
}

impl Function {
    /// Starts `program` with exactly this environment besides what Lambda itself sets.
    pub async fn start(program: &Path, environment: &[(String, String)], limits: Limits) -> Self {
        let runtime = Runtime::start().await;
        let mut command = match limits.address_space {
            None => Command::new(program),
            Some(bytes) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -v {} && exec \"$0\"", bytes / 1024)]).arg(program);
                shell
            }
        };
        let name = program.file_name().unwrap_or_default();
        let mut child = command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", &runtime.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let pid = Pid::from_raw(child.id().expect("a running child") as i32).expect("a process id");
        let log = Arc::<Log>::default();
        keep(child.stdout.take(), &log);
        keep(child.stderr.take(), &log);
        Function { child, pid, runtime, limits, log }
    }

    /// Sends one event and waits for the answer.
    pub async fn invoke(&mut self, payload: Value) -> Result<Value, Ended> {
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation { payload, deadline: self.limits.time, answer };
        if self.runtime.events.send(invocation).is_err() {
            return Err(Ended::Died);
        }
        tokio::select! {
            answered = answered => answered.map_err(|_| Ended::Died)?.map_err(Ended::Error),
            _ = self.child.wait() => Err(Ended::Died),
            () = tokio::time::sleep(self.limits.time) => {
                self.kill().await;
                Err(Ended::TimedOut)
            }
        }
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub async fn kill(&mut self) {
        self.killer().kill();
        let _ = self.child.wait().await;
    }

    /// What kills it from elsewhere.
    pub fn killer(&self) -> Killer {
        Killer(self.pid)
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its process id, for what `/proc` tells of it.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The most memory it has held so far, in bytes: `VmHWM`. `None` once it is gone, or where there is no `/proc`.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }

    /// Counts [`Function::peak_memory`] anew from what it holds now.
    pub fn forget_peak_memory(&self) {
        // Without `/proc` there is no peak to forget either.
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.pid.as_raw_nonzero()), "5");
    }

    /// Everything it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.bytes.lock().unwrap()).into_owned()
    }

    /// Waits until it has printed `line`: what a process prints arrives a moment after what it answers. What it has
    /// printed by then, or after half a minute without.
    pub async fn printed(&self, line: &str) -> String {
        let found = async {
            loop {
                // Asked for before the look, so that what comes right after it is not missed.
                let grown = self.log.grown.notified();
                if self.log().contains(line) {
                    return;
                }
                grown.await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(30), found).await;
        self.log()
    }

    /// Everything it has printed since it was last asked so.
    pub fn take_log(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.log.bytes.lock().unwrap())).into_owned()
    }
}

/// What a process has printed.
#[derive(Debug, Default)]
struct Log {
    bytes: Mutex<Vec<u8>>,
    grown: Notify,
}

/// Reads a stream to its end beside everything else.
fn keep(stream: Option<impl AsyncRead + Unpin + Send + 'static>, log: &Arc<Log>) {
    let (Some(mut stream), log) = (stream, log.clone()) else { return };
    tokio::spawn(async move {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut chunk).await {
            log.bytes.lock().unwrap().extend_from_slice(&chunk[..length]);
            log.grown.notify_waiters();
        }
    });
}
