//! The functions as they run: processes that outlive a trial unless it kills them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use storage_core::safeguards::Safeguard;
use storage_testkit::jwt::Issuer;
use tempfile::TempDir;
use test_harness::{Binaries, Ended, Function, Limits, Sim, build};
use tokio::sync::Mutex;

use crate::plan::Plan;
use crate::proxy::{Proxy, Queue, Targets};

/// The longest a function may take for one event. A call that is held longer is a fault of the campaign.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// One process of one function, started when it is needed and again after it died.
pub(crate) struct Worker {
    program: PathBuf,
    environment: Vec<(String, String)>,
    plan: Arc<Plan>,
    running: Option<Function>,
    /// What processes that are gone have printed.
    log: String,
}

impl Worker {
    /// Sends one event.
    pub(crate) async fn invoke(&mut self, payload: Value) -> Result<Value, Ended> {
        let function = self.start().await;
        let answered = function.invoke(payload).await;
        if matches!(answered, Err(Ended::Died | Ended::TimedOut)) {
            self.plan.belongs_to(None);
            self.log = self.take_log();
            self.running = None;
        }
        answered
    }

    async fn start(&mut self) -> &mut Function {
        if !self.running.as_mut().is_some_and(Function::is_running) {
            self.log = self.take_log();
            let limits = Limits { address_space: None, time: WATCHDOG };
            self.running = Some(Function::start(&self.program, &self.environment, limits).await);
        }
        let function = self.running.as_mut().expect("it was just started");
        self.plan.belongs_to(Some(function.killer()));
        function
    }

    /// What its processes have printed since it was last asked.
    pub(crate) fn take_log(&mut self) -> String {
        let mut log = std::mem::take(&mut self.log);
        log.extend(self.running.as_ref().map(Function::take_log));
        log
    }
}

/// A worker with the plan for its calls.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) worker: Arc<Mutex<Worker>>,
    pub(crate) plan: Arc<Plan>,
}

/// Every process of the system.
pub struct Stack {
    pub(crate) issue: Process,
    pub(crate) direct: Process,
    pub(crate) complete: Process,
    pub(crate) process: [Process; 2],
    pub(crate) resolve: Process,
    pub(crate) delete: Process,
    pub(crate) cleanup: Process,
    pub(crate) queue: Queue,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) targets: Arc<Targets>,
    clock: PathBuf,
    _folder: TempDir,
    _world: Sim,
}

impl Stack {
    /// Compiles the functions and gets ready to start them, with one safeguard off or with all of them.
    pub async fn start(off: Option<Safeguard>) -> Self {
        let binaries = tokio::task::spawn_blocking(|| build(&["local", "switches"])).await.unwrap();
        let (issuer, targets) = (Arc::new(Issuer::es256()), Arc::new(Targets::default()));
        let world = Sim::with_issuer(issuer.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let clock = folder.path().join("clock");
        let queue = Queue::default();
        let mut shared = vec![
            ("STORAGE_TEST_CLOCK", clock.to_string_lossy().into_owned()),
            ("STORAGE_INGEST_INVOKE_URL", queue.open().await),
            ("STORAGE_MAX_RETRIES", "1".to_owned()),
        ];
        shared.extend(off.map(|off| ("STORAGE_TEST_SAFEGUARD_OFF", format!("{off:?}"))));
        let open = async |name| process(name, &binaries, &world, &targets, &shared).await;
        let stack = Stack {
            issue: open("issue-upload").await,
            direct: open("direct-upload").await,
            complete: open("complete-upload").await,
            process: [open("process-upload").await, open("process-upload").await],
            resolve: open("resolve-url").await,
            delete: open("delete-file").await,
            cleanup: open("scheduled-cleanup").await,
            queue,
            issuer,
            targets,
            clock,
            _folder: folder,
            _world: world,
        };
        stack.set_clock(0);
        stack
    }

    /// A fresh S3 and DynamoDB for every process, at the machine's time.
    pub(crate) async fn world(&self) -> Sim {
        let world = Sim::with_issuer(self.issuer.clone()).await;
        self.targets.s3.write().unwrap().clone_from(&world.s3_url);
        self.targets.dynamodb.write().unwrap().clone_from(&world.dynamodb_url);
        self.queue.clear();
        self.set_clock(0);
        world
    }

    /// Lets the functions' clock be so many seconds ahead.
    pub(crate) fn set_clock(&self, seconds: u64) {
        std::fs::write(self.clock.with_extension("new"), seconds.to_string()).unwrap();
        std::fs::rename(self.clock.with_extension("new"), &self.clock).unwrap();
    }

    /// Every process.
    pub(crate) fn processes(&self) -> [&Process; 8] {
        let [one, other] = &self.process;
        [&self.issue, &self.direct, &self.complete, one, other, &self.resolve, &self.delete, &self.cleanup]
    }
}

async fn process(
    name: &'static str,
    binaries: &Binaries,
    world: &Sim,
    targets: &Arc<Targets>,
    shared: &[(&str, String)],
) -> Process {
    let proxy = Proxy::open(targets).await;
    let mut environment = world.environment(&proxy.s3_url, &proxy.dynamodb_url);
    for (name, value) in shared {
        environment.retain(|(known, _)| known != name);
        environment.push(((*name).to_owned(), value.clone()));
    }
    let plan = proxy.plan;
    let worker = Worker {
        program: binaries.program(name),
        environment,
        plan: plan.clone(),
        running: None,
        log: String::new(),
    };
    Process { worker: Arc::new(Mutex::new(worker)), plan }
}
