//! The end of a process: the call it dies at, and what of that call still happens.

use std::future::{Future, pending};
use std::pin::Pin;

use super::Faults;

/// What becomes of the call at which a process dies. Its reply never comes, and nothing follows it.
///
/// A process that dies just after a reply is the same as one that dies before its next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Crash {
    /// The call is never sent.
    Before,
    /// The call is carried out.
    After,
    /// The call is lost, and those that the process makes at the same time are carried out.
    Amid,
    /// The call is on its way, and carried out when the test says so: see [`Faults::arrive_late`].
    Late,
}

impl Crash {
    /// Every way for a process to die at a call.
    pub const ALL: [Crash; 4] = [Crash::Before, Crash::After, Crash::Amid, Crash::Late];
}

/// The last that is heard of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// The call it dies at.
    Dying(Crash),
    /// A call that it made beside the one it died at, and that arrives.
    Beside,
    /// A call that never leaves, since the process is dead.
    Dead,
}

/// The planned death of a process.
#[derive(Default)]
pub(super) struct Death {
    plan: Option<(usize, Crash)>,
    died: Option<Crash>,
    released: bool,
}

impl Death {
    /// What becomes of the next call, if the process dies at it or is dead.
    pub(super) fn enter(&mut self) -> Option<Last> {
        match (self.died, &mut self.plan) {
            (Some(Crash::Amid), _) => Some(Last::Beside),
            (Some(_), _) => Some(Last::Dead),
            (None, Some((1, crash))) => {
                self.died = Some(*crash);
                Some(Last::Dying(*crash))
            }
            (None, Some((wait, _))) => {
                *wait -= 1;
                None
            }
            (None, None) => None,
        }
    }
}

impl Faults {
    /// The process dies at its `nth` call from now, counted from 1 over all operations.
    pub fn crash(&self, nth: usize, crash: Crash) {
        assert!(nth > 0, "calls are counted from 1");
        self.state.lock().unwrap().death.plan = Some((nth, crash));
    }

    /// Whether the process has died.
    pub fn has_crashed(&self) -> bool {
        self.state.lock().unwrap().death.died.is_some()
    }

    /// Runs the process to its end, or until it dies: then there is no answer, and it stays where it is.
    ///
    /// Its future is to be dropped then, or given to [`Faults::arrive_late`].
    pub async fn until_crash<T>(&self, mut process: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        tokio::select! {
            biased;
            answer = process.as_mut() => Some(answer),
            () = self.died.notified() => None,
        }
    }

    /// Carries out the one call that was on its way when the process died of [`Crash::Late`].
    pub async fn arrive_late<T>(&self, mut process: Pin<&mut impl Future<Output = T>>) {
        self.state.lock().unwrap().death.released = true;
        self.released.notify_one();
        tokio::select! {
            biased;
            _ = process.as_mut() => panic!("a dead process came to an end"),
            () = self.died.notified() => {}
        }
    }

    /// Does what is left of a call whose reply nobody waits for.
    pub(super) async fn die<R>(&self, last: Last, action: impl Future<Output = R>) -> R {
        match last {
            Last::Dead => {}
            Last::Dying(Crash::Before | Crash::Amid) => self.died.notify_one(),
            Last::Dying(Crash::After) => {
                action.await;
                self.died.notify_one();
            }
            Last::Dying(Crash::Late) => {
                self.died.notify_one();
                while !self.state.lock().unwrap().death.released {
                    self.released.notified().await;
                }
                action.await;
                self.died.notify_one();
            }
            Last::Beside => {
                action.await;
            }
        }
        pending().await
    }
}
