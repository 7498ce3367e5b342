//! Events of two generations of one avatar, delivered in random orders by the real services.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use storage_core::record::FileState;
use storage_services::ingest::Source;
use storage_testkit::images::jpeg;
use storage_testkit::trials::{Random, Trials};
use test_harness::Sim;

use super::world::{World, sha256};

/// G01: eight events, four of each generation, end as they do in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_shuffled_events_end_in_the_same_state() {
    let trials = Trials::new("G01", 1_000);
    let sim = Arc::new(Sim::start().await);
    let (mut different, mut superseded) = (0, 0);
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let world = World::new(sim.clone());
        let photos: [Bytes; 2] = [jpeg(16, 16, seed), jpeg(16, 16, seed ^ 1)];
        let mut files = Vec::new();
        for photo in &photos {
            let record = world.issue(true, false, true, photo).await;
            world.post(&record, photo).await;
            files.push(record.file_id);
        }
        let mut order = [0, 1, 0, 1, 0, 1, 0, 1];
        Random::new(seed).shuffle(&mut order);
        for event in order {
            world.ingest(files[event], Source::Staging).await;
        }
        let (old, new) = (world.record(files[0]).await, world.record(files[1]).await);
        let pointer = world.pointer().await;
        let end = (old.state, new.state, pointer.current_file_id, pointer.current_seq, new.source_sha256);
        let in_order =
            (FileState::Deleting, FileState::Ready, Some(files[1]), Some(2), Some(sha256(&photos[1])));
        different += usize::from(end != in_order);
        assert_eq!(end, in_order, "{order:?}");
        superseded += usize::from(old.source_sha256.is_none());
    }
    assert!(superseded > 0 && superseded < trials.count(), "both generations are first sometimes");
    trials.report(json!({ "different_ends": different, "never_shown": superseded }));
}
