//! OpenAI CLIP's byte pairs, ready in a millisecond: the general tables of the `tokenizers` crate take many times as long to build.

use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The pairs of tokens that are merged, best first, as two little-endian `u16` each; `assets/clip_merges.py` makes the file.
const PAIRS: &[u8] = include_bytes!("../../assets/clip_merges.bin");
/// The first tokens are the 256 bytes, then the 256 bytes that end a word.
const BYTES: u16 = 256;
/// The tokens after that are what the pairs make.
const FIRST_PAIR: u16 = 2 * BYTES;
/// The tokens after the pairs are the start token and the end token.
pub(super) const START: u32 = FIRST_PAIR as u32 + PAIRS.len() as u32 / 4;

/// Byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909) with the table of CLIP.
pub(super) struct Merges {
    /// What a pair makes; the smaller, the sooner it is merged.
    made: FxHashMap<(u16, u16), u16>,
    /// Tokens of the letters that stand for bytes.
    letters: FxHashMap<char, u16>,
}

/// A pair that can be merged: what it makes, where it is, what it is made of.
type Candidate = Reverse<(u16, usize, u16, u16)>;

impl Merges {
    pub(super) fn new() -> Self {
        let number = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
        let pairs = PAIRS.chunks_exact(4).map(|it| (number(&it[..2]), number(&it[2..])));
        Self { made: pairs.zip(FIRST_PAIR..).collect(), letters: byte_letters().into_iter().zip(0..).collect() }
    }

    /// Appends the tokens of one word, which is written in the letters that stand for bytes.
    pub(super) fn encode(&self, word: &str, ids: &mut Vec<u32>) {
        let mut tokens: Vec<u16> = word.chars().filter_map(|it| self.letters.get(&it).copied()).collect();
        if let Some(last) = tokens.last_mut() {
            *last += BYTES;
        }
        // A merge leaves its token in the left place and closes the right one.
        let mut next: Vec<usize> = (1..=tokens.len()).collect();
        let mut previous: Vec<Option<usize>> = (0..tokens.len()).map(|it| it.checked_sub(1)).collect();
        let mut open = vec![true; tokens.len()];
        let candidate = |tokens: &[u16], left: usize, right: usize| -> Option<Candidate> {
            let pair = (*tokens.get(left)?, *tokens.get(right)?);
            self.made.get(&pair).map(|made| Reverse((*made, left, pair.0, pair.1)))
        };
        let mut heap: BinaryHeap<Candidate> = (0..tokens.len()).filter_map(|it| candidate(&tokens, it, it + 1)).collect();
        while let Some(Reverse((made, left, a, b))) = heap.pop() {
            let right = next[left];
            // One of the two has become part of something else meanwhile.
            if !open[left] || tokens[left] != a || tokens.get(right) != Some(&b) {
                continue;
            }
            tokens[left] = made;
            open[right] = false;
            next[left] = next[right];
            if let Some(after) = previous.get_mut(next[left]) {
                *after = Some(left);
            }
            heap.extend(previous[left].and_then(|it| candidate(&tokens, it, left)));
            heap.extend(candidate(&tokens, left, next[left]));
        }
        ids.extend(tokens.iter().zip(open).filter(|it| it.1).map(|it| u32::from(*it.0)));
    }
}

/// The letters that stand for bytes, in the order of the vocabulary: the printable ones for themselves, then the others.
fn byte_letters() -> Vec<char> {
    let printable = |byte: &u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let shown = (0..256).filter(printable);
    let hidden = (0..256).filter(|it| !printable(it)).zip(256..).map(|(_, letter)| letter);
    shown.chain(hidden).filter_map(char::from_u32).collect()
}
