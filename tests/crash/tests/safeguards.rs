//! Without a safeguard the enumeration finds what it guards against. Built only with the feature `switches`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use crash_tests::flows::Flow;
use crash_tests::run::{Again, Blow, calls, kills, struck_once};
use crash_tests::watch::{Fault, Findings};
use storage_core::safeguards::Safeguard;

/// What goes wrong without the safeguard, over these flows, in every order of crash and retry.
async fn faults_without(safeguard: Safeguard, flows: &[Flow]) -> Vec<Fault> {
    let mut all = Findings::default();
    for &flow in flows {
        // The calls are those of a system that is whole, so that the same moments are tried.
        let calls = calls(flow).await;
        safeguard.switch_off();
        for kill in kills(&calls, &Blow::DEATHS) {
            for again in Again::ALL {
                all.add(struck_once(flow, kill, again).await);
            }
        }
        // Nothing here has a disk: with this one off, all that matter hold.
        Safeguard::Fsync.switch_off();
    }
    let mut faults: Vec<Fault> = all.faults.into_iter().map(|(fault, _)| fault).collect();
    faults.sort();
    faults.dedup();
    faults
}

/// One test after the other: a switch is of the whole process.
#[tokio::test]
async fn every_safeguard_against_crashes_is_missed() {
    let cases: [(Safeguard, &[Flow], Fault); 4] = [
        (Safeguard::WriteAhead, &[Flow::IngestAttachment, Flow::DirectAttachment], Fault::Orphan),
        (Safeguard::SecondPass, &[Flow::AttachmentDeletedMeanwhile], Fault::Orphan),
        (Safeguard::Tombstone, &[Flow::AttachmentDeletedMeanwhile], Fault::Resurrected),
        (Safeguard::AvatarOrder, &[Flow::SupersededAvatar, Flow::NewAvatarDies], Fault::Resurrected),
    ];
    for (safeguard, flows, fault) in cases {
        let found = faults_without(safeguard, flows).await;
        assert!(found.contains(&fault), "without {safeguard:?} only {found:?}");
    }
    assert!(
        faults_without(Safeguard::Fsync, &[Flow::IngestAttachment]).await.is_empty(),
        "nothing to lose here"
    );
}
