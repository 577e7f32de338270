//! Pure functions over predicted probabilities and what happened.

use serde::Serialize;

/// A prediction and whether it came true.
pub type Graded = (f64, bool);

/// Area under the ROC curve: how often a positive is ranked above a negative, ties counting half. None without both.
pub fn auc(graded: &[Graded]) -> Option<f64> {
    let mut sorted: Vec<Graded> = graded.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = sorted.iter().filter(|(_, happened)| *happened).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let (mut rank_sum, mut before) = (0.0, 0usize);
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let mid_rank = before as f64 + (ties.len() as f64 + 1.0) / 2.0;
        rank_sum += mid_rank * ties.iter().filter(|(_, happened)| *happened).count() as f64;
        before += ties.len();
    }
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

fn mean(graded: &[Graded], each: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let sum: f64 = graded.iter().map(|&(p, happened)| each(p, f64::from(u8::from(happened)))).sum();
    (!graded.is_empty()).then(|| sum / graded.len() as f64)
}

/// Mean negative log-likelihood, probabilities kept 1e-15 away from 0 and 1.
pub fn log_loss(graded: &[Graded]) -> Option<f64> {
    mean(graded, |p, y| {
        let p = p.clamp(1e-15, 1.0 - 1e-15);
        -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
    })
}

/// Mean squared error of the probability (Brier 1950).
pub fn brier(graded: &[Graded]) -> Option<f64> {
    mean(graded, |p, y| (p - y) * (p - y))
}

/// The share that happened.
pub fn base_rate(graded: &[Graded]) -> Option<f64> {
    mean(graded, |_, y| y)
}

/// Positives among the tenth with the highest predictions over the base rate; ties at the cut count in proportion.
pub fn lift_top_tenth(graded: &[Graded]) -> Option<f64> {
    let mut sorted = graded.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let base = base_rate(graded).filter(|base| *base > 0.0)?;
    let mut room = graded.len() as f64 / 10.0;
    let (size, mut hits) = (room, 0.0);
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let taken = room.min(ties.len() as f64);
        hits += taken * ties.iter().filter(|(_, happened)| *happened).count() as f64 / ties.len() as f64;
        room -= taken;
        if room <= 0.0 {
            break;
        }
    }
    Some(hits / size / base)
}

/// One tenth of the customers, by prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tenth {
    /// Customers.
    pub count: usize,
    /// Mean prediction.
    pub predicted: f64,
    /// Share that happened.
    pub observed: f64,
}

/// Ten groups of equal size, the lowest predictions first; equal predictions stay together.
pub fn tenths(graded: &[Graded]) -> Vec<Tenth> {
    let mut sorted = graded.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut groups: Vec<Vec<Graded>> = vec![Vec::new(); 10];
    let mut before = 0;
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let middle = before + ties.len() / 2;
        groups[(middle * 10 / sorted.len()).min(9)].extend_from_slice(ties);
        before += ties.len();
    }
    let tenth = |group: &Vec<Graded>| {
        let count = group.len();
        let predicted = group.iter().map(|(p, _)| p).sum::<f64>() / count as f64;
        Tenth { count, predicted, observed: base_rate(group).unwrap_or_default() }
    };
    groups.iter().filter(|group| !group.is_empty()).map(tenth).collect()
}

/// Calibration error: the mean over customers of |predicted - observed| of their tenth.
pub fn calibration_error(tenths: &[Tenth]) -> f64 {
    weighted(tenths, |tenth| (tenth.predicted - tenth.observed).abs())
}

/// The calibration error that perfectly calibrated predictions would show by chance: E|N(0, p(1-p)/n)| in each tenth.
pub fn calibration_noise(tenths: &[Tenth]) -> f64 {
    weighted(tenths, |tenth| {
        let variance = tenth.predicted * (1.0 - tenth.predicted) / tenth.count as f64;
        (variance.max(0.0) * std::f64::consts::FRAC_2_PI).sqrt()
    })
}

fn weighted(tenths: &[Tenth], each: impl Fn(&Tenth) -> f64) -> f64 {
    let count: usize = tenths.iter().map(|tenth| tenth.count).sum();
    tenths.iter().map(|tenth| tenth.count as f64 * each(tenth)).sum::<f64>() / (count.max(1) as f64)
}

/// All grades of a set of predictions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grade {
    /// Customers.
    pub count: usize,
    /// Share that happened.
    pub base_rate: Option<f64>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Mean negative log-likelihood.
    pub log_loss: Option<f64>,
    /// Mean squared error.
    pub brier: Option<f64>,
    /// Lift of the top tenth.
    pub lift_top_tenth: Option<f64>,
    /// Calibration error over tenths.
    pub calibration_error: f64,
    /// What chance alone would give for it.
    pub calibration_noise: f64,
    /// The tenths.
    pub tenths: Vec<Tenth>,
}

/// Grades predictions.
pub fn grade(graded: &[Graded]) -> Grade {
    let tenths = tenths(graded);
    Grade {
        count: graded.len(),
        base_rate: base_rate(graded),
        auc: auc(graded),
        log_loss: log_loss(graded),
        brier: brier(graded),
        lift_top_tenth: lift_top_tenth(graded),
        calibration_error: calibration_error(&tenths),
        calibration_noise: calibration_noise(&tenths),
        tenths,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scikit-learn 1.x on y = [0,0,1,1,0,1,0], p = [.1,.4,.35,.8,.4,.4,.2]: worked by hand as the docs define them.
    const GRADED: [Graded; 7] = [(0.1, false), (0.4, false), (0.35, true), (0.8, true), (0.4, false), (0.4, true), (0.2, false)];

    #[test]
    fn known_values() {
        // Pairs (positive, negative): .35 beats .1 and .2 (2); .8 beats all (4); .4 beats .1, .2 and ties twice (3): 9 of 12.
        assert!((auc(&GRADED).expect("both") - 9.0 / 12.0).abs() < 1e-12);
        let brier_sum = 0.01 + 0.16 + 0.4225 + 0.04 + 0.16 + 0.36 + 0.04;
        assert!((brier(&GRADED).expect("some") - brier_sum / 7.0).abs() < 1e-12);
        let likelihood: f64 = 0.9 * 0.6 * 0.35 * 0.8 * 0.6 * 0.4 * 0.8;
        assert!((log_loss(&GRADED).expect("some") + likelihood.ln() / 7.0).abs() < 1e-12);
    }

    #[test]
    fn the_wrong_way_round_shows() {
        let flipped: Vec<Graded> = GRADED.iter().map(|&(p, happened)| (1.0 - p, happened)).collect();
        assert!((auc(&flipped).expect("both") - 3.0 / 12.0).abs() < 1e-12);
        assert_eq!(auc(&[(0.5, true)]), None);
    }

    #[test]
    fn lift_and_tenths() {
        let graded: Vec<Graded> = (0..40).map(|rank| (f64::from(rank) / 40.0, rank >= 30 && rank != 39)).collect();
        // The top four hold three of nine positives: 0.75 / 0.225.
        assert!((lift_top_tenth(&graded).expect("some") - 0.75 / 0.225).abs() < 1e-12);
        let tenths = tenths(&graded);
        assert_eq!((tenths.len(), tenths[9].count), (10, 4));
        assert!((tenths[9].predicted - 37.5 / 40.0).abs() < 1e-12 && (tenths[9].observed - 0.75).abs() < 1e-12);
        let constant = vec![(0.5, true); 10];
        assert!((lift_top_tenth(&constant).expect("some") - 1.0).abs() < 1e-12);
    }
}
