//! Random numbers that are the same in every run, and keys after Zipf.

/// A small generator (splitmix64): fast, and good enough for workloads.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }
}

/// Keys from 0 to `keys - 1`; the key of rank r is asked for in proportion to 1 / r^exponent.
#[derive(Debug)]
pub struct Zipf {
    /// The shares of the keys up to each.
    sums: Vec<f64>,
}

impl Zipf {
    /// For so many keys.
    pub fn new(keys: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=keys).map(|rank| {
            sum += f64::from(rank).powf(-exponent);
            sum
        });
        Self { sums: sums.collect() }
    }

    /// The next key.
    pub fn draw(&self, random: &mut Random) -> u64 {
        let total = self.sums.last().copied().unwrap_or(0.0);
        let at = random.unit() * total;
        self.sums.partition_point(|sum| *sum <= at) as u64
    }

    /// So many keys.
    pub fn sample(&self, count: usize, seed: u64) -> Vec<u64> {
        let mut random = Random::seeded(seed);
        (0..count).map(|_| self.draw(&mut random)).collect()
    }
}
