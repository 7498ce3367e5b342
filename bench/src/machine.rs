//! Where it was measured, and with what.

use std::fs;
use std::process::Command;

use crate::options::Options;

/// Processor, cores, memory and system.
pub(crate) fn describe() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("?", |(_, value)| value.trim()).to_owned()
    };
    let processor = field("/proc/cpuinfo", "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal");
    let gigabytes = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN) * 1024.0 / 1e9;
    format!(
        "{processor}, {cores} cores, {gigabytes:.0} GB, {} {}",
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// The compiler, the interpreters and the peers' packages.
pub(crate) fn versions(options: &Options) -> Vec<String> {
    let mut versions = Vec::new();
    for (program, arguments) in [("rustc", ["--version"]), ("node", ["--version"])] {
        versions.extend(said(Command::new(program).args(arguments)).map(|text| match program {
            "node" => format!("Node {}", text.trim_start_matches('v')),
            _ => text.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
        }));
    }
    versions.extend(said(Command::new(options.tool("bench-python/bin/python")).arg("--version")));
    for list in ["bench/peers/python/requirements.txt", "bench/peers/functions/requirements.txt"] {
        let text = fs::read_to_string(options.root.join(list)).unwrap_or_default();
        versions.extend(text.lines().filter(|line| line.contains("==")).map(|line| line.replace("==", " ")));
    }
    for list in ["bench/peers/node/package.json", "bench/peers/functions/package.json"] {
        let text = fs::read_to_string(options.root.join(list)).unwrap_or_default();
        let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let packages = package["dependencies"].as_object().into_iter().flatten();
        versions
            .extend(packages.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))));
    }
    versions
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
