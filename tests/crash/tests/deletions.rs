//! A deletion that comes while a worker is at work, which lives on.

use std::sync::Arc;

use crash_tests::flows::Flow;
use crash_tests::process::{Action, Answer, Process};
use crash_tests::run;
use crash_tests::watch::Findings;
use crash_tests::world::World;
use serde_json::json;
use storage_testkit::faulty::ANY;
use storage_testkit::trials::Trials;

/// G55: the deletion comes just before or just after each call of an ingest. The worker finishes, and the file stays
/// dead; another worker delivers the event once more.
#[tokio::test]
async fn g55_a_deletion_at_any_moment_of_an_ingest_is_final() {
    let trials = Trials::new("G55-LIVE", 1);
    let mut all = Findings::default();
    let mut runs = 0;
    for flow in [Flow::AvatarDeletedMeanwhile, Flow::AttachmentDeletedMeanwhile, Flow::LargeDeletedMeanwhile]
    {
        for nth in 1..=run::calls(flow).await.len() {
            for is_before in [true, false] {
                let world = Arc::new(World::default());
                let scene = flow.prepare(&world).await;
                let deletion = scene.meanwhile.unwrap();
                let process = Process::new(&world);
                let rival = world.clone();
                let delete = move || async move { assert_deleted(&rival, &deletion).await };
                match is_before {
                    true => process.faults.before(ANY, nth, delete),
                    false => process.faults.after(ANY, nth, delete),
                }
                let answer = process.perform(&scene.action).await;
                assert!(matches!(answer, Answer::Done), "{} {nth}: {answer:?}", flow.name());
                assert_eq!(world.watch().ended.len(), 1, "the deletion came");
                world.look().await;
                world.perform(&scene.action).await;
                world.look().await;
                all.add(run::finish(&world, flow, &format!("{} {nth} {is_before}", flow.name())).await);
                runs += 1;
            }
        }
    }
    let mut report = all.report();
    report["trials"] = json!(runs);
    trials.report(report);
    all.assert_none(runs);
}

async fn assert_deleted(world: &World, deletion: &Action) {
    assert!(matches!(world.perform(deletion).await, Answer::Done));
}
