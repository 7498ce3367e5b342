//! The campaign that is committed is whole, and found nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use contract_tests::read;
use serde_json::Value;

#[test]
fn the_last_campaign_lost_nothing_and_missed_every_safeguard() {
    let text = read("docs/campaign.jsonl");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        // A trial may be one of crashes; a fuzzer's are findings.
        let crashes = if line["fuzz"].is_string() { "crashes" } else { "lost" };
        for name in ["lost", "wrong_bytes", "resurrected", "orphans", "other", crashes] {
            assert!(line[name].as_u64().unwrap_or_default() == 0, "{line}");
        }
    }
    let off: BTreeSet<_> = lines.iter().filter_map(|line| line["off"].as_str()).collect();
    assert_eq!(off.len(), 12, "{off:?}");
    let fuzzed: BTreeSet<_> = lines.iter().filter_map(|line| line["fuzz"].as_str()).collect();
    assert_eq!(fuzzed.len(), 8, "{fuzzed:?}");
    let of = |name: &str| lines.iter().find(|line| line["guarantee"] == name).unwrap_or(&Value::Null);
    assert!(of("G19-BINARIES")["trials"].as_u64().unwrap() >= 1000);
    let backends = of("conformance suite");
    assert!(backends["broken_backends"].as_u64().unwrap() >= 20);
    assert_eq!(backends["broken_backends"], backends["caught"]);
}
