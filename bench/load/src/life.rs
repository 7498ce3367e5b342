//! Lives of files: presign, upload, ready, resolve, read, delete, one after the other and many at once.
//!
//! Each client has a process of each function to itself, as Lambda gives each request that is under way an instance of its
//! own. Every answer is held to its status, and what is read to what was sent.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use storage_core::record::FileState;
use storage_testkit::trials::Random;
use test_harness::Request;

use crate::measure::Samples;
use crate::options::Options;
use crate::process::{Process, together, total};
use crate::world::World;
use crate::{Outcome, during};

/// The steps of a life, in their order. Two of them are answered by S3 alone.
pub(crate) const STEPS: [&str; 6] = ["presign", "upload", "ready", "resolve", "read", "delete"];
/// The functions, with the steps they answer.
const FUNCTIONS: [(&str, usize); 4] =
    [("issue-upload", 0), ("complete-upload", 2), ("resolve-url", 3), ("delete-file", 5)];
/// The smallest and the largest file, in bytes.
const SIZES: (usize, usize) = (1024, 64 * 1024);
/// How many lives a client leads before they are counted.
const WARM_UP: usize = 10;
/// How many files the routes alone have to choose from.
const READY: usize = 64;

/// A client with its processes.
struct Client<'a> {
    world: &'a World,
    token: String,
    random: Random,
    /// In the order of [`FUNCTIONS`].
    processes: Vec<Process>,
    took: [Vec<Duration>; STEPS.len()],
}

/// The request for a form, and nothing else that a client knows of its file.
pub(crate) fn presign(size: usize) -> Request {
    let body = json!({ "filename": "report.txt", "content_type": "text/plain", "size_bytes": size });
    Request::new("POST", "/api/v1/files/presigned-upload").json(&body)
}

/// The request for a file's record with its URL.
pub(crate) fn resolve(file: &str) -> Request {
    Request::new("GET", &format!("/api/v1/files/{file}"))
}

/// A text of the seed's.
pub(crate) fn text(random: &Random) -> Bytes {
    let length = SIZES.0 + random.below(SIZES.1 - SIZES.0);
    random
        .bytes(length)
        .into_iter()
        .map(|byte| if byte % 61 == 0 { b'\n' } else { b' ' + byte % 95 })
        .collect()
}

/// Sends bytes as the form says; the peers' answers have shorter names.
pub(crate) async fn upload(world: &World, issued: &Value, bytes: &Bytes) -> Outcome<Duration> {
    let named = |long: &str, short: &str| issued.get(long).or(issued.get(short)).cloned().unwrap_or_default();
    let (url, fields) = (named("upload_url", "url"), named("upload_fields", "fields"));
    let (Some(url), Some(fields)) = (url.as_str(), fields.as_object()) else {
        return Err(format!("no form: {issued}"));
    };
    let form = fields.iter().fold(Form::new(), |form, (name, value)| {
        form.text(name.clone(), value.as_str().unwrap_or_default().to_owned())
    });
    let form = form.part("file", Part::bytes(bytes.to_vec()).file_name("report.txt"));
    let sent = Instant::now();
    let answer = during("upload", world.client.post(url).multipart(form).send().await)?;
    let (status, took) = (answer.status(), sent.elapsed());
    match status.is_success() {
        true => Ok(took),
        false => Err(format!("the form is refused: {status} {}", answer.text().await.unwrap_or_default())),
    }
}

/// Reads a URL, and compares.
pub(crate) async fn read(world: &World, record: &Value, bytes: &Bytes) -> Outcome<Duration> {
    let url = record["url"].as_str().ok_or_else(|| format!("no URL: {record}"))?;
    let asked = Instant::now();
    let answer = during("read", world.client.get(url).send().await)?;
    let status = answer.status();
    let found = during("read", answer.bytes().await)?;
    let took = asked.elapsed();
    match status.is_success() && found == bytes {
        true => Ok(took),
        false => Err(format!("{url} answered {status} and {} bytes of {}", found.len(), bytes.len())),
    }
}

impl<'a> Client<'a> {
    async fn start(world: &'a World, options: &Options, seed: u64) -> Outcome<Self> {
        let mut processes = Vec::new();
        for (function, _) in FUNCTIONS {
            processes.push(Process::start(&options.functions.join(function), &world.environment()).await?);
        }
        let (token, random) = (world.token(), Random::new(seed));
        Ok(Client { world, token, random, processes, took: Default::default() })
    }

    /// Asks the function of a step.
    async fn ask(&mut self, step: usize, request: Request, status: u16) -> Outcome<Value> {
        let at = FUNCTIONS
            .iter()
            .position(|(_, answers)| *answers == step)
            .ok_or("no function answers this step")?;
        let (reply, took) = self.processes[at].ask(request.token(&self.token), status).await?;
        self.took[step].push(took);
        Ok(reply.json())
    }

    /// The first four steps; what was sent and the file's record.
    async fn arrive(&mut self) -> Outcome<(Bytes, Value)> {
        let bytes = text(&self.random);
        let issued = self.ask(0, presign(bytes.len()), 201).await?;
        self.took[1].push(upload(self.world, &issued, &bytes).await?);
        let file = issued["file_id"].as_str().unwrap_or_default();
        let complete = Request::new("POST", &format!("/api/v1/files/{file}/complete"));
        let record = self.ask(2, complete, 200).await?;
        if record["state"] != "ready" {
            return Err(format!("not ready after complete: {record}"));
        }
        let record = self.ask(3, resolve(file), 200).await?;
        Ok((bytes, record))
    }

    async fn live(&mut self) -> Outcome<()> {
        let (bytes, record) = self.arrive().await?;
        self.took[4].push(read(self.world, &record, &bytes).await?);
        let file = record["file_id"].as_str().unwrap_or_default();
        let delete = Request::new("DELETE", &format!("/api/v1/files/{file}?permanent=true"));
        self.ask(5, delete, 204).await?;
        Ok(())
    }

    async fn lives(&mut self, until: Instant) -> Outcome<()> {
        while Instant::now() < until {
            self.live().await?;
        }
        Ok(())
    }
}

/// Lets `concurrency` clients lead one life after the other, for as long as all turns of a level take.
pub(crate) async fn measure(
    world: &World,
    options: &Options,
    concurrency: usize,
    random: &Random,
) -> Outcome<Vec<Samples>> {
    let mut clients = Vec::new();
    for _ in 0..concurrency {
        clients.push(Client::start(world, options, random.next()).await?);
    }
    all(&mut clients, async |client| {
        for _ in 0..WARM_UP {
            client.live().await?;
        }
        Ok(())
    })
    .await?;
    let cpu = |clients: &[Client<'_>], at: usize| total(clients.iter().map(|client| &client.processes[at]));
    let mut before = Vec::new();
    for at in 0..FUNCTIONS.len() {
        before.push(cpu(&clients, at)?);
    }
    for client in &mut clients {
        client.took = Default::default();
    }
    let began = Instant::now();
    let until = began + options.turn * u32::try_from(options.rounds).unwrap_or(u32::MAX);
    all(&mut clients, async |client| client.lives(until).await).await?;
    let wall = began.elapsed();
    let mut steps = vec![Samples { wall, ..Samples::default() }; STEPS.len()];
    for client in &mut clients {
        for (step, took) in steps.iter_mut().zip(&mut client.took) {
            step.took.append(took);
        }
    }
    for (at, (_, step)) in FUNCTIONS.iter().enumerate() {
        steps[*step].cpu = cpu(&clients, at)?.saturating_sub(before[at]);
    }
    nothing_is_left(world).await?;
    Ok(steps)
}

/// Every client at once, each in a future of its own.
async fn all<'a>(
    clients: &mut [Client<'a>],
    act: impl AsyncFn(&mut Client<'a>) -> Outcome<()>,
) -> Outcome<()> {
    together(clients.iter_mut().map(|client| act(client))).await.map(drop)
}

/// Deleted for good is deleted: every record is a tombstone.
async fn nothing_is_left(world: &World) -> Outcome<()> {
    let records = world.sim.records().await;
    let left =
        records.iter().filter(|record| !matches!(record.state, FileState::Deleting | FileState::Deleted));
    match left.count() {
        0 => Ok(()),
        left => Err(format!("{left} of {} files outlive their deletion", records.len())),
    }
}

/// Files that are ready: their ids, and their bytes.
pub(crate) async fn ready_files(
    world: &World,
    options: &Options,
    random: &Random,
) -> Outcome<Vec<(String, Bytes)>> {
    let mut client = Client::start(world, options, random.next()).await?;
    let mut files = Vec::new();
    for _ in 0..READY {
        let (bytes, record) = client.arrive().await?;
        files.push((record["file_id"].as_str().unwrap_or_default().to_owned(), bytes));
    }
    Ok(files)
}
