//! A clock that only tests move.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use storage_core::ports::Clock;
use storage_core::timestamp::Timestamp;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        ManualClock { millis: AtomicI64::new(now.as_millis()) }
    }

    /// Shows another time, earlier or later.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Moves on by `duration`, and tells the new time.
    pub fn advance(&self, duration: Duration) -> Timestamp {
        let now = self.now() + duration;
        self.set(now);
        now
    }
}

impl Default for ManualClock {
    /// 2026-11-20T12:00:00Z.
    fn default() -> Self {
        ManualClock::at(Timestamp::from_millis(1_795_176_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_only_when_told() {
        let clock = ManualClock::default();
        let start = clock.now();
        assert_eq!(start.to_string(), "2026-11-20T12:00:00.000Z");
        assert_eq!(clock.now(), start);
        assert_eq!(clock.advance(Duration::from_secs(90)), start + Duration::from_secs(90));
        clock.set(start);
        assert_eq!(clock.now(), start);
    }
}
