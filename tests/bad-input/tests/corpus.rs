//! G41: whatever comes, a function answers, keeps to its memory and its time, and lives on.

use std::time::Duration;

use bad_input_tests::generate::{corpus, mutate};
use bad_input_tests::table::images::{Upload, Way, avatar};
use serde_json::json;
use storage_core::record::Purpose;
use storage_testkit::trials::{Random, Trials, count};

use crate::uploads::{Bench, MB, Seen};

/// The most memory a file may take above the baseline, in bytes.
const MEMORY: u64 = 256 * MB;
/// What no file of the corpus takes, as it is, on a machine that does nothing else.
const SECOND: Duration = Duration::from_secs(1);
/// How often a process is replaced and its log is looked through.
const TRIALS_OF_A_PROCESS: usize = 250;

/// The worst of many uploads.
#[derive(Default)]
struct Worst {
    memory: u64,
    took: Duration,
    accepted: usize,
    refused: usize,
}

impl Worst {
    /// Uploads one file, and tells how long it took.
    async fn upload(
        &mut self,
        bench: &mut Bench,
        way: Way,
        upload: &Upload,
        bytes: &[u8],
        what: &str,
    ) -> Duration {
        let seen = bench.upload(way, upload, bytes).await;
        let Seen { status, code, memory, took, .. } = seen.unwrap_or_else(|end| panic!("{what}: {end:?}"));
        assert!(matches!(status, 201 | 413 | 415 | 422), "{what}: {status} {code:?}");
        assert!(memory < MEMORY, "{what}: {memory} bytes");
        self.memory = self.memory.max(memory);
        self.took = self.took.max(took);
        match status {
            201 => self.accepted += 1,
            _ => self.refused += 1,
        }
        took
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g41_no_file_panics_a_function_or_exceeds_its_memory_or_its_time() {
    let trials = Trials::new("G41", 4_400);
    let mut bench = Bench::start().await;
    let mut worst = Worst::default();
    let found = corpus::all();
    let is_campaign = count(2) == 2;
    // The table sends most of them both ways; a campaign sends all.
    let ways = if is_campaign { &[Way::Direct, Way::Presigned][..] } else { &[Way::Direct] };
    for (name, bytes) in &found {
        for way in ways {
            let took = worst.upload(&mut bench, *way, &avatar(Vec::new), bytes, name).await;
            // Outside a campaign other tests run beside this one, and only the watchdog holds.
            assert!(!is_campaign || took < SECOND, "{name}: {took:?}");
        }
        assert!(!bench.has_panicked(), "{name}");
    }

    let mut originals = mutate::originals();
    originals.extend(found.iter().map(|(_, bytes)| bytes.clone()).filter(|bytes| bytes.len() < 64 * 1024));
    for seeds in trials.seeds().chunks(TRIALS_OF_A_PROCESS) {
        for seed in seeds {
            let _guard = trials.guard(*seed);
            let random = Random::new(*seed);
            let bytes = mutate::damaged(&originals, &random);
            let way = if random.chance(1, 4) { Way::Presigned } else { Way::Direct };
            let purpose = if random.chance(1, 4) { Purpose::Attachment } else { Purpose::AvatarUser };
            let upload = Upload { purpose, ..avatar(Vec::new) };
            worst.upload(&mut bench, way, &upload, &bytes, &format!("seed {seed}")).await;
        }
        assert!(!bench.has_panicked(), "one of the seeds {seeds:?}");
        bench.restart();
    }
    assert!(worst.accepted > 0 && worst.refused > 0, "some damage is harmless, and some is not");
    trials.report(json!({
        "corpus_files": found.len(),
        "accepted": worst.accepted,
        "refused": worst.refused,
        "panics": 0,
        "deaths": 0,
        "worst_megabytes": worst.memory / MB,
        "worst_seconds": (worst.took.as_secs_f64() * 1000.0).round() / 1000.0,
    }));
}
