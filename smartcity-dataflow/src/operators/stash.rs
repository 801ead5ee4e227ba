//! What waits for its tick.

use std::collections::BTreeMap;

use timely::dataflow::operators::Capability;

use crate::{Diff, Time};

/// The right to write at a tick and after it.
pub(crate) trait Permit {
    /// The right to write at `time`, which is not before this one's, and after it.
    fn later(&self, time: Time) -> Self;
}

impl Permit for Capability<Time> {
    fn later(&self, time: Time) -> Self {
        self.delayed(&time)
    }
}

/// For an operator that writes nothing.
impl Permit for () {
    fn later(&self, _: Time) {}
}

/// What waits for which tick? Whatever an operator has to do once a tick is complete, by tick; and *one* permit, for the least
/// of them.
///
/// | what happens         | pending  | permit for |
/// |----------------------|----------|-----------:|
/// | something for 5      | 5        |          5 |
/// | something for 9      | 5, 9     |          5 |
/// | something for 2      | 2, 5, 9  |          2 |
/// | 2 is complete: taken | 5, 9     |          5 |
/// | 5 and 9: taken       |          |       none |
///
/// A permit for each would hold nothing back that the least does not, and timely counts every single one: with thousands
/// pending each tick would pay for all. The state is what waits.
#[derive(Debug)]
pub(crate) struct Stash<T, P = Capability<Time>> {
    ticks: BTreeMap<Time, T>,
    /// For the least of `ticks`; none where there is none.
    permit: Option<P>,
}

impl<T: Default, P: Permit> Stash<T, P> {
    pub(crate) fn new() -> Self {
        Self { ticks: BTreeMap::new(), permit: None }
    }

    /// What waits for `time`, for which `permit` gives a permit if one is needed.
    pub(crate) fn at(&mut self, time: Time, permit: impl FnOnce() -> P) -> &mut T {
        if self.ticks.first_key_value().is_none_or(|(&first, _)| time < first) {
            self.permit = Some(permit());
        }
        self.ticks.entry(time).or_default()
    }

    /// Has each of `updates` wait for its tick: `add` puts it to what waits there already. Updates of a tick that follow each
    /// other are looked up once.
    pub(crate) fn sort<D>(
        &mut self,
        updates: impl IntoIterator<Item = (D, Time, Diff)>,
        permit: impl Fn(Time) -> P,
        mut add: impl FnMut(&mut T, D, Diff),
    ) {
        let mut updates = updates.into_iter().peekable();
        while let Some(&(_, time, _)) = updates.peek() {
            let waiting = self.at(time, || permit(time));
            while let Some((row, _, diff)) = updates.next_if(|&(_, next, _)| next == time) {
                add(waiting, row, diff);
            }
        }
    }

    /// Takes what waits for the least tick, if that is complete, with the permit for it.
    pub(crate) fn next(&mut self, complete: impl FnOnce(&Time) -> bool) -> Option<(Time, P, T)> {
        let (time, waited) = self.ticks.first_entry().filter(|first| complete(first.key()))?.remove_entry();
        let permit = self.permit.take()?;
        self.permit = self.ticks.first_key_value().map(|(&first, _)| permit.later(first));
        Some((time, permit, waited))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;

    /// A permit for a time; how many there are, the `Rc` knows.
    struct Counted(Rc<()>, Time);

    impl Permit for Counted {
        fn later(&self, time: Time) -> Self {
            assert!(self.1 <= time, "a permit for {} does not hold at {time}", self.1);
            Self(Rc::clone(&self.0), time)
        }
    }

    #[test]
    fn ticks_come_in_their_order_each_once_it_is_complete() {
        let mut stash = Stash::<Vec<char>, ()>::new();
        stash.sort([('a', 5, 1), ('b', 5, 1), ('c', 2, 1), ('d', 5, 1)], |_| (), |waiting, row, _| waiting.push(row));
        let mut through = |through| stash.next(|&time| time <= through).map(|(time, (), rows)| (time, rows));
        assert_eq!(through(1), None);
        assert_eq!(through(9), Some((2, vec!['c'])));
        assert_eq!(through(4), None);
        assert_eq!(through(5), Some((5, vec!['a', 'b', 'd'])));
        assert_eq!(through(9), None);
    }

    proptest! {
        #[test]
        fn there_is_one_permit_and_it_is_for_the_least_tick(steps in prop::collection::vec((0..40u64, any::<bool>()), 0..60)) {
            let all = Rc::new(());
            let mut stash = Stash::<(), Counted>::new();
            let mut pending = BTreeSet::new();
            let mut now = 0;
            for (ahead, is_taken) in steps {
                if is_taken {
                    let taken = stash.next(|_| true).map(|(time, permit, ())| {
                        prop_assert_eq!(permit.1, time);
                        Ok(time)
                    });
                    let taken = taken.transpose()?;
                    prop_assert_eq!(taken, pending.pop_first());
                    now = taken.unwrap_or(now);
                } else {
                    // As an operator whose input stands at `now`.
                    stash.at(now + ahead, || Counted(Rc::clone(&all), now).later(now + ahead));
                    pending.insert(now + ahead);
                }
                prop_assert_eq!(Rc::strong_count(&all) - 1, usize::from(!pending.is_empty()));
                prop_assert_eq!(stash.permit.as_ref().map(|permit| permit.1), pending.first().copied());
            }
        }
    }
}
