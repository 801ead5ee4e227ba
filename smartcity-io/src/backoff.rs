//! Pauses between attempts at what is away.

use std::thread;
use std::time::{Duration, Instant};

/// Pauses that double from the first to the longest.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

/// Whoever rests looks this often whether to go on.
const LOOK: Duration = Duration::from_millis(50);

impl Backoff {
    /// With a pause of `first` the first time, and never one above `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// After a success: the next pause is the first again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// Rests until the pause is over, or `goes_on` says no.
    pub(crate) fn rest(&mut self, mut goes_on: impl FnMut() -> bool) {
        let until = Instant::now() + self.next;
        self.next = (self.next * 2).min(self.longest);
        while goes_on() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(LOOK));
        }
    }
}

impl Default for Backoff {
    /// From a tenth of a second to ten.
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_longest_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(35));
        let pause = |backoff: &mut Backoff| {
            let (began, expected) = (Instant::now(), backoff.next);
            backoff.rest(|| true);
            assert!(began.elapsed() >= expected);
            expected.as_millis()
        };
        assert_eq!([(); 4].map(|()| pause(&mut backoff)), [10, 20, 35, 35]);
        backoff.reset();
        assert_eq!(pause(&mut backoff), 10);
    }

    #[test]
    fn a_rest_ends_when_it_is_told_to() {
        let mut looks = 0;
        Backoff::new(Duration::from_secs(3_600), Duration::from_secs(3_600)).rest(|| {
            looks += 1;
            looks < 3
        });
        assert_eq!(looks, 3);
    }
}
