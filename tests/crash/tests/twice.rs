//! The retry dies too.

use crash_tests::flows::Flow;
use crash_tests::run::{self, Again, Blow, Kill};
use crash_tests::watch::Findings;
use crash_tests::world::World;
use storage_testkit::trials::{Random, Trials};

/// Two blows in a row, at calls that the seed chooses: at a flow, then at whoever comes after it.
#[tokio::test]
async fn g56_two_crashes_in_a_row_leave_nothing_behind() {
    let trials = Trials::new("G56-TWICE", 2_000);
    let blows = [&Blow::DEATHS[..], &Blow::FAILURES[..]].concat();
    let mut all = Findings::default();
    for seed in trials.seeds() {
        let _guard = trials.guard(seed);
        let random = Random::new(seed);
        let flow = *random.pick(Flow::ALL);
        let world = World::default();
        let scene = flow.prepare(&world).await;
        let calls = run::calls(flow).await;
        let kill = || {
            let nth = random.below(calls.len());
            let error = run::error_of(&calls[nth]);
            Kill { nth: nth + 1, blow: *random.pick(&blows), error }
        };
        run::strike(&world, &scene, kill(), Again::Never).await;
        world.wait_minutes(if random.chance(1, 2) { 1 } else { 17 });
        run::strike(&world, &scene, kill(), *random.pick(&Again::ALL)).await;
        let findings = run::finish(&world, flow, flow.name()).await;
        findings.assert_none(1);
        all.add(findings);
    }
    trials.report(all.report());
}
