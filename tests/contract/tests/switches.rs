//! No function that is deployed can be told to drop a safeguard.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use contract_tests::{functions, read, root};

/// Whether the core has the switches in such a build.
fn is_switched(arguments: &[&str]) -> bool {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-e", "normal", "--prefix", "none", "-f", "{p} [{f}]", "--offline", "--locked"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let core: Vec<_> = tree.lines().filter(|line| line.starts_with("storage-core ")).collect();
    assert!(!core.is_empty(), "{tree}");
    core.iter().any(|line| line.contains("switches"))
}

#[test]
fn no_deployed_function_has_the_switches() {
    // Cargo unifies features over what it builds together: the functions alone, and all of them at once.
    for function in functions() {
        assert!(!is_switched(&["-p", &function]), "{function}");
    }
    assert!(!is_switched(&[]), "the default members");
    assert!(is_switched(&["-p", "process-upload", "--features", "switches"]), "this test would not notice");
}

#[test]
fn what_deploys_asks_for_no_features() {
    for file in ["template.yaml", "samconfig.toml", "scripts/sam-build.sh"] {
        assert!(!read(file).contains("switches"), "{file}");
        assert!(!read(file).contains("--features"), "{file}");
    }
}
