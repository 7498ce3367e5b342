//! The product as a contestant: makes avatars as an upload does, and says what they took.
//!
//! `worker once FILE` makes one, says so and ends. `worker serve` obeys lines on standard input: `load FILE`,
//! `work MILLISECONDS` and `save FOLDER`, each answered by one line of JSON. The peers in `bench/peers` do the same.

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use storage_core::ports::{AvatarRecipe, ImageLimits, ImageProcessor, ProcessedAvatar};
use storage_imaging::Imaging;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["once", file] => {
            let sizes: Vec<_> = avatar(&load(file)?)?.variants.iter().map(|made| made.bytes.len()).collect();
            answer(&json!({ "cpu_ns": cpu_nanoseconds(), "peak_kb": peak_kilobytes()?, "bytes": sizes }))
        }
        ["serve"] => serve(),
        _ => Err("usage: worker once FILE | worker serve".into()),
    }
}

fn serve() -> Outcome<()> {
    let mut source = Bytes::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (command, argument) = line.split_once(' ').ok_or("a command without an argument")?;
        answer(&match command {
            "load" => {
                source = load(argument)?;
                json!({ "bytes": source.len() })
            }
            "work" => work(&source, argument.parse()?)?,
            "save" => save(&source, Path::new(argument))?,
            _ => return Err("an unknown command".into()),
        })?;
    }
    Ok(())
}

fn load(file: &str) -> Outcome<Bytes> {
    Ok(fs::read(file).map_err(|error| format!("{file}: {error}"))?.into())
}

fn answer(said: &Value) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{said}")?;
    Ok(out.flush()?)
}

/// The whole work of an avatar upload, but for storing it.
fn avatar(source: &Bytes) -> Outcome<ProcessedAvatar> {
    let made = Imaging.process_avatar(source.clone(), &ImageLimits::default(), AvatarRecipe::default());
    Ok(made.map_err(|error| format!("{error:?}"))?)
}

/// Makes avatars until so many milliseconds of CPU are gone.
fn work(source: &Bytes, milliseconds: u64) -> Outcome<Value> {
    let (before, mut jobs) = (cpu_nanoseconds(), 0);
    loop {
        std::hint::black_box(avatar(source)?);
        jobs += 1;
        let taken = cpu_nanoseconds() - before;
        if taken >= milliseconds * 1_000_000 {
            return Ok(json!({ "jobs": jobs, "cpu_ns": taken }));
        }
    }
}

/// Writes `300.jpg`, `150.jpg` and `32.jpg`.
fn save(source: &Bytes, folder: &Path) -> Outcome<Value> {
    let made = avatar(source)?;
    for variant in &made.variants {
        fs::write(folder.join(format!("{}.jpg", variant.width)), &variant.bytes)?;
    }
    Ok(json!({ "bytes": made.variants.iter().map(|variant| variant.bytes.len()).collect::<Vec<_>>() }))
}

/// What all threads of this process have taken so far, user and system.
fn cpu_nanoseconds() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The most memory that this process ever held.
fn peak_kilobytes() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
