//! Packs words: the repetitions of a loop cost next to nothing, irregular words cost little more than themselves.
//!
//! LZ77 over whole words. A packed block is a row of sequences; each is a `u32` head (little-endian: literals 6 bits,
//! match length 13, match distance 13), that many literal words, and then a copy of `length` words from `distance`
//! words back, which may overlap what it writes. A loop of a thousand `lock`/`unlock` pairs is one sequence, and both
//! directions move whole words only: a recorder that packs writes far less than its disk could take.

/// Most words of a block: distances and lengths must fit into 13 bits.
pub(crate) const MAX_WORDS: usize = (1 << 13) - 1;
const MAX_LITERALS: usize = (1 << 6) - 1;
const HASH_BITS: u32 = 11;

/// Packs blocks; keeps its table between them.
pub(crate) struct Packer {
    /// Hash of a word to one more than its last place in this block.
    last: Box<[u16; 1 << HASH_BITS]>,
}

impl Default for Packer {
    fn default() -> Self {
        Self { last: Box::new([0; 1 << HASH_BITS]) }
    }
}

fn hash(word: u64) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH_BITS)) as usize
}

impl Packer {
    /// Puts the packed form of `words`, at most [`MAX_WORDS`] of them, into `out` from `from` on; returns where it ends.
    /// There must be room for [`longest`]. `new` gets every word that does not repeat an earlier one, in order.
    pub(crate) fn pack(&mut self, words: &[u64], out: &mut [u8], from: usize, mut new: impl FnMut(u64)) -> usize {
        debug_assert!(words.len() <= MAX_WORDS);
        self.last.fill(0);
        let (mut at, mut literals, mut end) = (0, 0, from);
        let mut sequence = |literals: &[u64], length: usize, distance: usize| {
            let head = literals.len() as u32 | (length as u32) << 6 | (distance as u32) << 19;
            out[end..end + 4].copy_from_slice(&head.to_le_bytes());
            end += 4;
            let places = out[end..][..8 * literals.len()].as_chunks_mut().0;
            end += 8 * literals.len();
            for (place, &word) in places.iter_mut().zip(literals) {
                new(word);
                *place = word.to_le_bytes();
            }
        };
        while at < words.len() {
            let word = words[at];
            let place = &mut self.last[hash(word)];
            let candidate = usize::from(*place);
            *place = at as u16 + 1;
            if candidate != 0 && words[candidate - 1] == word {
                let distance = at - (candidate - 1);
                let (here, there) = (&words[at..], &words[candidate - 1..]);
                let length = common(here, there);
                sequence(&words[literals..at], length, distance);
                at += length;
                literals = at;
            } else {
                at += 1;
                if at - literals == MAX_LITERALS {
                    sequence(&words[literals..at], 0, 0);
                    literals = at;
                }
            }
        }
        if literals < at {
            sequence(&words[literals..at], 0, 0);
        }
        end
    }
}

/// How many words the two begin with alike. Many at a time: in a loop of the program this is all that packing does.
#[inline(always)]
fn common(here: &[u64], there: &[u64]) -> usize {
    const MANY: usize = 32;
    let many = here.as_chunks::<MANY>().0.iter().zip(there.as_chunks::<MANY>().0);
    let whole = MANY * many.take_while(|(here, there)| here == there).count();
    whole + here[whole..].iter().zip(&there[whole..]).take_while(|(a, b)| a == b).count()
}

/// The most bytes that so many words become: without a repetition, for its head is shorter than a word.
pub(crate) const fn longest(words: usize) -> usize {
    8 * words + 4 * words.div_ceil(MAX_LITERALS)
}

/// Unpacks exactly `count` words, replacing what is in `words`. An error is the reason why the bytes are no such block.
pub(crate) fn unpack(mut bytes: &[u8], count: usize, words: &mut Vec<u64>) -> Result<(), &'static str> {
    words.clear();
    words.reserve(count);
    while let Some((head, rest)) = bytes.split_first_chunk::<4>() {
        let head = u32::from_le_bytes(*head);
        let (literals, length, distance) = ((head & 63) as usize, (head >> 6 & 0x1fff) as usize, (head >> 19) as usize);
        let Some((copied, rest)) = rest.split_at_checked(8 * literals) else {
            return Err("a packed block that ends inside its words");
        };
        bytes = rest;
        if words.len() + literals + length > count || literals + length == 0 {
            return Err("a packed block with another number of words than its head says");
        }
        words.extend(copied.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)));
        if length != 0 {
            if distance == 0 || distance > words.len() {
                return Err("a packed block that repeats what was not there");
            }
            let from = words.len() - distance;
            if distance >= length {
                words.extend_from_within(from..from + length);
            } else {
                for index in from..from + length {
                    words.push(words[index]);
                }
            }
        }
    }
    if !bytes.is_empty() || words.len() != count {
        return Err("a packed block with another number of words than its head says");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn unpacking_undoes_packing(words in prop::collection::vec(prop_oneof![0..4_u64, any::<u64>()], 0..500)) {
            let (mut packed, mut back) = (vec![0; 40 + longest(words.len())], Vec::new());
            let mut packer = Packer::default();
            packer.pack(&[1, 2, 3], &mut packed, 0, |_| ());
            let mut told = Vec::new();
            let end = packer.pack(&words, &mut packed, 7, |new| told.push(new));
            let packed = &packed[7..end];
            prop_assert!(packed.len() <= longest(words.len()));
            prop_assert!(words.iter().all(|word| told.contains(word)));
            prop_assert_eq!(unpack(packed, words.len(), &mut back), Ok(()));
            prop_assert_eq!(&back, &words);
            prop_assert!(unpack(packed, words.len() + 1, &mut back).is_err());
        }

        #[test]
        fn any_bytes_unpack_or_fail_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..300_usize) {
            let mut words = Vec::new();
            let _ = unpack(&bytes, count, &mut words);
            prop_assert!(words.len() <= count);
        }
    }

    #[test]
    fn the_worst_fits() {
        for count in [0, 1, MAX_LITERALS, MAX_LITERALS + 1, MAX_WORDS] {
            let words: Vec<u64> = (0..count as u64).collect();
            assert_eq!(Packer::default().pack(&words, &mut vec![0; longest(count)], 0, |_| ()), longest(count));
        }
    }

    #[test]
    fn a_repetition_ends_where_it_ends() {
        for length in 0..200 {
            let words: Vec<u64> = (0..length + 1).chain(0..length).chain([u64::MAX]).collect();
            let (here, there) = (&words[length as usize + 1..], &words[..]);
            assert_eq!(common(here, there), length as usize);
        }
    }

    #[test]
    fn a_loop_costs_next_to_nothing() {
        let words: Vec<u64> = [7, 9].into_iter().cycle().take(MAX_WORDS).collect();
        let end = Packer::default().pack(&words, &mut vec![0; longest(MAX_WORDS)], 0, |_| ());
        assert!(end < 32, "{end}");
    }
}
