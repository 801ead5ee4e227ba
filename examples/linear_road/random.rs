//! Numbers that look drawn and are functions of what they are drawn for.

/// A number for `what` and `which`: the same for the same pair, and unlike that of any other.
pub(crate) fn draw(what: u64, which: u64) -> u64 {
    let product = u128::from(what ^ 0x8a5c_d789_635d_2dff) * u128::from(which ^ 0xd1b5_4a32_d192_ed03);
    let folded = (product as u64) ^ (product >> 64) as u64;
    let product = u128::from(folded ^ what) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
    (product as u64) ^ (product >> 64) as u64
}

/// One of `count` values, from the bits of `drawn` from `bit` on; 16 bits of it count.
pub(crate) fn one_of(drawn: u64, bit: u32, count: u32) -> u32 {
    (((drawn >> bit) as u32 & 0xffff) * count) >> 16
}
