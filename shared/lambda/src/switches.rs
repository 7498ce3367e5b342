//! What a campaign may change about a function: one safeguard off, and another time of day. Compiled only with the
//! feature `switches`, which no deployed function has.

use std::path::PathBuf;
use std::time::Duration;

use storage_core::ports::{Clock, SystemClock};
use storage_core::safeguards::Safeguard;
use storage_core::timestamp::Timestamp;

/// The name of the safeguard that does not hold.
const SAFEGUARD_OFF: &str = "STORAGE_TEST_SAFEGUARD_OFF";
/// The path of a file whose text is how many seconds the clock is ahead.
const CLOCK: &str = "STORAGE_TEST_CLOCK";

/// Switches off what the environment names. A name that is none is an error, or a campaign would prove nothing.
pub(crate) fn init() -> Result<(), String> {
    let Some(name) = variable(SAFEGUARD_OFF) else { return Ok(()) };
    match Safeguard::parse(&name) {
        Some(safeguard) => {
            safeguard.switch_off();
            Ok(())
        }
        None => Err(format!("{SAFEGUARD_OFF}: {name} is no safeguard")),
    }
}

/// A clock that is ahead of the machine's by what the file says now.
#[derive(Debug)]
pub(crate) struct ShiftedClock {
    ahead: Option<PathBuf>,
}

impl ShiftedClock {
    pub(crate) fn from_env() -> Self {
        ShiftedClock { ahead: variable(CLOCK).map(PathBuf::from) }
    }
}

impl Clock for ShiftedClock {
    #[expect(clippy::expect_used, reason = "a clock that silently stands still would prove nothing")]
    fn now(&self) -> Timestamp {
        let seconds = self.ahead.as_ref().map_or(0, |path| {
            let text = std::fs::read_to_string(path).expect("the file of the clock");
            text.trim().parse().expect("the seconds that the clock is ahead")
        });
        SystemClock.now() + Duration::from_secs(seconds)
    }
}

#[expect(clippy::disallowed_methods, reason = "these are no configuration: no deployed function knows them")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
