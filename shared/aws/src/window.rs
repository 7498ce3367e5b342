//! Expiries rounded up to the end of a window, so that all callers within one get the same URL.

use std::time::Duration;

use storage_core::Result;
use storage_core::timestamp::Timestamp;

use crate::settings::invalid;

/// How long URLs live, and how coarsely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    length: i64,
    life: i64,
}

impl Window {
    /// URLs that live at least `life`, and less than `life + length`. Both are whole seconds from 1 s to 7 days, also
    /// together; a URL that is to be shared by caches wants a `length` of minutes.
    pub fn new(length: Duration, life: Duration) -> Result<Self> {
        let week = 7 * 24 * 3600;
        let (length, life) = (length.as_secs(), life.as_secs());
        match (i64::try_from(length), i64::try_from(life)) {
            (Ok(length @ 1..), Ok(life @ 1..)) if length <= week && life <= week - length => {
                Ok(Window { length, life })
            }
            _ => Err(invalid("a window and a life of 1 s to 7 days in all")),
        }
    }

    /// Until when a URL that is made at `now` works: a multiple of the window's length, at least `life` away.
    pub(crate) fn end(self, now: Timestamp) -> Timestamp {
        let earliest = now + Duration::from_secs(self.life.unsigned_abs());
        let seconds = (earliest.as_millis() + 999).div_euclid(1000);
        let windows = (seconds + self.length - 1).div_euclid(self.length);
        Timestamp::from_millis(windows * self.length * 1000)
    }

    /// When a URL that ends at [`Window::end`] starts to work: the same moment for all callers, and never after `now`.
    pub(crate) fn start(self, now: Timestamp) -> Timestamp {
        self.end(now) - self.span()
    }

    /// From start to end.
    pub(crate) fn span(self) -> Duration {
        Duration::from_secs((self.length + self.life).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(length: u64, life: u64) -> Window {
        Window::new(Duration::from_secs(length), Duration::from_secs(life)).unwrap()
    }

    #[test]
    fn expiry_rounds_up_and_is_shared_within_a_window() {
        let window = window(300, 900);
        let base = 1_795_000_200_000; // A multiple of 300 s.
        for offset in 1..=300_000_i64 {
            if offset % 997 != 1 && offset != 300_000 {
                continue;
            }
            let now = Timestamp::from_millis(base + offset);
            assert_eq!(window.end(now), Timestamp::from_millis(base + 1_200_000), "{offset}");
            assert!(window.start(now) <= now && window.end(now).since(now) >= Duration::from_secs(900));
            assert!(window.end(now).since(now) < window.span());
        }
        assert_eq!(window.end(Timestamp::from_millis(base)), Timestamp::from_millis(base + 900_000));
        assert_eq!(
            window.end(Timestamp::from_millis(base + 300_001)),
            Timestamp::from_millis(base + 1_500_000)
        );
    }

    #[test]
    fn impossible_windows_stop_the_start() {
        let week = Duration::from_secs(7 * 24 * 3600);
        let second = Duration::from_secs(1);
        for (length, life) in [
            (Duration::ZERO, second),
            (second, Duration::ZERO),
            (Duration::from_millis(999), second),
            (second, week),
            (week, second),
            (Duration::MAX, Duration::MAX),
        ] {
            assert!(Window::new(length, life).is_err(), "{length:?} {life:?}");
        }
        assert!(Window::new(second, week - second).is_ok());
    }
}
