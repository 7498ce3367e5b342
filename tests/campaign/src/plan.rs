//! What is to happen to the calls of one process.

use std::sync::{Arc, Mutex};

use test_harness::Killer;
use tokio::sync::Notify;

/// One call of a process, as far as plans tell calls apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// An object is written.
    Put,
    /// An object is copied.
    Copy,
    /// Anything else, on S3 or DynamoDB.
    Other,
}

/// What can be done to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process dies; the call does not happen.
    KillBefore,
    /// The call happens; the process dies before it hears of it.
    KillForwarded,
    /// The call happens, the process hears of it, and dies before its next call.
    KillAfterReply,
    /// The server refuses for now.
    Unavailable,
    /// The connection breaks; the call does not happen.
    Reset,
    /// The call happens, and the connection breaks.
    LoseReply,
    /// The server answers 200 with an error inside, as S3 may for copies.
    OkWithError,
    /// The call is on its way until it is released, even if the process is gone by then.
    Hold,
}

impl Fault {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::KillBefore => "kill_before",
            Fault::KillForwarded => "kill_forwarded",
            Fault::KillAfterReply => "kill_after_reply",
            Fault::Unavailable => "unavailable",
            Fault::Reset => "reset",
            Fault::LoseReply => "lost_reply",
            Fault::OkWithError => "ok_with_error",
            Fault::Hold => "late",
        }
    }
}

/// What happens to one call.
pub(crate) enum Fate {
    Pass,
    KillBefore,
    KillForwarded,
    Unavailable,
    Reset,
    LoseReply,
    OkWithError,
    Hold(Gate),
}

/// Opens once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    open: Arc<Mutex<bool>>,
    opened: Arc<Notify>,
}

impl Gate {
    pub(crate) async fn wait(&self) {
        loop {
            let opened = self.opened.notified();
            tokio::pin!(opened);
            opened.as_mut().enable();
            if *self.open.lock().unwrap() {
                return;
            }
            opened.await;
        }
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_waiters();
    }
}

/// The plan of one process.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    state: Mutex<State>,
    held: Notify,
}

#[derive(Debug, Default)]
struct State {
    armed: Option<Armed>,
    killer: Option<Killer>,
    gates: Vec<Gate>,
    happened: Option<Fault>,
}

/// A fault that waits for its call.
#[derive(Clone, Copy, Debug)]
struct Armed {
    nth: usize,
    fault: Fault,
    /// Whether only writes of objects count.
    writes: bool,
}

impl Plan {
    /// The process that the calls are of; none once it is gone, because its number may be another's soon.
    pub(crate) fn belongs_to(&self, killer: Option<Killer>) {
        self.state.lock().unwrap().killer = killer;
    }

    /// The `nth` call from now, counted from 1, gets `fault`.
    pub(crate) fn arm(&self, nth: usize, fault: Fault) {
        self.plan(Armed { nth, fault, writes: false });
    }

    /// The `nth` write of an object from now, counted from 1, gets `fault`.
    pub(crate) fn arm_write(&self, nth: usize, fault: Fault) {
        self.plan(Armed { nth, fault, writes: true });
    }

    fn plan(&self, armed: Armed) {
        let mut state = self.state.lock().unwrap();
        state.armed = Some(armed);
        state.happened = None;
    }

    /// Plans nothing more, and tells the fault that happened.
    pub(crate) fn disarm(&self) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        let waits = state.armed.take().is_some();
        // There was no next call to die at.
        state.happened.take().filter(|fault| *fault != Fault::KillAfterReply || !waits)
    }

    /// Kills the process at once.
    pub(crate) fn kill(&self) {
        if let Some(killer) = self.state.lock().unwrap().killer {
            killer.kill();
        }
    }

    /// Resolves once a call is held.
    pub(crate) async fn held(&self) {
        loop {
            let held = self.held.notified();
            tokio::pin!(held);
            held.as_mut().enable();
            if !self.state.lock().unwrap().gates.is_empty() {
                return;
            }
            held.await;
        }
    }

    /// Lets held calls go on.
    pub(crate) fn release(&self) {
        for gate in self.state.lock().unwrap().gates.drain(..) {
            gate.open();
        }
    }

    /// Judges a call.
    pub(crate) fn enter(&self, call: Call) -> (Fate, Option<Killer>) {
        let mut state = self.state.lock().unwrap();
        let killer = state.killer;
        let Some(Armed { nth, fault, writes }) = state.armed else { return (Fate::Pass, killer) };
        // Only a copy answers 200 with an error inside.
        let copy = fault == Fault::OkWithError;
        if (copy && call != Call::Copy) || (writes && call == Call::Other) {
            return (Fate::Pass, killer);
        }
        if nth > 1 && !copy {
            state.armed = Some(Armed { nth: nth - 1, fault, writes });
            return (Fate::Pass, killer);
        }
        state.armed = None;
        // A kill after a reply is one before the next call, and counts as what it was planned to be.
        state.happened.get_or_insert(fault);
        let fate = match fault {
            Fault::KillBefore => Fate::KillBefore,
            Fault::KillForwarded => Fate::KillForwarded,
            Fault::KillAfterReply => {
                state.armed = Some(Armed { nth: 1, fault: Fault::KillBefore, writes: false });
                Fate::Pass
            }
            Fault::Unavailable => Fate::Unavailable,
            Fault::Reset => Fate::Reset,
            Fault::LoseReply => Fate::LoseReply,
            Fault::OkWithError => Fate::OkWithError,
            Fault::Hold => {
                let gate = Gate::default();
                state.gates.push(gate.clone());
                self.held.notify_waiters();
                Fate::Hold(gate)
            }
        };
        (fate, killer)
    }
}
