//! One process that answers requests, and the time it takes.

use std::path::Path;
use std::time::{Duration, Instant};

use test_harness::{Function, Limits, Reply, Request};

use crate::{Outcome, during};

/// The longest a process may take for one request, when many share the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A function, or a peer that does its work. Dropping it kills it.
pub(crate) struct Process {
    name: String,
    function: Function,
}

impl Process {
    /// Starts a program.
    pub(crate) async fn start(program: &Path, environment: &[(String, String)]) -> Outcome<Self> {
        if !program.is_file() {
            return Err(format!("{} is not there", program.display()));
        }
        let limits = Limits { address_space: None, time: PATIENCE };
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Process { name, function: Function::start(program, environment, limits).await })
    }

    /// Sends a request and holds the answer to the status it ought to have; how long the answer took, seen from outside.
    pub(crate) async fn ask(&mut self, request: Request, status: u16) -> Outcome<(Reply, Duration)> {
        let event = request.event();
        let asked = Instant::now();
        let answer = self.function.invoke(event).await;
        let took = asked.elapsed();
        let answer = answer.map_err(|ended| format!("{} {ended:?}: {}", self.name, self.function.log()))?;
        let reply = Reply::read(&answer);
        if reply.status != status {
            return Err(format!("{} answered {answer}: {}", self.name, self.function.log()));
        }
        Ok((reply, took))
    }

    /// The CPU time of all its threads so far, user and system, from `/proc/{pid}/stat`.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        let path = format!("/proc/{}/stat", self.function.id());
        let text = during(&path, std::fs::read_to_string(&path))?;
        let ticks = ticks(&text).ok_or_else(|| format!("{path}: {text}"))?;
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    }

    /// Forgets what it has printed so far.
    pub(crate) fn forget_log(&self) {
        self.function.take_log();
    }
}

/// User and system time, in clock ticks. The name before them may hold anything, also spaces and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// The CPU time of all of them.
pub(crate) fn total<'a>(processes: impl IntoIterator<Item = &'a Process>) -> Outcome<Duration> {
    processes.into_iter().map(Process::cpu).sum()
}

/// Waits for all at once, or for the first failure.
pub(crate) async fn together<T>(
    clients: impl IntoIterator<Item = impl Future<Output = Outcome<T>>>,
) -> Outcome<Vec<T>> {
    futures_util::future::try_join_all(clients).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_found_behind_any_name() {
        let stat = "7 (a ) S 1) R 1 7 7 0 -1 4194304 100 0 0 0 31 11 5 6 20 0 4 0 100 1 2 3";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (sh) R 1"), None);
    }
}
