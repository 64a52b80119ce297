//! Contestants that take turns: each round measures all of them, so that what disturbs the machine disturbs all alike.

/// What is measured side by side.
#[derive(Default)]
pub struct Contest<'a> {
    contestants: Vec<(String, Box<dyn FnMut() -> f64 + 'a>)>,
}

/// What came of it.
#[derive(Debug)]
pub struct Standings {
    names: Vec<String>,
    /// By contestant, then by round.
    figures: Vec<Vec<f64>>,
}

impl<'a> Contest<'a> {
    /// Adds a contestant; `batch` measures it once and gives the figure.
    pub fn enter(&mut self, name: impl Into<String>, batch: impl FnMut() -> f64 + 'a) {
        self.contestants.push((name.into(), Box::new(batch)));
    }

    /// Runs a round that does not count, then so many that do. Each begins with the next contestant in turn.
    pub fn run(mut self, rounds: usize) -> Standings {
        let count = self.contestants.len();
        let mut figures = vec![Vec::with_capacity(rounds); count];
        for (_, batch) in &mut self.contestants {
            batch();
        }
        for round in 0..rounds {
            for turn in 0..count {
                let index = (round + turn) % count;
                figures[index].push((self.contestants[index].1)());
            }
        }
        Standings { names: self.contestants.into_iter().map(|(name, _)| name).collect(), figures }
    }
}

impl std::fmt::Debug for Contest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.contestants.iter().map(|(name, _)| name)).finish()
    }
}

impl Standings {
    /// The contestants, in the order in which they were entered.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The median of a contestant's figures.
    pub fn median(&self, name: &str) -> f64 {
        quantile(&self.figures[self.index(name)], 0.5)
    }

    /// Between which figures the middle half lies.
    pub fn spread(&self, name: &str) -> (f64, f64) {
        let figures = &self.figures[self.index(name)];
        (quantile(figures, 0.25), quantile(figures, 0.75))
    }

    /// The median, over the rounds, of one contestant's figure by another's of the same round.
    pub fn ratio(&self, name: &str, to: &str) -> f64 {
        let (own, other) = (&self.figures[self.index(name)], &self.figures[self.index(to)]);
        let ratios: Vec<f64> = own.iter().zip(other).map(|(a, b)| a / b).collect();
        quantile(&ratios, 0.5)
    }

    /// Whether there is a contestant of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    fn index(&self, name: &str) -> usize {
        self.names
            .iter()
            .position(|own| own == name)
            .unwrap_or_else(|| panic!("there is no contestant {name}"))
    }
}

/// The figure below which that share of the figures lies.
pub fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let at = share * last as f64;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    let weight = at - at.floor();
    sorted[low] * (1.0 - weight) + sorted[high] * weight
}
