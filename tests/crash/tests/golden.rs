//! What each flow asks of storage, metadata, queue and signer, and in which order.

use crash_tests::flows::Flow;
use crash_tests::golden;

/// A new call, a missing one and another order are all changes of what a crash can leave: they are looked at before they
/// are accepted.
#[tokio::test]
async fn every_flow_makes_the_calls_of_its_golden_file() {
    let mut differences = Vec::new();
    for flow in Flow::ALL.iter().filter(|flow| !flow.is_race()) {
        differences.extend(golden::compare(flow.name(), &golden::record(*flow).await));
    }
    assert!(
        differences.is_empty(),
        "{}\nto accept: STOWAGE_ACCEPT=1 cargo test -p crash-tests golden",
        differences.join("\n")
    );
}

/// A golden file that no flow has any more would be read as if it held.
#[test]
fn every_golden_file_has_its_flow() {
    let known: Vec<&str> = Flow::ALL.iter().filter(|flow| !flow.is_race()).map(|flow| flow.name()).collect();
    assert_eq!(golden::names_of_files().len(), known.len());
    for name in golden::names_of_files() {
        assert!(known.contains(&name.as_str()), "golden/{name}.txt is of no flow");
    }
}
