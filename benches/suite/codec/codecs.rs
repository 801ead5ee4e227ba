//! The codecs, each with its own sort of buffer.

use columnar::bytes::indexed;
use columnar::{Borrow, Clear, FromBytes, Len, Push};
use serde::Serialize;
use serde::de::DeserializeOwned;
use smartcity::model::{Instant, Reading};
use smartcity::{Diff, Time};

use super::rows::{Named, Reported, Row, Update};

/// A way to write rows into a buffer and to read them.
pub(crate) trait Codec<R: Look> {
    const NAME: &'static str;
    /// What a buffer is made of.
    type Word: Clone;

    #[expect(clippy::ptr_arg, reason = "abomonation writes a vector, its own memory and all")]
    fn encode(&mut self, rows: &Vec<R>, wire: &mut Vec<Self::Word>);

    /// Reads the rows and looks at every field: the sum of [`Look::look`].
    fn decode(&self, wire: &mut Vec<Self::Word>) -> u64;
}

/// A look at every field.
pub(crate) trait Look {
    fn look(&self) -> u64;
}

impl Look for Update<Reported> {
    fn look(&self) -> u64 {
        let ((time, id, vehicle, road, latitude, longitude, speed), at, diff) = *self;
        let numbers = [latitude as u64, longitude as u64, speed as u64, time as u64, id, vehicle, road, at];
        numbers.into_iter().fold(diff as u64, u64::wrapping_add)
    }
}

impl Look for Update<Named> {
    fn look(&self) -> u64 {
        let ((id, text), at, diff) = self;
        id.wrapping_add(text.len() as u64).wrapping_add(*at).wrapping_add(*diff as u64)
    }
}

impl Look for (Reading<Instant>, Time, Diff) {
    fn look(&self) -> u64 {
        let (Reading { origin, id, device, arrived, .. }, at, diff) = self;
        [origin.offset, device.get(), *arrived, *at, *diff as u64].into_iter().fold(id.get(), u64::wrapping_add)
    }
}

/// What timely writes vectors with.
pub(crate) struct Bincode;

impl<R: Serialize + DeserializeOwned + Look> Codec<R> for Bincode {
    const NAME: &'static str = "bincode";
    type Word = u8;

    fn encode(&mut self, rows: &Vec<R>, wire: &mut Vec<u8>) {
        wire.clear();
        bincode::serialize_into(wire, rows).expect("rows are written to memory");
    }

    fn decode(&self, wire: &mut Vec<u8>) -> u64 {
        let rows: Vec<R> = bincode::deserialize(wire).expect("rows are read as they were written");
        rows.iter().map(Look::look).fold(0, u64::wrapping_add)
    }
}

/// Field by field: a column each.
pub(crate) struct Columnar<R: Row> {
    columns: columnar::ContainerOf<Update<R>>,
}

impl<R: Row> Default for Columnar<R> {
    fn default() -> Self {
        Self { columns: Default::default() }
    }
}

macro_rules! columnar {
    ($row:ty, $fields:pat => $sum:expr) => {
        impl Codec<Update<$row>> for Columnar<$row> {
            const NAME: &'static str = "columnar";
            type Word = u64;

            fn encode(&mut self, rows: &Vec<Update<$row>>, wire: &mut Vec<u64>) {
                wire.clear();
                self.columns.clear();
                rows.iter().for_each(|row| self.columns.push(row));
                indexed::encode(wire, &self.columns.borrow());
            }

            fn decode(&self, wire: &mut Vec<u64>) -> u64 {
                type Columns = columnar::ContainerOf<Update<$row>>;
                let columns = <Columns as Borrow>::Borrowed::from_bytes(&mut indexed::decode(wire));
                let rows = (0..columns.len()).map(|row| {
                    let $fields = columnar::Index::get(&columns, row);
                    $sum
                });
                rows.fold(0, u64::wrapping_add)
            }
        }
    };
}

columnar!(Reported, (fields, at, diff) => {
    let (time, id, vehicle, road, latitude, longitude, speed) = fields;
    ((*time, *id, *vehicle, *road, *latitude, *longitude, *speed), *at, *diff).look()
});
columnar!(Named, ((id, text), at, diff) => {
    id.wrapping_add(text.len() as u64).wrapping_add(*at).wrapping_add(*diff as u64)
});
