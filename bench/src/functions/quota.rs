//! A CPU quota as a small Lambda function has it.
//!
//! Lambda gives a function one CPU per 1,769 MB: 7.2 % at 128 MB, while init runs without a limit. A control group enforces
//! the share where one can be made; elsewhere the process is stopped and continued in the same rhythm.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Result;

/// How often the share is handed out.
const PERIOD: Duration = Duration::from_millis(20);
/// The memory that comes with one CPU, in MB.
const FULL_CPU_MB: f64 = 1769.0;

/// Holds processes to the CPU share of a memory size.
pub(super) struct Quota {
    share: f64,
    group: Option<Group>,
}

/// A control group of our own.
struct Group {
    folder: PathBuf,
    version: u8,
}

/// A process under the quota. Dropping it lifts a quota that signals enforce; a control group holds to the end.
pub(super) struct Held {
    stop: Option<Arc<AtomicBool>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Quota {
    /// The share of a function with `memory` MB.
    pub(super) fn of_memory(memory: u32) -> Self {
        let share = f64::from(memory) / FULL_CPU_MB;
        Quota { share, group: Group::make(share).ok() }
    }

    /// How it is enforced, for the table.
    pub(super) fn describe(&self) -> String {
        let share = self.share * 100.0;
        match &self.group {
            Some(group) => {
                format!("{share:.1} % of a CPU by a cgroup v{}, handed out every {PERIOD:?}", group.version)
            }
            None => format!("{share:.1} % of a CPU by SIGSTOP and SIGCONT every {PERIOD:?}"),
        }
    }

    /// Holds a process to the share from now on.
    #[expect(clippy::disallowed_methods, reason = "a share of time is handed out by the clock")]
    pub(super) fn hold(&self, pid: Pid) -> Result<Held> {
        if let Some(group) = &self.group {
            fs::write(group.folder.join("cgroup.procs"), pid.as_raw_nonzero().to_string())?;
            return Ok(Held { stop: None, thread: None });
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, allowed) = (stop.clone(), PERIOD.mul_f64(self.share));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let from = Instant::now();
                // The process may have ended; then nothing is left to stop.
                let _ = kill_process(pid, Signal::CONT);
                std::thread::sleep(allowed);
                let _ = kill_process(pid, Signal::STOP);
                std::thread::sleep(PERIOD.saturating_sub(from.elapsed()));
            }
            let _ = kill_process(pid, Signal::CONT);
        });
        Ok(Held { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(stop) = &self.stop {
            stop.store(true, Ordering::Relaxed);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Group {
    fn make(share: f64) -> Result<Self> {
        let (period, quota) = (PERIOD.as_micros(), PERIOD.mul_f64(share).as_micros());
        let name = format!("stowage-bench-{}", std::process::id());
        let v2 = Path::new("/sys/fs/cgroup/cgroup.subtree_control");
        let (folder, version) = if v2.exists() {
            // Fails where the controller belongs to somebody else.
            fs::write(v2, "+cpu")?;
            (Path::new("/sys/fs/cgroup").join(name), 2)
        } else {
            (Path::new("/sys/fs/cgroup/cpu").join(name), 1)
        };
        fs::create_dir(&folder)?;
        let group = Group { folder, version };
        match version {
            2 => fs::write(group.folder.join("cpu.max"), format!("{quota} {period}"))?,
            _ => {
                fs::write(group.folder.join("cpu.cfs_period_us"), period.to_string())?;
                fs::write(group.folder.join("cpu.cfs_quota_us"), quota.to_string())?;
            }
        }
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group with a process in it stays; its processes are killed before it is dropped.
        let _ = fs::remove_dir(&self.folder);
    }
}
