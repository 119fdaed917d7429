//! What scores mean, and the two figures that are made of them.

pub mod spoken;

use serde::{Deserialize, Serialize};

/// What a score means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Satisfaction, 1 (poor) to 5 (excellent).
    Csat,
    /// Would recommend us, 0 (never) to 10 (certainly).
    Nps,
}

impl Scale {
    /// The scores there are.
    #[must_use]
    pub fn scores(self) -> std::ops::RangeInclusive<u8> {
        match self {
            Self::Csat => 1..=5,
            Self::Nps => 0..=10,
        }
    }
}

/// The figures of a period. A figure without verdicts is none, not zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Satisfaction.
    pub csat: Option<Csat>,
    /// Willingness to recommend.
    pub nps: Option<Nps>,
}

/// Satisfaction of a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Csat {
    /// How many verdicts.
    pub responses: u64,
    /// Their mean, 1 to 5.
    pub mean: f64,
    /// The share of 4 and 5, in percent.
    pub satisfied_percent: f64,
    /// The share lies within so many points of it, with a confidence of 95 %.
    pub margin_percent: f64,
}

/// Willingness to recommend of a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Nps {
    /// How many verdicts.
    pub responses: u64,
    /// 9 and 10.
    pub promoters: u64,
    /// 7 and 8.
    pub passives: u64,
    /// 0 to 6.
    pub detractors: u64,
    /// Percent of promoters less percent of detractors, -100 to 100.
    pub score: f64,
    /// The score lies within so many points of it, with a confidence of 95 %.
    pub margin: f64,
}

/// Counts verdicts.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    csat: [u64; 6],
    nps: [u64; 11],
}

/// Half the width of a 95 % interval, in standard errors.
const Z: f64 = 1.96;

impl Tally {
    /// Counts a score so many times; one that the scale does not have is not counted.
    pub fn add(&mut self, scale: Scale, score: u8, times: u64) {
        if !scale.scores().contains(&score) {
            return;
        }
        match scale {
            Scale::Csat => self.csat[usize::from(score)] += times,
            Scale::Nps => self.nps[usize::from(score)] += times,
        }
    }

    /// The figures.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures { csat: self.csat(), nps: self.nps() }
    }

    fn csat(&self) -> Option<Csat> {
        let responses: u64 = self.csat.iter().sum();
        if responses == 0 {
            return None;
        }
        let n = responses as f64;
        let sum: u64 = (0u64..).zip(self.csat).map(|(score, times)| score * times).sum();
        let satisfied = (self.csat[4] + self.csat[5]) as f64 / n;
        Some(Csat {
            responses,
            mean: sum as f64 / n,
            satisfied_percent: satisfied * 100.0,
            margin_percent: Z * (satisfied * (1.0 - satisfied) / n).sqrt() * 100.0,
        })
    }

    fn nps(&self) -> Option<Nps> {
        let responses: u64 = self.nps.iter().sum();
        if responses == 0 {
            return None;
        }
        let n = responses as f64;
        let detractors: u64 = self.nps[..=6].iter().sum();
        let passives: u64 = self.nps[7..=8].iter().sum();
        let promoters: u64 = self.nps[9..].iter().sum();
        let (up, down) = (promoters as f64 / n, detractors as f64 / n);
        let score = up - down;
        // Each verdict is worth 1, 0 or -1.
        let variance = up + down - score * score;
        Some(Nps {
            responses,
            promoters,
            passives,
            detractors,
            score: score * 100.0,
            margin: Z * (variance / n).sqrt() * 100.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(scale: Scale, scores: &[u8]) -> Figures {
        let mut tally = Tally::default();
        for &score in scores {
            tally.add(scale, score, 1);
        }
        tally.figures()
    }

    #[test]
    fn satisfaction_is_the_share_of_the_two_best() {
        let csat = figures(Scale::Csat, &[5, 4, 3, 1]).csat.expect("a figure");
        assert_eq!((csat.responses, csat.mean, csat.satisfied_percent), (4, 3.25, 50.0));
        assert!((csat.margin_percent - 49.0).abs() < 0.01, "{csat:?}");
    }

    #[test]
    fn the_recommendation_score_sets_promoters_against_detractors() {
        let nps = figures(Scale::Nps, &[10, 9, 8, 7, 6, 0]).nps.expect("a figure");
        assert_eq!((nps.promoters, nps.passives, nps.detractors), (2, 2, 2));
        assert!(nps.score.abs() < 1e-9);
        let all = figures(Scale::Nps, &[10, 10]).nps.expect("a figure");
        assert_eq!((all.score, all.margin), (100.0, 0.0));
    }

    #[test]
    fn nothing_said_is_no_figure_and_impossible_scores_count_for_nothing() {
        assert_eq!(figures(Scale::Csat, &[]), Figures::default());
        assert_eq!(figures(Scale::Csat, &[0, 6, 200]), Figures::default());
        assert_eq!(figures(Scale::Nps, &[11]), Figures::default());
    }
}
