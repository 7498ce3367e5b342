//! The suites can fail: backends with one planted fault each are caught, by the cases that are about it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod faults;
mod objects;
mod uploads;

use std::sync::{Arc, Mutex};

use serde_json::json;
use storage_core::ids::BucketName;
use storage_core::ports::{MultipartBackend, StorageBackend};
use storage_testkit::conformance::backend::{
    BackendFixture, CASES, MULTIPART_CASES, run, run_multipart, run_sequence,
};
use storage_testkit::memory::MemoryBackend;
use storage_testkit::trials::Trials;

use faults::{Fault, OBJECT_FAULTS, UPLOAD_FAULTS};
use objects::Broken;
use uploads::BrokenUploads;

fn buckets() -> [BucketName; 2] {
    ["conformance-one", "conformance-other"].map(|name| BucketName::parse(name).unwrap())
}

/// The cases that fail for a fault, or without one on the model itself.
async fn caught(fault: Option<Fault>) -> Vec<&'static str> {
    let [one, other] = buckets();
    let model = MemoryBackend::new(&[&one, &other]);
    let name = fault.map_or("the model".to_owned(), |fault| format!("{fault:?}"));
    let fixture = BackendFixture::new(&name, one.clone(), other.clone());
    let in_parts = |fault| UPLOAD_FAULTS.iter().any(|(planted, _)| *planted == fault);
    let reports = match fault {
        None => {
            let objects = run(Arc::new(model.clone()), fixture.clone()).await;
            vec![objects, run_multipart(Arc::new(model.clone()), Arc::new(model), fixture).await]
        }
        Some(fault) if in_parts(fault) => {
            let uploads = BrokenUploads::new(model.clone(), fault);
            vec![run_multipart(Arc::new(model), Arc::new(uploads), fixture).await]
        }
        Some(fault) => vec![run(Arc::new(Broken::new(model, fault, &[&one, &other])), fixture).await],
    };
    reports.iter().flat_map(|report| report.failures()).map(|(name, _)| name).collect()
}

/// The name of threads whose panics are expected, hundreds of them.
const PLANTED: &str = "planted";

/// [`caught`] for each of these, two at a time, each on a runtime of its own.
fn caught_each(faults: Vec<Option<Fault>>) -> Vec<(Option<Fault>, Vec<&'static str>)> {
    let shown = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(PLANTED) {
            shown(panic);
        }
    }));
    let (waiting, found) = (Mutex::new(faults), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let worker = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let Some(fault) = waiting.lock().unwrap().pop() else { break };
                    let failed = runtime.block_on(caught(fault));
                    found.lock().unwrap().push((fault, failed));
                }
            };
            std::thread::Builder::new().name(PLANTED.to_owned()).spawn_scoped(scope, worker).unwrap();
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn every_broken_backend_is_caught_by_the_cases_that_are_about_it() {
    let trials = Trials::new("conformance suite", 1);
    let planted: Vec<_> = OBJECT_FAULTS.iter().chain(UPLOAD_FAULTS).collect();
    let all = planted.iter().map(|(fault, _)| Some(*fault)).chain([None]);
    let found = caught_each(all.collect());
    let failed = |fault: Option<Fault>| &found.iter().find(|(planted, _)| *planted == fault).unwrap().1;
    assert!(failed(None).is_empty(), "the model fails {:?}", failed(None));
    let mut missed = Vec::new();
    for (fault, cases) in &planted {
        let failed = failed(Some(*fault));
        println!("{fault:?}: {} cases fail: {}", failed.len(), failed.join(", "));
        let silent: Vec<_> = cases.iter().filter(|case| !failed.contains(case)).collect();
        if !silent.is_empty() {
            missed.push(format!("{fault:?} is not caught by {silent:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    trials.report(json!({ "broken_backends": planted.len(), "caught": planted.len() }));
}

#[test]
fn there_are_many_broken_backends_and_each_is_another() {
    let mut planted: Vec<_> =
        OBJECT_FAULTS.iter().chain(UPLOAD_FAULTS).map(|(fault, _)| format!("{fault:?}")).collect();
    let count = planted.len();
    planted.sort();
    planted.dedup();
    assert_eq!(planted.len(), count, "a fault is there twice");
    assert!(OBJECT_FAULTS.len() >= 20 && UPLOAD_FAULTS.len() >= 6, "{count} faults");
    assert!(OBJECT_FAULTS.iter().chain(UPLOAD_FAULTS).all(|(_, cases)| !cases.is_empty()));
    let cases = CASES.len() + MULTIPART_CASES.len();
    assert!(CASES.len() >= 100 && MULTIPART_CASES.len() >= 20, "{cases} cases");
}

#[tokio::test]
async fn a_fault_fails_no_case_that_is_not_about_it() {
    assert_eq!(caught(Some(Fault::RacyCreate)).await, ["one_of_60_racing_creates_wins"]);
    assert_eq!(caught(Some(Fault::RacyUpdate)).await, ["one_of_30_racing_updates_wins"]);
    assert_eq!(caught(Some(Fault::CopiesAnyTag)).await, ["a_copy_of_another_tag_is_refused"]);
    assert_eq!(caught(Some(Fault::OffByOneSuffix)).await.first(), Some(&"ranges_give_their_bytes"));
    assert!(!caught(Some(Fault::LosesMetadata)).await.contains(&"bytes_come_back"));
    assert!(!caught(Some(Fault::DeletesOnce)).await.contains(&"a_deleted_object_is_missing"));
    assert_eq!(caught(Some(Fault::SortsTheList)).await, ["descending_numbers_are_refused"]);
}

#[tokio::test]
async fn random_sequences_find_faults_and_none_in_the_model() {
    for fault in [
        None,
        Some(Fault::DropsAnObject),
        Some(Fault::CopiesAnyTag),
        Some(Fault::LosesEmptyObjects),
        Some(Fault::OffByOneSuffix),
        Some(Fault::IgnoresReadTags),
        Some(Fault::FoldsCase),
        Some(Fault::NormalisesNames),
        Some(Fault::HidesWhatIsBelow),
        Some(Fault::CutsLongKeys),
        Some(Fault::MergesMetadata),
        Some(Fault::PassesOverUnknownParts),
        Some(Fault::JoinsInArrivalOrder),
    ] {
        let mut failed = 0;
        for seed in 1..=20 {
            let [one, other] = buckets();
            let inner = MemoryBackend::new(&[&one, &other]);
            let uploads: Arc<dyn MultipartBackend> = match fault {
                Some(fault) => Arc::new(BrokenUploads::new(inner.clone(), fault)),
                None => Arc::new(inner.clone()),
            };
            let backend: Arc<dyn StorageBackend> = match fault {
                Some(fault) => Arc::new(Broken::new(inner, fault, &[&one, &other])),
                None => Arc::new(inner),
            };
            let fixture = BackendFixture::new("memory", one, other);
            let play = async move {
                run_sequence(backend.as_ref(), Some(uploads.as_ref()), &fixture, seed, 100).await;
            };
            failed += usize::from(tokio::spawn(play).await.is_err());
        }
        assert_eq!(failed > 0, fault.is_some(), "{fault:?}: {failed} of 20 sequences differ");
    }
}
