//! A process that makes avatars when it is told to.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::options::Options;
use crate::{Outcome, during};

/// Who can make avatars, and how it is started.
#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    /// What the table calls it.
    pub(crate) name: &'static str,
    command: Vec<PathBuf>,
    node_path: PathBuf,
}

/// What a fresh process took for its first job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    /// From the moment before the program is executed to its answer, in milliseconds.
    pub(crate) wall_ms: f64,
    /// User and system, all threads, in milliseconds.
    pub(crate) cpu_ms: f64,
    /// The most memory that it held (`VmHWM`), in MB.
    pub(crate) peak_mb: f64,
}

impl Contestant {
    /// The product.
    pub(crate) fn ours() -> Outcome<Self> {
        let own = during("the path of this program", std::env::current_exe())?;
        let worker = own.with_file_name("stowage-bench-worker");
        Ok(Contestant { name: "ours", command: vec![worker], node_path: PathBuf::new() })
    }

    pub(crate) fn sharp(options: &Options) -> Self {
        let script = options.root.join("bench/peers/node/avatar.cjs");
        let node_path = options.tool("bench-node").join("node_modules");
        Contestant { name: "sharp", command: vec!["node".into(), script], node_path }
    }

    pub(crate) fn pillow(options: &Options) -> Self {
        let python = options.tool("bench-python/bin/python");
        let script = options.root.join("bench/peers/python/avatar.py");
        Contestant { name: "Pillow", command: vec![python, script], node_path: PathBuf::new() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).args(arguments).env("NODE_PATH", &self.node_path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    /// Starts a process for one job, and waits for its end.
    pub(crate) fn first(&self, file: &Path) -> Outcome<First> {
        let before = Instant::now();
        let mut child = during(self.name, self.command(&["once", text(file)?]).spawn())?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("no standard output")?;
        during(self.name, BufReader::new(out).read_line(&mut line))?;
        let wall_ms = before.elapsed().as_secs_f64() * 1e3;
        during(self.name, child.wait())?;
        let said = self.understood(&line)?;
        let number = |name: &str| said[name].as_f64().ok_or_else(|| format!("{}: no {name}", self.name));
        Ok(First { wall_ms, cpu_ms: number("cpu_ns")? / 1e6, peak_mb: number("peak_kb")? * 1024.0 / 1e6 })
    }

    /// Starts a process that makes avatars of one image after the other.
    pub(crate) fn serve(&self) -> Outcome<Serving> {
        let mut child = during(self.name, self.command(&["serve"]).spawn())?;
        let lines = child.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        Ok(Serving { contestant: self.clone(), child, lines, answers })
    }

    fn understood(&self, line: &str) -> Outcome<Value> {
        serde_json::from_str(line).map_err(|_| format!("{} ended without an answer", self.name))
    }
}

/// A running contestant. Dropping it ends the process.
pub(crate) struct Serving {
    contestant: Contestant,
    child: Child,
    lines: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Serving {
    /// What the table calls it.
    pub(crate) fn name(&self) -> &'static str {
        self.contestant.name
    }

    /// Lets it read an image into memory, from where later jobs take it.
    pub(crate) fn load(&mut self, file: &Path) -> Outcome<()> {
        self.ask("load", text(file)?).map(drop)
    }

    /// Lets it make avatars for so long, and says what one took: milliseconds of CPU.
    pub(crate) fn work(&mut self, milliseconds: u64) -> Outcome<f64> {
        let said = self.ask("work", &milliseconds.to_string())?;
        let taken = said["cpu_ns"].as_f64().zip(said["jobs"].as_f64());
        let (nanoseconds, jobs) = taken.ok_or_else(|| format!("{} did not say what it took", self.name()))?;
        Ok(nanoseconds / jobs / 1e6)
    }

    /// Lets it write `300.jpg`, `150.jpg` and `32.jpg`.
    pub(crate) fn save(&mut self, folder: &Path) -> Outcome<()> {
        during("the folder of the outputs", std::fs::create_dir_all(folder))?;
        self.ask("save", text(folder)?).map(drop)
    }

    fn ask(&mut self, command: &str, argument: &str) -> Outcome<Value> {
        during(self.contestant.name, writeln!(self.lines, "{command} {argument}"))?;
        let mut line = String::new();
        during(self.contestant.name, self.answers.read_line(&mut line))?;
        self.contestant.understood(&line)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Whether it is gone already does not matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(path: &Path) -> Outcome<&str> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))
}
