//! Every flow is struck at every one of its calls, in every way, with and without somebody who asks again.

use std::collections::BTreeMap;

use crash_tests::flows::Flow;
use crash_tests::run::{Again, Blow, calls, kills, struck_once};
use crash_tests::watch::Findings;
use serde_json::json;
use storage_testkit::trials::Trials;

/// Strikes these flows everywhere, reports, and fails where anything is wrong.
async fn enumerate(name: &'static str, flows: &[Flow], blows: &[Blow]) {
    let trials = Trials::new(name, 1);
    let mut all = Findings::default();
    let mut by_blow = BTreeMap::new();
    let mut runs = 0;
    for &flow in flows {
        let calls = calls(flow).await;
        assert!(!calls.is_empty());
        for kill in kills(&calls, blows) {
            let choices = if flow.is_sweep() { &[Again::Never][..] } else { &Again::ALL };
            for &again in choices {
                all.add(struck_once(flow, kill, again).await);
                *by_blow.entry(kill.blow.name()).or_insert(0) += 1;
                runs += 1;
            }
        }
    }
    let mut report = all.report();
    report["trials"] = json!(runs);
    report["kills"] = json!(by_blow);
    trials.report(report);
    all.assert_none(runs);
}

/// G19: what a client was told is stored, is stored.
#[tokio::test]
async fn g19_no_crash_loses_an_acknowledged_upload() {
    enumerate(
        "G19",
        &[
            Flow::IssueAvatar,
            Flow::IssueAvatarKeyed,
            Flow::IssueAttachment,
            Flow::IssueAttachmentKeyed,
            Flow::DirectAvatar,
            Flow::DirectAttachment,
            Flow::DirectAttachmentKeyed,
            Flow::IngestAvatar,
            Flow::IngestAttachment,
        ],
        &Blow::DEATHS,
    )
    .await;
}

/// G20: what was refused, or was never finished, is not readable, and leaves no object.
#[tokio::test]
async fn g20_no_crash_makes_a_refused_upload_readable() {
    enumerate("G20", &[Flow::DirectRefused, Flow::RefuseAvatar, Flow::RefuseAttachment], &Blow::DEATHS).await;
}

/// G06: the newest avatar wins, whoever dies and whoever finalises last.
#[tokio::test]
async fn g06_no_crash_shows_a_replaced_avatar_again() {
    enumerate(
        "G06",
        &[Flow::ReplaceAvatar, Flow::SupersededAvatar, Flow::OldAvatarDies, Flow::NewAvatarDies],
        &Blow::DEATHS,
    )
    .await;
}

/// G55: a deletion that was acknowledged is final, whatever dies, arrives late or is delivered again.
#[tokio::test]
async fn g55_no_crash_brings_a_deleted_file_back() {
    enumerate(
        "G55",
        &[
            Flow::AvatarDeletedMeanwhile,
            Flow::AttachmentDeletedMeanwhile,
            Flow::DeleteSoft,
            Flow::DeletePermanent,
            Flow::DeletePending,
            Flow::DeleteCurrentAvatar,
            Flow::DeleteAvatar,
            Flow::PublishedDeletedMeanwhile,
            Flow::MovedDeletedMeanwhile,
        ],
        &Blow::DEATHS,
    )
    .await;
}

/// G19: what was stored is stored, whoever dies while it is published, copied, moved, claimed or restored.
#[tokio::test]
async fn g19_no_crash_loses_a_file_on_its_way() {
    enumerate(
        "G19-CHANGES",
        &[
            Flow::Restore,
            Flow::PublishAttachment,
            Flow::PublishAvatar,
            Flow::PublishedMeanwhile,
            Flow::Copy,
            Flow::CopyKeyed,
            Flow::Move,
            Flow::MoveKeyed,
            Flow::Claim,
        ],
        &Blow::DEATHS,
    )
    .await;
}

/// G49: what was not found clean is never readable, whoever dies while it is scanned, moved or deleted; what was found
/// clean or let out is not lost.
#[tokio::test]
async fn g49_no_crash_makes_an_unclean_upload_readable() {
    enumerate(
        "G49",
        &[
            Flow::ScanClean,
            Flow::ScanAwaited,
            Flow::ScanInfected,
            Flow::DirectScanned,
            Flow::VerdictClean,
            Flow::VerdictInfected,
            Flow::VerdictDeletedMeanwhile,
            Flow::DeleteQuarantined,
            Flow::Unquarantine,
            Flow::IngestReleased,
        ],
        &Blow::DEATHS,
    )
    .await;
}

/// G22, G19: what S3 has as parts is completed or gone, whoever dies while they are signed, completed or given up.
#[tokio::test]
async fn g19_g22_no_crash_loses_or_leaves_parts() {
    enumerate(
        "G22",
        &[
            Flow::BeginParts,
            Flow::BeginPartsKeyed,
            Flow::SignPart,
            Flow::CompleteParts,
            Flow::AbortParts,
            Flow::DeleteParts,
        ],
        &Blow::DEATHS,
    )
    .await;
}

/// G19, G55: a large upload is copied once and whole, or is deleted with every part, whoever dies while it is copied.
#[tokio::test]
async fn g19_g55_no_crash_loses_or_revives_a_large_upload() {
    enumerate("G19-LARGE", &[Flow::IngestLarge, Flow::LargeDeletedMeanwhile], &Blow::DEATHS).await;
}

/// G56: a sweep that dies is made up for by the next one.
#[tokio::test]
async fn g56_no_crash_of_the_sweep_leaves_anything_behind() {
    let sweeps: Vec<Flow> = Flow::ALL.iter().copied().filter(|flow| flow.is_sweep()).collect();
    enumerate("G56", &sweeps, &Blow::DEATHS).await;
}

/// G20: a call that fails, or whose reply is lost, leaves neither a readable record without its object nor an object that
/// stays without a record; whoever lives on heals it, or the next one does.
#[tokio::test]
async fn g20_no_failed_call_leaves_half_a_file() {
    enumerate("G20-ERRORS", Flow::ALL, &Blow::FAILURES).await;
}
