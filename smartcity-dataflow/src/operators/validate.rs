//! STUB
use crate::Rows;
pub fn validate<'s, D: differential_dataflow::Data, A: differential_dataflow::Data, R: differential_dataflow::Data>(rows: Rows<'s, D>, check: impl Fn(D) -> Result<A, R> + Clone + 'static) -> (Rows<'s, A>, Rows<'s, R>) {
    let c = check.clone();
    (rows.clone().flat_map(move |d| check(d).ok()), rows.flat_map(move |d| c(d).err()))
}
