//! The counts of one worker.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use differential_dataflow::logging::DifferentialEvent;
use timely::logging::{ChannelsEvent, OperatesEvent, StartStop, TimelyEvent};

use super::{Arranged, OperatorFigures};

/// Counts by timely's numbers. Operators and channels of a worker are numbered in one row from 0, so vectors hold them.
#[derive(Default)]
pub(super) struct Tally {
    operators: Vec<Operator>,
    channels: Vec<Channel>,
    /// Turns that have begun and not ended: a region's turn holds those of its operators.
    open: Vec<Turn>,
    /// Name and number of the operator at each address.
    at: BTreeMap<Vec<usize>, (String, usize)>,
    /// The address to which each channel leads.
    leads: HashMap<usize, Vec<usize>>,
    /// Made when it is needed, of what is known by then of addresses.
    layout: Option<Layout>,
}

#[derive(Clone, Default)]
struct Operator {
    activations: u64,
    time: Duration,
    arranged: Option<(i64, i64)>,
}

#[derive(Clone, Default)]
struct Channel {
    messages: u64,
    records: u64,
}

struct Turn {
    operator: usize,
    began: Duration,
    /// Time of the turns inside it.
    inside: Duration,
}

/// Which counts make which figures.
struct Layout {
    /// Names in order, with nothing counted.
    blank: Vec<OperatorFigures>,
    /// Number of each operator, and its place in `blank`.
    operators: Vec<(usize, usize)>,
    channels: Vec<(usize, usize)>,
}

impl Tally {
    /// Counts what timely says.
    pub(super) fn turn(&mut self, at: Duration, event: TimelyEvent) {
        match event {
            TimelyEvent::Schedule(turn) => match turn.start_stop {
                StartStop::Start => {
                    self.open.push(Turn { operator: turn.id, began: at, inside: Duration::ZERO });
                }
                StartStop::Stop => self.ended(turn.id, at),
            },
            // A message is counted where it arrives.
            TimelyEvent::Messages(message) if !message.is_send => {
                let channel = entry(&mut self.channels, message.channel);
                channel.messages += 1;
                channel.records += message.record_count.max(0) as u64;
            }
            TimelyEvent::Operates(OperatesEvent { id, addr, name }) => {
                self.at.insert(addr, (name, id));
                self.layout = None;
            }
            // Node 0 is the scope itself: a channel to it leads out of it, and goes on outside as another one.
            TimelyEvent::Channels(ChannelsEvent { id, mut scope_addr, target: (node, _), .. }) if node != 0 => {
                scope_addr.push(node);
                self.leads.insert(id, scope_addr);
                self.layout = None;
            }
            _ => {}
        }
    }

    fn ended(&mut self, id: usize, at: Duration) {
        // The log may have been registered in the middle of a turn.
        let Some(turn) = self.open.pop_if(|turn| turn.operator == id) else { return };
        let whole = at.saturating_sub(turn.began);
        if let Some(around) = self.open.last_mut() {
            around.inside += whole;
        }
        let operator = entry(&mut self.operators, id);
        operator.activations += 1;
        operator.time += whole.saturating_sub(turn.inside);
    }

    /// Counts what differential says of a batch: one comes, two become one, one goes.
    pub(super) fn batch(&mut self, event: &DifferentialEvent) {
        let (operator, batches, records) = match event {
            DifferentialEvent::Batch(batch) => (batch.operator, 1, batch.length as i64),
            DifferentialEvent::Merge(merge) => {
                let Some(merged) = merge.complete else { return };
                (merge.operator, -1, merged as i64 - (merge.length1 + merge.length2) as i64)
            }
            DifferentialEvent::Drop(batch) => (batch.operator, -1, -(batch.length as i64)),
            _ => return,
        };
        let arranged = entry(&mut self.operators, operator).arranged.get_or_insert_default();
        arranged.0 += batches;
        arranged.1 += records;
    }

    /// All counts so far, by name.
    pub(super) fn figures(&mut self) -> Vec<OperatorFigures> {
        let layout = self.layout.get_or_insert_with(|| Layout::new(&self.at, &self.leads));
        let mut figures = layout.blank.clone();
        for &(id, place) in &layout.operators {
            let Some(operator) = self.operators.get(id) else { continue };
            let figures = &mut figures[place];
            figures.activations += operator.activations;
            figures.time += operator.time;
            if let Some((batches, records)) = operator.arranged {
                let arranged: &mut Arranged = figures.arranged.get_or_insert_default();
                arranged.batches += batches.max(0) as u64;
                arranged.records += records.max(0) as u64;
            }
        }
        for &(id, place) in &layout.channels {
            let Some(channel) = self.channels.get(id) else { continue };
            figures[place].messages += channel.messages;
            figures[place].records += channel.records;
        }
        figures
    }
}

impl Layout {
    fn new(at: &BTreeMap<Vec<usize>, (String, usize)>, leads: &HashMap<usize, Vec<usize>>) -> Self {
        let name = |address: &[usize]| {
            let names = (1..=address.len()).map(|depth| at.get(&address[..depth]).map_or("?", |(name, _)| name));
            names.collect::<Vec<_>>().join("/")
        };
        let mut places: BTreeMap<String, usize> = at.keys().map(|address| (name(address), 0)).collect();
        let mut blank: Vec<_> = places.keys().map(|name| OperatorFigures::new(Arc::from(name.as_str()))).collect();
        places.values_mut().enumerate().for_each(|(place, known)| *known = place);
        let place = |address: &[usize]| places.get(&name(address)).copied();
        let operators: Vec<_> =
            at.iter().filter_map(|(address, &(_, id))| place(address).map(|place| (id, place))).collect();
        let channels = leads.iter().filter_map(|(&id, address)| place(address).map(|place| (id, place))).collect();
        operators.iter().for_each(|&(_, place)| blank[place].operators += 1);
        Self { blank, operators, channels }
    }
}

fn entry<T: Clone + Default>(counts: &mut Vec<T>, id: usize) -> &mut T {
    if counts.len() <= id {
        counts.resize(id + 1, T::default());
    }
    &mut counts[id]
}
