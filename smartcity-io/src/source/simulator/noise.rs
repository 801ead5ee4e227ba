//! Chance, from a seed.

use rand::{Rng, RngCore, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A seeded source of chance: the same seed, the same city.
#[derive(Clone, Debug)]
pub(super) struct Noise(Pcg64Mcg);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// A number around 0 with standard deviation 1, never beyond 3.5: the sum of four even ones.
    pub(super) fn normal(&mut self) -> f64 {
        let bits = self.0.next_u64();
        let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
        // The mean of four numbers below 2¹⁶ is 2 · 65,535, their deviation 2¹⁶ / √3.
        (sum as f64 - 131_070.0) / 37_837.2
    }

    /// One of `choices`.
    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.random_range(0..choices.len())]
    }
}

impl RngCore for Noise {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_noise_has_mean_0_and_deviation_1() {
        let mut noise = Noise::new(1);
        let samples: Vec<f64> = (0..100_000).map(|_| noise.normal()).collect();
        let mean = samples.iter().sum::<f64>() / 1e5;
        let deviation = (samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / 1e5).sqrt();
        assert!(mean.abs() < 0.02 && (deviation - 1.0).abs() < 0.02, "{mean} {deviation}");
    }
}
