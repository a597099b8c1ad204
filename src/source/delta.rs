//! Git deltas: a version of an object as copies from its base and inserted bytes.

use crate::blob::Region;

/// Applies a delta to its base: fills `out` with the object and `regions` with where its bytes come from. Neighbouring
/// regions that continue each other are joined. `None` if the delta is not valid for this base.
pub fn apply(base: &[u8], delta: &[u8], out: &mut Vec<u8>, regions: &mut Vec<Region>) -> Option<()> {
    out.clear();
    regions.clear();
    let (base_size, rest) = size(delta)?;
    let (result_size, mut rest) = size(rest)?;
    if base_size != base.len() {
        return None;
    }
    // A copy op makes at most 16 MiB out of 7 bytes, so a hostile size cannot be much larger than this.
    if result_size > delta.len().saturating_mul(1 << 24) {
        return None;
    }
    out.try_reserve_exact(result_size).ok()?;
    while let Some((&op, after)) = rest.split_first() {
        if op & 0x80 != 0 {
            let (from, len, after) = copy_op(op, after)?;
            let bytes = base.get(from..from.checked_add(len)?)?;
            push(regions, Region::Copy { from, to: out.len(), len });
            out.extend_from_slice(bytes);
            rest = after;
        } else {
            let len = usize::from(op);
            if len == 0 {
                return None;
            }
            push(regions, Region::Insert { to: out.len(), len });
            out.extend_from_slice(after.get(..len)?);
            rest = &after[len..];
        }
        if out.len() > result_size {
            return None;
        }
    }
    (out.len() == result_size).then_some(())
}

fn push(regions: &mut Vec<Region>, next: Region) {
    match (regions.last_mut(), next) {
        (Some(Region::Copy { from, len, .. }), Region::Copy { from: f, len: l, .. }) if *from + *len == f => *len += l,
        (Some(Region::Insert { len, .. }), Region::Insert { len: l, .. }) => *len += l,
        _ => regions.push(next),
    }
}

/// Offset and length of a copy instruction; each set bit of `op` stands for one byte that follows.
fn copy_op(op: u8, mut rest: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (mut from, mut len) = (0usize, 0usize);
    for bit in 0..7 {
        if op >> bit & 1 == 1 {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            if bit < 4 {
                from |= usize::from(byte) << (8 * bit);
            } else {
                len |= usize::from(byte) << (8 * (bit - 4));
            }
        }
    }
    Some((from, if len == 0 { 0x1_0000 } else { len }, rest))
}

/// A size, 7 bits a byte, least significant first.
fn size(delta: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (i, byte) in delta.iter().enumerate().take(9) {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &delta[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_inserts() {
        // base size 10, result size 9: copy 3 at 2, copy 2 at 5 (joined), insert "xy", copy 2 at 0
        let delta = [10, 9, 0x91, 2, 3, 0x91, 5, 2, 2, b'x', b'y', 0x90, 2];
        let (mut out, mut regions) = (Vec::new(), Vec::new());
        assert_eq!(apply(b"0123456789", &delta, &mut out, &mut regions), Some(()));
        assert_eq!(out, b"23456xy01");
        assert_eq!(
            regions,
            [
                Region::Copy { from: 2, to: 0, len: 5 },
                Region::Insert { to: 5, len: 2 },
                Region::Copy { from: 0, to: 7, len: 2 }
            ]
        );
    }

    #[test]
    fn broken_deltas_are_refused() {
        let cases: [&[u8]; 6] = [
            &[],
            &[9, 1, 1, b'x'],                                               // wrong base size
            &[10, 2, 1, b'x'],                                              // result shorter than said
            &[10, 1, 0],                                                    // reserved instruction
            &[10, 2, 0x91, 9, 2],                                           // copy past the base
            &[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, b'x'], // absurd size
        ];
        for delta in cases {
            assert_eq!(apply(b"0123456789", delta, &mut Vec::new(), &mut Vec::new()), None, "{delta:?}");
        }
    }
}
