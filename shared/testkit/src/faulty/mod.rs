//! A wrapper around any port that fails, loses replies, dies, runs hooks and records calls, as a test has planned it.
//!
//! One [`Faults`] can be shared by several wrappers: then the recording shows the order of calls across ports, such as
//! that a key was recorded before it was written.

mod backend;
mod crash;
mod doors;
mod store;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use storage_core::{Error, ErrorKind};
use tokio::sync::Notify;

pub use crash::Crash;
use crash::{Death, Last};

/// Every operation, in [`Faults::fail`] and its siblings.
pub const ANY: &str = "*";

/// A recorded call: the operation, and what it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation, such as `put` or `commit`.
    pub operation: &'static str,
    /// Its object, its key or its writes.
    pub subject: String,
}

impl Call {
    /// Whether it can change anything. Losing the reply of a call that only reads is the same as never sending it.
    pub fn is_write(&self) -> bool {
        !matches!(
            self.operation,
            "get"
                | "head"
                | "exists"
                | "list"
                | "check"
                | "parts"
                | "open_uploads"
                | "due"
                | "files_of_owner"
                | "scan_files"
                | "files_of_external_id"
                | "audit_trail"
                | "last_sweep_report"
                | "presign_post"
                | "verdict"
        ) && !self.operation.starts_with("get_")
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.operation, self.subject)
    }
}

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

enum Effect {
    /// The call does not happen.
    Fail(ErrorKind),
    /// The call happens, and its reply is lost.
    LoseReply(ErrorKind),
    /// Something else happens just before the call.
    Before(Hook),
    /// Something else happens just after the call, before its caller hears of it.
    After(Hook),
}

struct Rule {
    operation: &'static str,
    /// How many more matching calls are left alone.
    wait: usize,
    /// Whether every later call fails too, as after a crash.
    forever: bool,
    effect: Effect,
}

/// A plan of faults and a recording of calls. Clones share both.
#[derive(Clone, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    died: Arc<Notify>,
    released: Arc<Notify>,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    calls: Vec<Call>,
    death: Death,
}

/// What happens to one call.
#[derive(Default)]
struct Fate {
    before: Vec<Hook>,
    fail: Option<ErrorKind>,
    lose: Option<ErrorKind>,
    after: Vec<Hook>,
    last: Option<Last>,
}

impl Faults {
    /// No faults yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The `nth` call of `operation` from now, counted from 1, fails with `kind` and does nothing.
    pub fn fail(&self, operation: &'static str, nth: usize, kind: ErrorKind) {
        self.plan(operation, nth, false, Effect::Fail(kind));
    }

    /// The `nth` call of `operation` from now and every one after it fail: the process has crashed, or the server has.
    pub fn fail_from(&self, operation: &'static str, nth: usize, kind: ErrorKind) {
        self.plan(operation, nth, true, Effect::Fail(kind));
    }

    /// The `nth` call of `operation` from now happens, and fails with `kind` all the same: its reply is lost.
    pub fn lose_reply(&self, operation: &'static str, nth: usize, kind: ErrorKind) {
        self.plan(operation, nth, false, Effect::LoseReply(kind));
    }

    /// `hook` runs to its end just before the `nth` call of `operation` from now: between a HEAD and a copy, say.
    pub fn before<F>(&self, operation: &'static str, nth: usize, hook: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.plan(operation, nth, false, Effect::Before(Box::new(|| Box::pin(hook()))));
    }

    /// `hook` runs to its end just after the `nth` call of `operation` from now, before the caller has the answer.
    pub fn after<F>(&self, operation: &'static str, nth: usize, hook: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.plan(operation, nth, false, Effect::After(Box::new(|| Box::pin(hook()))));
    }

    /// Forgets all plans; calls stay recorded.
    pub fn heal(&self) {
        self.state.lock().unwrap().rules.clear();
    }

    /// Every call since the start or the last [`Faults::forget_calls`], failed ones included, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    /// The calls as lines of `operation subject`, for golden files.
    pub fn lines(&self) -> Vec<String> {
        self.calls().iter().map(Call::to_string).collect()
    }

    /// How often `operation` was called.
    pub fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| operation == ANY || call.operation == operation).count()
    }

    /// Starts a new recording.
    pub fn forget_calls(&self) {
        self.state.lock().unwrap().calls.clear();
    }

    fn plan(&self, operation: &'static str, nth: usize, forever: bool, effect: Effect) {
        assert!(nth > 0, "calls are counted from 1");
        self.state.lock().unwrap().rules.push(Rule { operation, wait: nth - 1, forever, effect });
    }

    /// Records a call and takes the rules that it sets off.
    fn enter(&self, operation: &'static str, subject: String) -> Fate {
        let mut state = self.state.lock().unwrap();
        let last = state.death.enter();
        if last != Some(Last::Dead) {
            state.calls.push(Call { operation, subject });
        }
        let mut fate = Fate { last, ..Fate::default() };
        let mut kept = Vec::new();
        for mut rule in state.rules.drain(..) {
            if rule.operation != ANY && rule.operation != operation {
                kept.push(rule);
            } else if rule.wait > 0 {
                rule.wait -= 1;
                kept.push(rule);
            } else {
                match rule.effect {
                    Effect::Fail(kind) => {
                        fate.fail = Some(kind);
                        if rule.forever {
                            kept.push(Rule { effect: Effect::Fail(kind), ..rule });
                        }
                    }
                    Effect::LoseReply(kind) => fate.lose = Some(kind),
                    Effect::Before(hook) => fate.before.push(hook),
                    Effect::After(hook) => fate.after.push(hook),
                }
            }
        }
        state.rules = kept;
        fate
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Faults").field("calls", &self.calls().len()).finish_non_exhaustive()
    }
}

/// A port with faults.
pub struct Faulty<T: ?Sized> {
    inner: Arc<T>,
    faults: Faults,
}

impl<T: ?Sized> Faulty<T> {
    /// `inner` as `faults` would have it.
    pub fn new(inner: Arc<T>, faults: Faults) -> Self {
        Faulty { inner, faults }
    }

    /// The plan and the recording.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    async fn call<R, E: From<Error>>(
        &self,
        operation: &'static str,
        subject: String,
        action: impl Future<Output = Result<R, E>> + Send,
    ) -> Result<R, E> {
        let fate = self.faults.enter(operation, subject);
        let planned = |kind| Error::new(kind, format!("a planned fault of {operation}")).into();
        for hook in fate.before {
            hook().await;
        }
        if let Some(last) = fate.last {
            return self.faults.die(last, action).await;
        }
        if let Some(kind) = fate.fail {
            return Err(planned(kind));
        }
        let result = action.await;
        for hook in fate.after {
            hook().await;
        }
        match fate.lose {
            Some(kind) => Err(planned(kind)),
            None => result,
        }
    }
}

impl<T: fmt::Debug + ?Sized> fmt::Debug for Faulty<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Faulty({:?})", &self.inner)
    }
}
