//! What clients and functions do in a trial, and what goes wrong meanwhile.

use storage_testkit::trials::Random;
use test_harness::{Reply, Request};

use crate::content::{Content, Flaw, Purpose};
use crate::findings::{Finding, Kind, Tally};
use crate::heal::heal;
use crate::oracle;
use crate::plan::Fault;
use crate::stack::{Process, Stack};
use crate::trial::{Deleted, Trial, Upload};

/// More calls than any flow makes.
const CALLS: usize = 15;
/// After a lease, in seconds.
const LEASE_OVER: u64 = 17 * 60;

/// Plays the trial of a seed to its end, and gives what was found.
pub async fn play(stack: &Stack, seed: u64, tally: &mut Tally) -> Vec<Finding> {
    tally.trials += 1;
    let mut trial = Trial::begin(stack, seed, tally).await;
    match trial.random.below(12) {
        0..=6 => interfere(&mut trial).await,
        7 => late_bytes(&mut trial).await,
        8 => two_generations(&mut trial).await,
        9 => flawed(&mut trial).await,
        10 => broken_requests(&mut trial).await,
        _ => direct(&mut trial).await,
    }
    match heal(&mut trial).await {
        Some(minutes) => trial.tally.worst_heal_minutes = trial.tally.worst_heal_minutes.max(minutes),
        None => trial.find(Kind::Stuck, "there is always something left to do"),
    }
    oracle::check(&mut trial).await;
    let found = std::mem::take(&mut trial.findings);
    drop(trial);
    tally.findings.extend(found.iter().map(|finding| (seed, finding.clone())));
    found
}

fn any_purpose(random: &Random) -> Purpose {
    *random.pick(&[Purpose::Avatar, Purpose::Avatar, Purpose::Attachment])
}

fn any_fault(random: &Random) -> Fault {
    *random.pick(&[
        Fault::KillBefore,
        Fault::KillForwarded,
        Fault::KillAfterReply,
        Fault::Unavailable,
        Fault::Reset,
        Fault::LoseReply,
        Fault::OkWithError,
    ])
}

/// One worker is late, dies or is refused at one of its calls, while others go on.
async fn interfere(trial: &mut Trial<'_>) {
    let purpose = any_purpose(&trial.random);
    let upload = trial.issue(purpose).await;
    trial.upload(upload, Content::good(&trial.random)).await;
    let first = trial.stack.process[0].clone();
    let fault = if trial.random.chance(3, 5) { Fault::Hold } else { any_fault(&trial.random) };
    match trial.random.chance(1, 2) {
        true => first.plan.arm_write(1 + trial.random.below(4), fault),
        false => first.plan.arm(1 + trial.random.below(CALLS), fault),
    }
    let mut running = trial.start(&first, trial.event(upload));
    let held = tokio::select! {
        () = first.plan.held() => true,
        _ = &mut running => false,
    };
    if held {
        meddle(trial, &first, upload).await;
        first.plan.release();
        let _ = running.await;
    }
    trial.count(&first);
    match trial.random.below(6) {
        0 => trial.deliver(upload).await,
        1 => trial.delete(upload, true).await,
        2 => trial.complete(upload).await,
        3 if purpose == Purpose::Avatar => trial.delete_avatar().await,
        _ => {}
    }
}

/// What can happen while a call is late.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Deliver,
    Swap,
    Delete,
    LeaseOver,
    Kill,
    Sweep,
    Complete,
}

/// The orders in which it is most dangerous.
const DANGEROUS: &[&[Meanwhile]] = &[
    &[Meanwhile::Swap],
    &[Meanwhile::LeaseOver, Meanwhile::Deliver],
    &[Meanwhile::LeaseOver, Meanwhile::Swap, Meanwhile::Deliver],
    &[Meanwhile::Kill, Meanwhile::Delete, Meanwhile::Sweep],
];

const ANY: &[Meanwhile] = &[
    Meanwhile::Deliver,
    Meanwhile::Swap,
    Meanwhile::Delete,
    Meanwhile::LeaseOver,
    Meanwhile::Kill,
    Meanwhile::Sweep,
    Meanwhile::Complete,
];

async fn meddle(trial: &mut Trial<'_>, first: &Process, upload: usize) {
    let steps = match trial.random.chance(1, 2) {
        true => trial.random.pick(DANGEROUS).to_vec(),
        false => (0..1 + trial.random.below(4)).map(|_| *trial.random.pick(ANY)).collect(),
    };
    let mut over = false;
    for step in steps {
        match step {
            Meanwhile::Deliver => trial.deliver(upload).await,
            Meanwhile::Swap => trial.upload(upload, Content::good(&trial.random)).await,
            Meanwhile::Delete => {
                let permanent = trial.random.chance(2, 3);
                trial.delete(upload, permanent).await;
            }
            // No call is on its way for longer than a lease and what tombstones wait besides: its function gives it up
            // within seconds, and the network within minutes.
            Meanwhile::LeaseOver if over => {}
            Meanwhile::LeaseOver => {
                trial.wait(LEASE_OVER);
                trial.disturbed = true;
                over = true;
            }
            Meanwhile::Kill => {
                first.plan.kill();
                *trial.tally.kills.entry("late").or_default() += 1;
                trial.disturbed = true;
            }
            Meanwhile::Sweep => trial.sweep().await,
            Meanwhile::Complete => trial.complete(upload).await,
        }
    }
}

/// Bytes and events that come after the end.
async fn late_bytes(trial: &mut Trial<'_>) {
    let purpose = any_purpose(&trial.random);
    let upload = trial.issue(purpose).await;
    if trial.random.chance(1, 2) {
        trial.upload(upload, Content::good(&trial.random)).await;
        trial.deliver(upload).await;
    }
    let process = trial.stack.delete.clone();
    if trial.random.chance(1, 2) {
        process.plan.arm(1 + trial.random.below(8), any_fault(&trial.random));
    }
    trial.delete(upload, true).await;
    if trial.count(&process).is_some() && trial.random.chance(1, 2) {
        trial.delete(upload, true).await;
    }
    if trial.random.chance(1, 2) {
        trial.wait(LEASE_OVER);
        trial.sweep().await;
    }
    trial.upload(upload, Content::good(&trial.random)).await;
    trial.deliver(upload).await;
    trial.complete(upload).await;
}

/// Two avatars of one user, finalised in any order, with faults.
async fn two_generations(trial: &mut Trial<'_>) {
    let mut order = Vec::new();
    for _ in 0..2 {
        let upload = trial.issue(Purpose::Avatar).await;
        trial.upload(upload, Content::good(&trial.random)).await;
        order.extend([upload, upload]);
        if trial.random.chance(1, 6) {
            trial.delete_avatar().await;
        }
    }
    trial.random.shuffle(&mut order);
    let first = trial.stack.process[0].clone();
    for upload in order {
        if trial.random.chance(1, 3) {
            first.plan.arm(1 + trial.random.below(CALLS), any_fault(&trial.random));
        }
        let _ = trial.start(&first, trial.event(upload)).await;
        trial.count(&first);
        oracle::one_generation(trial).await;
    }
}

/// Uploads that must be refused, by whoever looks first.
async fn flawed(trial: &mut Trial<'_>) {
    let purpose = any_purpose(&trial.random);
    let flaw = *trial.random.pick(&[Flaw::OtherType, Flaw::TooLong]);
    let upload = trial.issue(purpose).await;
    trial.upload(upload, Content::flawed(flaw, &trial.random)).await;
    let first = trial.stack.process[0].clone();
    if trial.random.chance(1, 3) {
        first.plan.arm(1 + trial.random.below(CALLS), any_fault(&trial.random));
    }
    let _ = trial.start(&first, trial.event(upload)).await;
    trial.count(&first);
    if trial.random.chance(1, 2) {
        trial.complete(upload).await;
    }
}

/// A request for a form that fails on its way, and is repeated with its key.
async fn broken_requests(trial: &mut Trial<'_>) {
    let purpose = any_purpose(&trial.random);
    let (process, request) = trial.presign(purpose);
    let request = request.header("idempotency-key", &trial.random.next().to_string());
    process.plan.arm(1 + trial.random.below(8), any_fault(&trial.random));
    let first = trial.send(&process, request.clone()).await.filter(|reply| reply.status == 201);
    trial.count(&process);
    let second = trial.send(&process, request).await.expect("an answer");
    let upload = trial.issued(purpose, &second);
    if first.is_some_and(|first| first.json()["file_id"] != second.json()["file_id"]) {
        trial.find(Kind::SecondEffect, "a repeated request has another file");
    }
    if trial.sim.records().await.len() != 1 {
        trial.find(Kind::SecondEffect, "a repeated request made another record");
    }
    trial.upload(upload, Content::good(&trial.random)).await;
    if trial.random.chance(1, 2) {
        let complete = trial.stack.complete.clone();
        complete.plan.arm(1 + trial.random.below(CALLS), any_fault(&trial.random));
        trial.complete(upload).await;
        trial.count(&complete);
    }
    let cleanup = trial.stack.cleanup.clone();
    trial.wait(LEASE_OVER);
    cleanup.plan.arm(1 + trial.random.below(CALLS), any_fault(&trial.random));
    trial.sweep().await;
    trial.count(&cleanup);
}

/// A file in the request itself, whose function fails on its way, and is sent again or not.
async fn direct(trial: &mut Trial<'_>) {
    let purpose = any_purpose(&trial.random);
    let path = match purpose {
        Purpose::Avatar => format!("/api/v1/users/{}/avatar", trial.user),
        Purpose::Attachment => "/api/v1/files/upload".to_owned(),
    };
    let content = Content::good(&trial.random);
    let request = Request::new("POST", &path)
        .file("photo.jpg", "image/jpeg", &content.bytes)
        .header("idempotency-key", &trial.random.next().to_string());
    let process = trial.stack.direct.clone();
    process.plan.arm(1 + trial.random.below(CALLS), any_fault(&trial.random));
    let told = |reply: Option<Reply>| reply.filter(|reply| reply.status == 201);
    let mut reply = told(trial.send(&process, request.clone()).await);
    trial.count(&process);
    if trial.random.chance(1, 2) {
        if trial.random.chance(1, 2) {
            trial.wait(LEASE_OVER);
        }
        let second = told(trial.send(&process, request).await);
        let id = |reply: &Reply| reply.json()["file_id"].clone();
        if reply.as_ref().zip(second.as_ref()).is_some_and(|(first, second)| id(first) != id(second)) {
            trial.find(Kind::SecondEffect, "a repeated upload is another file");
        }
        reply = reply.or(second);
    }
    if trial.sim.records().await.len() > 1 {
        trial.find(Kind::SecondEffect, "a repeated upload made another record");
    }
    if let Some(reply) = reply {
        let form = reply.json();
        trial.uploads.push(Upload {
            id: form["file_id"].as_str().unwrap_or_default().to_owned(),
            purpose,
            form,
            contents: vec![content],
            acknowledged: true,
            deleted: Deleted::No,
            direct: true,
        });
    }
}
