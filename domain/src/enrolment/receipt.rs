//! Receipts 回执号: the public name of an application, told to nobody but its family and meaningless to everybody else.

/// `26-7KQ2M-0FXA9`: the year, and fifty of the random bits in an alphabet without look-alikes (no I, L, O, U). Two
/// receipts may be equal once in a blue moon: a unique key in the round finds out, and other bits are taken.
pub fn receipt(school_year: i64, random: [u8; 7]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = random.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    let digit = |i: u32| ALPHABET[(bits >> (i * 5) & 31) as usize] as char;
    let half = |from: u32| (from..from + 5).map(digit).collect::<String>();
    format!("{:02}-{}-{}", school_year.rem_euclid(100), half(0), half(5))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::enrolment::draw::is_receipt;

    proptest! {
        #[test]
        fn a_receipt_can_stand_in_a_roster_and_keeps_fifty_bits(random: [u8; 7], flipped in 0usize..50) {
            let one = receipt(2026, random);
            prop_assert!(is_receipt(&one) && one.len() == 14 && one.starts_with("26-"), "{}", one);
            let mut other = random;
            other[6 - flipped / 8] ^= 1 << (flipped % 8);
            prop_assert_ne!(receipt(2026, other), one);
        }
    }
}
