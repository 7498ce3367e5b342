//! One run: a blow comes at one call of a flow, the world goes on, and everything is looked at afterwards.

use std::time::Duration;

use storage_core::ErrorKind;
use storage_core::record::{FileRecord, FileState};
use storage_testkit::faulty::{ANY, Call, Crash};

use crate::flows::{Flow, Scene};
use crate::process::{Action, Answer, Process};
use crate::watch::{Fault, Findings};
use crate::world::World;

/// How often the sweep runs.
const SWEEP: Duration = Duration::from_secs(10 * 60);
/// More sweeps than anything takes.
const MANY: usize = 500;

/// Whether and when a dead process's work is asked for again: the event redelivered, the request repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Never.
    Never,
    /// A minute later, while the lease of the dead is alive.
    Soon,
    /// After the lease: 17 minutes later.
    AfterLease,
}

impl Again {
    /// Every choice.
    pub const ALL: [Again; 3] = [Again::Never, Again::Soon, Again::AfterLease];
}

/// What befalls a process at one of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blow {
    /// It dies.
    Dies(Crash),
    /// The call fails and does nothing.
    CallFails,
    /// The call is carried out, and reported as failed.
    ReplyIsLost,
    /// That call and all that follow fail.
    OutageBegins,
}

impl Blow {
    /// Every death.
    pub const DEATHS: [Blow; 4] = [
        Blow::Dies(Crash::Before),
        Blow::Dies(Crash::After),
        Blow::Dies(Crash::Amid),
        Blow::Dies(Crash::Late),
    ];
    /// Every failure that the process survives.
    pub const FAILURES: [Blow; 3] = [Blow::CallFails, Blow::ReplyIsLost, Blow::OutageBegins];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Blow::Dies(Crash::Before) => "before",
            Blow::Dies(Crash::After) => "after",
            Blow::Dies(Crash::Amid) => "amid",
            Blow::Dies(Crash::Late) => "late",
            Blow::CallFails => "call_fails",
            Blow::ReplyIsLost => "reply_is_lost",
            Blow::OutageBegins => "outage_begins",
        }
    }
}

/// A blow, and the call it comes at.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    /// The call, counted from 1.
    pub nth: usize,
    /// The blow.
    pub blow: Blow,
    /// The error of a call that fails.
    pub error: ErrorKind,
}

/// The calls of a flow that nothing befalls.
pub async fn calls(flow: Flow) -> Vec<Call> {
    let world = World::default();
    let scene = flow.prepare(&world).await;
    let process = Process::new(&world);
    process.perform(&scene.action).await;
    process.faults.calls()
}

/// How a call fails: as its port does.
pub fn error_of(call: &Call) -> ErrorKind {
    match call.operation {
        "put" | "get" | "head" | "exists" | "delete" | "list" | "copy" | "enqueue" | "presign_post"
        | "verdict" | "create_upload" | "parts" | "complete_upload" | "copy_part" | "abort_upload"
        | "open_uploads" => ErrorKind::StorageUnavailable,
        _ => ErrorKind::MetadataUnavailable,
    }
}

/// All of these blows, at each of the calls. A call that only reads is the same lost, late or answered in vain.
pub fn kills(calls: &[Call], blows: &[Blow]) -> Vec<Kill> {
    let mut kills = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        for &blow in blows {
            let is_plain = matches!(blow, Blow::Dies(Crash::Before) | Blow::CallFails | Blow::OutageBegins);
            if is_plain || call.is_write() {
                kills.push(Kill { nth: index + 1, blow, error: error_of(call) });
            }
        }
    }
    kills
}

/// Strikes a flow once, and says what is wrong at the end.
pub async fn struck_once(flow: Flow, kill: Kill, again: Again) -> Findings {
    let world = World::default();
    let scene = flow.prepare(&world).await;
    strike(&world, &scene, kill, again).await;
    finish(&world, flow, &format!("{} {kill:?} {again:?}", flow.name())).await
}

/// Lets the blow come, then what somebody else does meanwhile, then whoever asks again.
///
/// A call that arrives late does so after two minutes, when a prompt retry is over; after one, when the retry is still to
/// come; or after twelve, when there is no retry and a sweep has passed.
pub async fn strike(world: &World, scene: &Scene, kill: Kill, again: Again) {
    world.asked(&scene.action);
    let process = Process::new(world);
    match kill.blow {
        Blow::Dies(crash) => process.faults.crash(kill.nth, crash),
        Blow::CallFails => process.faults.fail(ANY, kill.nth, kill.error),
        Blow::ReplyIsLost => process.faults.lose_reply(ANY, kill.nth, kill.error),
        Blow::OutageBegins => process.faults.fail_from(ANY, kill.nth, kill.error),
    }
    let mut running = Box::pin(process.perform(&scene.action));
    if let Some(answer) = process.faults.until_crash(running.as_mut()).await {
        world.answered(&scene.action, &answer).await;
    }
    world.look().await;
    if let Some(meanwhile) = &scene.meanwhile {
        world.perform(meanwhile).await;
        world.look().await;
    }
    let is_late = kill.blow == Blow::Dies(Crash::Late) && process.faults.has_crashed();
    match again {
        Again::Never if is_late => {
            world.wait(SWEEP);
            world.perform(&Action::Sweep).await;
            world.deliver().await;
            world.wait_minutes(2);
            process.faults.arrive_late(running.as_mut()).await;
        }
        Again::Never => {}
        Again::Soon => {
            world.wait_minutes(1);
            ask_again(world, scene).await;
            world.wait_minutes(1);
            if is_late {
                process.faults.arrive_late(running.as_mut()).await;
            }
        }
        Again::AfterLease => {
            world.wait_minutes(1);
            if is_late {
                process.faults.arrive_late(running.as_mut()).await;
                world.look().await;
            }
            world.wait_minutes(16);
            ask_again(world, scene).await;
        }
    }
    world.look().await;
}

/// The same is asked of a process that lives. It succeeds, but for a request whose lease the dead process still holds.
async fn ask_again(world: &World, scene: &Scene) {
    let answer = world.perform(&scene.action).await;
    world.look().await;
    let is_right = match (&answer, &scene.action) {
        (Answer::Refused(kind), action) if is_said_again(action, *kind) => true,
        (Answer::Refused(kind), Action::Direct(_, _, Some(_))) => *kind == ErrorKind::RequestInProgress,
        (Answer::Refused(kind), _) => scene.refusal == Some(*kind),
        _ => scene.refusal.is_none(),
    };
    if !is_right {
        world.watch().found(Fault::Illegal, format!("the repeated request was answered with {answer:?}"));
    }
}

/// What a repeated request is told that was done before, or that somebody dead may still be doing.
fn is_said_again(action: &Action, kind: ErrorKind) -> bool {
    match action {
        Action::Restore(_) | Action::Unquarantine(_) => kind == ErrorKind::StateConflict,
        // A removal that nobody acknowledged keeps the file from coming back; a deletion meanwhile ends it.
        Action::Edit(..) => matches!(kind, ErrorKind::RequestInProgress | ErrorKind::NotFound),
        Action::Transfer(_, _, key) => match kind {
            ErrorKind::RequestInProgress => true,
            ErrorKind::NotFound => true,
            // Under its key it is told that what it made is gone again.
            ErrorKind::StateConflict => key.is_some(),
            _ => false,
        },
        _ => false,
    }
}

/// Lets sweeps and deliveries pass until nothing changes, audits; then delivers everything once more, and audits again.
pub async fn finish(world: &World, flow: Flow, run: &str) -> Findings {
    settle(world).await;
    world.audit().await;
    if flow.is_keyed() && world.store.files().len() > flow.most_files() {
        world.watch().found(Fault::Illegal, "one key made two files".to_owned());
    }
    let before = world.snapshot();
    post_everything_again(world).await;
    settle(world).await;
    world.audit().await;
    let after = world.snapshot();
    let mut watch = world.watch();
    if before != after {
        watch.found(Fault::Resurrected, format!("a late event changed {before:?} into {after:?}"));
    }
    let mut findings = std::mem::take(&mut watch.findings);
    for (_, words) in &mut findings.faults {
        *words = format!("{run}: {words}");
    }
    findings
}

/// Sweeps every ten minutes, and deliveries in between, until there is nothing left to do.
///
/// Where nothing is due and nothing lies on staging the sweep does nothing: time goes on to when something is due.
pub async fn settle(world: &World) {
    for _ in 0..MANY {
        world.deliver().await;
        world.look().await;
        // The end of an export that is there is no work that a crash has left.
        let files = world.store.files();
        let ends =
            |record: &&FileRecord| record.state == FileState::Ready && record.due_at == record.expires_at;
        let due = files.iter().filter(|record| !ends(record)).filter_map(|record| record.due_at).min();
        let is_staged = world.has_strays();
        let soon = world.now() + SWEEP;
        let next = match due {
            _ if is_staged => soon,
            Some(due) => due.max(soon),
            None => return,
        };
        world.clock.set(next);
        world.perform(&Action::Sweep).await;
    }
    let mut watch = world.watch();
    watch.found(Fault::Orphan, "the sweep never comes to an end".to_owned());
}

/// Browsers post their forms again, and every event there ever was is delivered again.
async fn post_everything_again(world: &World) {
    let staged = world.watch().staged.clone();
    for (object, bytes) in staged {
        world.repost(&object, &bytes).await;
        world.perform(&Action::Event(object)).await;
        world.look().await;
    }
}
