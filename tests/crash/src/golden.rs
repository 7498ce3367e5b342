//! The calls of each flow, as files that are compared and reviewed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use storage_core::ports::DUE_SHARDS;
use storage_core::usage::usage_shard;

use crate::flows::Flow;
use crate::process::Process;
use crate::world::World;

/// The calls of a flow, with names in the places of ids.
pub async fn record(flow: Flow) -> Vec<String> {
    loop {
        let world = World::default();
        let scene = flow.prepare(&world).await;
        // The sweep reads shard after shard, and the id of a file decides which it is found in.
        let shard = |file: u128| file % u128::from(DUE_SHARDS);
        let files = world.store.files();
        if flow.is_sweep() && files.iter().any(|record| shard(record.file_id.as_uuid().as_u128()) != 0) {
            continue;
        }
        let process = Process::new(&world);
        process.perform(&scene.action).await;
        // Changes of counters that lie in one shard are one write.
        let files = world.store.files();
        let shards: BTreeSet<_> =
            files.iter().map(|record| (record.tenant, usage_shard(record.file_id))).collect();
        if shards.len() < files.len() {
            continue;
        }
        let names = names(&world);
        return process.faults.lines().into_iter().map(|line| named(line, &names)).collect();
    }
}

/// What stands for which id: files are numbered in the order in which they were issued.
fn names(world: &World) -> Vec<(String, String)> {
    let mut names =
        vec![(world.tenant.to_string(), "TENANT".to_owned()), (world.user.to_string(), "USER".to_owned())];
    for (index, record) in world.store.files().into_iter().enumerate() {
        names.push((record.file_id.to_string(), format!("FILE-{}", index + 1)));
        let nonce = record.staging_key.as_ref().and_then(|key| key.as_str().rsplit('/').next());
        names.extend(nonce.map(|nonce| (nonce.to_owned(), "NONCE".to_owned())));
    }
    names
}

fn named(line: String, names: &[(String, String)]) -> String {
    names.iter().fold(line, |line, (id, name)| line.replace(id, name))
}

/// Compares `lines` with the golden file of `name`: the difference, where there is one. With `STOWAGE_ACCEPT=1` the file
/// becomes what is there.
pub fn compare(name: &str, lines: &[String]) -> Option<String> {
    let path = folder().join(format!("{name}.txt"));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if golden == text {
        return None;
    }
    if is_accepted() {
        std::fs::write(&path, text).unwrap();
        return None;
    }
    let old: Vec<&str> = golden.lines().collect();
    let new: Vec<&str> = lines.iter().map(String::as_str).collect();
    Some(format!("{}\n{}", path.display(), difference(&old, &new)))
}

/// The flows that have a golden file.
pub fn names_of_files() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}

#[expect(clippy::disallowed_methods, reason = "accepting golden files is no configuration of a function")]
fn is_accepted() -> bool {
    std::env::var("STOWAGE_ACCEPT").is_ok_and(|value| value == "1")
}

/// The lines of both, in order: `-` where only the first has it, `+` where only the second has it.
fn difference(old: &[&str], new: &[&str]) -> String {
    let Some((first, rest)) = old.split_first() else {
        return new.iter().map(|line| format!("  + {line}\n")).collect();
    };
    match new.iter().position(|line| line == first) {
        Some(place) => {
            let added: String = new[..place].iter().map(|line| format!("  + {line}\n")).collect();
            format!("{added}    {first}\n{}", difference(rest, &new[place + 1..]))
        }
        None => format!("  - {first}\n{}", difference(rest, new)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_missing_or_new_is_shown() {
        assert_eq!(difference(&["a", "b", "c"], &["a", "c", "d"]), "    a\n  - b\n    c\n  + d\n");
    }
}
