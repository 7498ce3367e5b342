//! What a run of the sweep is expected to do.

use model_tests::Step;
use storage_core::ErrorKind;
use storage_core::record::FileState;

use super::system::{Expected, MINUTE, System};

/// A staging object this old is nobody's, unless a record waits for it.
const STAGING_AGE: u64 = 75 * MINUTE;

/// What the sweep counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) examined: u64,
    pub(crate) enqueued: u64,
    pub(crate) expired: u64,
    pub(crate) failed: u64,
    pub(crate) finished: u64,
    pub(crate) objects_removed: u64,
    pub(crate) staging_removed: u64,
}

impl System {
    /// One run of the sweep.
    pub(crate) fn sweep(&mut self) -> Swept {
        let (now, mut swept) = (self.now, Swept::default());
        for file in &mut self.files {
            if file.model.due.is_some_and(|due| due <= now) {
                swept.examined += 1;
                file.examine(now, &mut swept);
            }
        }
        for file in &mut self.files {
            let waits = matches!(file.model.state, FileState::Pending | FileState::Processing);
            if file.staging.is_some() && !waits && now >= STAGING_AGE {
                file.staging = None;
                swept.staging_removed += 1;
            }
        }
        swept
    }
}

impl Expected {
    fn examine(&mut self, now: u64, swept: &mut Swept) {
        let later = Step::Postpone { until: now + 10 * MINUTE };
        match self.model.state {
            FileState::Pending | FileState::Processing
                if self.staging.is_some() && self.model.attempts < 5 =>
            {
                swept.enqueued += 1;
                self.step(later, now).unwrap();
            }
            FileState::Pending => match self.step(Step::Expire, now) {
                Ok(()) => swept.expired += 1,
                Err(_) => {
                    let until = self.model.expires.unwrap().min(now + 10 * MINUTE);
                    self.step(Step::Postpone { until }, now).unwrap();
                }
            },
            FileState::Processing => {
                let ended = if self.model.attempts == 5 {
                    self.step(Step::Exhaust, now)
                } else {
                    let code = ErrorKind::UploadNotFound;
                    self.step(Step::Claim { worker: 0 }, now)
                        .and_then(|()| self.step(Step::Fail { worker: 0, code }, now))
                };
                if ended.is_ok() {
                    swept.failed += 1;
                    swept.objects_removed += self.remove_bytes();
                }
            }
            FileState::Deleting | FileState::Failed => {
                let found = self.remove_bytes();
                swept.objects_removed += found;
                let step = if found == 0 { Step::PassEmpty } else { Step::PassFound };
                self.step(step, now).unwrap();
                swept.finished += u64::from(self.model.state == FileState::Deleted);
            }
            FileState::Trashed => match self.step(Step::Expire, now) {
                Ok(()) => swept.expired += 1,
                Err(_) => self.step(later, now).unwrap(),
            },
            other => panic!("{other:?} is not due"),
        }
    }
}
