//! From pairs of slices to one ratio that can be believed.
//!
//! Others use the same machine, so a single rate says little. Two things measured in turns (A B B A …) are disturbed
//! alike; the ratio of each pair is taken, and the median of the ratios, with an interval from the bootstrap: what the
//! median would have been had other pairs of the same kind been drawn.

use crate::tools::Dice;

/// What one slice of load has cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub(super) done: f64,
    pub(super) wall_s: f64,
    /// User and system time of what is measured, in seconds.
    pub(super) cpu_s: f64,
}

impl Slice {
    pub(super) fn per_second(&self) -> f64 {
        self.done / self.wall_s
    }

    /// The kernel counts in hundredths of a second; no slice costs less.
    pub(super) fn per_cpu_second(&self) -> f64 {
        self.done / self.cpu_s.max(0.01)
    }
}

/// Two things measured in turns.
#[derive(Debug, Default)]
pub(super) struct Duet {
    a: Vec<Slice>,
    b: Vec<Slice>,
}

/// A median with its 95 % interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Estimate {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Duet {
    /// One slice of each for warmth, then that many pairs, every second one in the other order.
    pub(super) fn play(
        pairs: usize,
        mut a: impl FnMut() -> Result<Slice, String>,
        mut b: impl FnMut() -> Result<Slice, String>,
    ) -> Result<Self, String> {
        a()?;
        b()?;
        let mut duet = Self::default();
        for pair in 0..pairs {
            if pair % 2 == 0 {
                duet.a.push(a()?);
                duet.b.push(b()?);
            } else {
                duet.b.push(b()?);
                duet.a.push(a()?);
            }
        }
        Ok(duet)
    }

    /// How A's measure relates to B's.
    pub(super) fn ratio(&self, of: impl Fn(&Slice) -> f64) -> Estimate {
        estimate(&self.a.iter().zip(&self.b).map(|(a, b)| of(a) / of(b)).collect::<Vec<_>>())
    }

    pub(super) fn a(&self, of: impl Fn(&Slice) -> f64) -> f64 {
        median(&mut self.a.iter().map(of).collect::<Vec<_>>())
    }

    pub(super) fn b(&self, of: impl Fn(&Slice) -> f64) -> f64 {
        median(&mut self.b.iter().map(of).collect::<Vec<_>>())
    }
}

pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// The value that this share of the sorted values does not exceed.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

const RESAMPLES: usize = 2000;

pub(super) fn estimate(ratios: &[f64]) -> Estimate {
    // The same numbers give the same interval: the generator has a fixed seed.
    let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut drawn: Vec<f64> = (0..ratios.len()).map(|_| ratios[dice.below(ratios.len() as u64) as usize]).collect();
            median(&mut drawn)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    Estimate { median: median(&mut ratios.to_vec()), low: quantile(&medians, 0.025), high: quantile(&medians, 0.975) }
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} [{:.2}, {:.2}]", self.median, self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_median_and_is_narrow_when_the_pairs_agree() {
        let wide = estimate(&[0.5, 0.9, 1.0, 1.1, 4.0]);
        assert!(wide.low <= 1.0 && wide.high >= 1.0 && wide.median == 1.0);
        let narrow = estimate(&[1.0, 1.01, 0.99, 1.0, 1.0]);
        assert!(narrow.high - narrow.low < 0.03);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!((quantile(&sorted, 0.5), quantile(&sorted, 0.99), quantile(&sorted, 0.0)), (2.0, 4.0, 1.0));
    }
}
