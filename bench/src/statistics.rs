//! From rounds to one number.

use crate::Outcome;
use crate::random::Random;

/// What each contestant took in each round: `rounds[contestant][round]`.
#[derive(Clone, Debug)]
pub(crate) struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    /// Lets each of `contestants` take one turn a round, in an order of `random`'s.
    pub(crate) fn interleave<C>(
        random: &mut Random,
        rounds: usize,
        contestants: &mut [C],
        mut turn: impl FnMut(&mut C) -> Outcome<f64>,
    ) -> Outcome<Self> {
        let mut taken = vec![Vec::with_capacity(rounds); contestants.len()];
        for _ in 0..rounds {
            for at in random.order(contestants.len()) {
                taken[at].push(turn(&mut contestants[at])?);
            }
        }
        Ok(Rounds(taken))
    }

    /// Rounds that were taken otherwise, by contestant.
    pub(crate) fn of(taken: impl Iterator<Item = Vec<f64>>) -> Self {
        Rounds(taken.collect())
    }

    /// The median of what a contestant took.
    pub(crate) fn median(&self, contestant: usize) -> f64 {
        median(&self.0[contestant])
    }

    /// How many times as much as `ours` another contestant took: the median of the ratios of the rounds, since what
    /// slows a machine down for seconds slows down both.
    pub(crate) fn ratio(&self, theirs: usize, ours: usize) -> f64 {
        let pairs = self.0[theirs].iter().zip(&self.0[ours]);
        median(&pairs.map(|(theirs, ours)| theirs / ours).collect::<Vec<_>>())
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

/// The mean for ratios: half and double are one.
pub(crate) fn geometric_mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for value in values {
        sum += value.ln();
        count += 1;
    }
    (sum / f64::from(count)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_what_is_far_out() {
        assert_eq!(median(&[3.0, 1.0, 900.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 900.0]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn half_and_double_are_one() {
        assert!((geometric_mean([0.5, 2.0, 1.0]) - 1.0).abs() < 1e-12);
        assert!((geometric_mean([2.0, 8.0]) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_ratio_is_that_of_pairs_not_of_medians() {
        // The machine got slower from round to round; the second contestant took twice as long throughout.
        let rounds = Rounds(vec![vec![1.0, 10.0, 100.0], vec![2.0, 20.0, 200.0]]);
        assert_eq!(rounds.ratio(1, 0), 2.0);
        assert_eq!(rounds.median(0), 10.0);
    }

    #[test]
    fn every_contestant_has_one_turn_a_round() {
        let mut turns = [0, 0, 0];
        let rounds = Rounds::interleave(&mut Random::new(1), 7, &mut turns, |turns| {
            *turns += 1;
            Ok(f64::from(*turns))
        })
        .unwrap();
        assert_eq!(turns, [7, 7, 7]);
        assert_eq!(rounds.median(2), 4.0);
    }
}
