//! From single requests to the numbers of the table.

use std::time::Duration;

/// What one route cost in one or several turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// What each request took, seen from outside.
    pub(crate) took: Vec<Duration>,
    /// The CPU time of the processes that answered; 0 where no process did.
    pub(crate) cpu: Duration,
    /// How long the turns were.
    pub(crate) wall: Duration,
}

impl Samples {
    /// Adds those of another turn.
    pub(crate) fn extend(&mut self, other: Samples) {
        self.took.extend(other.took);
        self.cpu += other.cpu;
        self.wall += other.wall;
    }

    /// The time that `percent` of the requests do not exceed, in milliseconds; not a number without any.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }

    /// Requests a CPU-second; `None` where no CPU time was taken.
    pub(crate) fn per_cpu_second(&self) -> Option<f64> {
        (!self.cpu.is_zero()).then(|| self.took.len() as f64 / self.cpu.as_secs_f64())
    }

    /// Requests a second, of all clients together.
    pub(crate) fn per_second(&self) -> f64 {
        self.took.len() as f64 / self.wall.as_secs_f64()
    }
}

/// The one in the middle, or the mean of the two there; not a number if there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => (sorted[count / 2 - 1] + sorted[count / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_requests_that_were_made() {
        let took = (1..=200).rev().map(Duration::from_millis).collect();
        let samples = Samples { took, cpu: Duration::from_millis(500), wall: Duration::from_secs(2) };
        assert_eq!((samples.percentile(50), samples.percentile(99)), (100.0, 198.0));
        assert_eq!((samples.per_cpu_second(), samples.per_second()), (Some(400.0), 100.0));
        let one = Samples { took: vec![Duration::from_millis(3)], ..Samples::default() };
        assert_eq!((one.percentile(50), one.percentile(99), one.per_cpu_second()), (3.0, 3.0, None));
        assert!(Samples::default().percentile(50).is_nan());
    }

    #[test]
    fn the_median_ignores_what_is_far_out() {
        assert_eq!(median(&[3.0, 1.0, 900.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 900.0]), 3.0);
    }
}
