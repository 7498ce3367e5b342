//! One process of one contestant behind a runtime API of its own, and what it costs.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::Pid;
use tokio::process::{Child, Command};

use super::Result;
use super::runtime::{Answered, Runtime};

/// A program that does the work of `issue-upload`.
#[derive(Clone, Debug)]
pub(super) struct Contestant {
    /// What the table calls it.
    pub(super) name: String,
    /// The program and its arguments.
    pub(super) command: Vec<PathBuf>,
}

/// The longest a start or an answer may take. A peer at 7 % of a CPU needs seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running contestant. Dropping it kills the process.
pub(super) struct Process {
    child: Child,
    pid: Pid,
    runtime: Runtime,
    /// From the moment before the program is executed to the first time it asks for work.
    pub(super) start: Duration,
}

impl Process {
    /// Starts a contestant with exactly this environment beside what Lambda sets, and waits for its first poll.
    pub(super) async fn start(contestant: &Contestant, environment: &[(String, String)]) -> Result<Self> {
        let mut runtime = Runtime::start().await?;
        let (program, arguments) =
            contestant.command.split_first().ok_or("a contestant without a program")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", &runtime.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            // The SDK warns of a version of Node that is to come.
            .env("NODE_NO_WARNINGS", "1")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let before = Instant::now();
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let polled = tokio::select! {
            polled = runtime.first_poll() => polled?,
            status = child.wait() => return Err(format!("{} ended: {}", contestant.name, status?).into()),
            () = tokio::time::sleep(PATIENCE) => return Err(format!("{} does not start", contestant.name).into()),
        };
        let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).ok_or("no process id")?;
        Ok(Process { child, pid, runtime, start: polled - before })
    }

    /// Sends one event, and holds the answer to the status it ought to have.
    pub(super) async fn invoke(&mut self, event: &Bytes, status: u16) -> Result<Answered> {
        let answered = tokio::select! {
            answered = self.runtime.invoke(event.clone()) => answered?,
            ended = self.child.wait() => return Err(format!("ended while answering: {}", ended?).into()),
            () = tokio::time::sleep(PATIENCE) => return Err("no answer".into()),
        };
        let said: serde_json::Value = serde_json::from_slice(&answered.body)?;
        if said["statusCode"] != status {
            return Err(format!("answered {said}").into());
        }
        Ok(answered)
    }

    /// Its process id.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// The CPU time of all its threads so far, user and system. A thread that has ended is not counted any more.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid.as_raw_nonzero()))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            nanoseconds += text.split_whitespace().next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The memory it holds now, in bytes: `VmRSS`.
    pub(super) fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn end(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}
