//! One edge of the real transitions beside the same edge of the model.

use storage_core::record::FileRecord;
use storage_core::state::{self, Actor, Change};

use model_tests::{Model, Refusal, Step, check, event, moment, observe, start};

/// Applies `step` to both and panics where they differ.
pub(crate) fn both(
    record: &FileRecord,
    model: &Model,
    step: &Step,
    now: u64,
) -> Result<(Change, Model), Refusal> {
    let at = moment(start(), now);
    let real = state::apply(record, event(step, start()), &Actor::function("model"), at);
    let expected = model.step(step, now);
    match (real, expected) {
        (Ok(change), Ok(expected)) => {
            check(record, step, &change, at);
            assert_eq!(observe(&change.record, start()), expected, "{step:?} at {now} of {model:?}");
            Ok((change, expected))
        }
        (Err(refused), Err(expected)) => {
            assert_eq!(Refusal::from(refused), expected, "{step:?} at {now} of {model:?}");
            Err(expected)
        }
        (real, expected) => panic!("{step:?} at {now} of {model:?}: {real:?}, not {expected:?}"),
    }
}
