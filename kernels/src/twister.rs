//! The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), many words at a time.

/// Words of the twister's state, and how far apart those lie that it mixes.
pub const TWISTER_WORDS: usize = 624;
const APART: usize = 397;

/// The next state.
pub fn twist(state: &mut [u32; TWISTER_WORDS]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has these instructions.
        unsafe { twist_avx2(state) };
        return;
    }
    twisted(state);
}

/// `torch.rand`'s numbers of words of a state: 24 bits in 0..1 each. As many as there are of both.
pub fn tempered_uniform(words: &[u32], values: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the machine has these instructions.
            unsafe { uniform_avx512(words, values) };
            return;
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has these instructions.
            unsafe { uniform_avx2(words, values) };
            return;
        }
    }
    uniform(words, values);
}

/// The same as [`twisted`] for machines with wide integers.
///
/// # Safety
/// The machine has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn twist_avx2(state: &mut [u32; TWISTER_WORDS]) {
    twisted(state);
}

/// The same as [`uniform`] for machines with the widest lanes. (The twist gains nothing by them.)
///
/// # Safety
/// The machine has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn uniform_avx512(words: &[u32], values: &mut [f32]) {
    uniform(words, values);
}

/// The same as [`uniform`] for machines with wide integers.
///
/// # Safety
/// The machine has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn uniform_avx2(words: &[u32], values: &mut [f32]) {
    uniform(words, values);
}

#[inline(always)]
fn twisted(state: &mut [u32; TWISTER_WORDS]) {
    let mixed = |word: u32, after: u32| {
        let y = (word & 0x8000_0000) | (after & 0x7FFF_FFFF);
        (y >> 1) ^ ((y & 1).wrapping_neg() & 0x9908_B0DF)
    };
    // In three parts, so that each is computed side by side.
    for i in 0..TWISTER_WORDS - APART {
        state[i] = state[i + APART] ^ mixed(state[i], state[i + 1]);
    }
    for i in TWISTER_WORDS - APART..TWISTER_WORDS - 1 {
        state[i] = state[i + APART - TWISTER_WORDS] ^ mixed(state[i], state[i + 1]);
    }
    state[TWISTER_WORDS - 1] = state[APART - 1] ^ mixed(state[TWISTER_WORDS - 1], state[0]);
}

#[inline(always)]
fn uniform(words: &[u32], values: &mut [f32]) {
    for (value, word) in values.iter_mut().zip(words) {
        // (Signed numbers are converted side by side.)
        *value = (tempered(*word) & 0x00FF_FFFF) as i32 as f32 * (1.0 / (1 << 24) as f32);
    }
}

/// A word of the state as it is handed out.
#[inline(always)]
pub fn tempered(mut y: u32) -> u32 {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C_5680;
    y ^= (y << 15) & 0xEFC6_0000;
    y ^ (y >> 18)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arms_give_the_same_words_and_numbers() {
        let mut state = [0; TWISTER_WORDS];
        state.iter_mut().zip(1_u32..).for_each(|(word, i)| *word = i.wrapping_mul(0x9E37_79B9));
        let (mut fast, mut plain) = (state, state);
        twist(&mut fast);
        twisted(&mut plain);
        assert_eq!(fast, plain);
        let (mut ours, mut theirs) = (vec![0.0; 611], vec![0.0; 611]);
        tempered_uniform(&fast, &mut ours);
        uniform(&plain, &mut theirs);
        assert_eq!(ours, theirs);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            ours.fill(0.0);
            // SAFETY: the machine has these instructions.
            unsafe { uniform_avx2(&fast, &mut ours) };
            assert_eq!(ours, theirs);
        }
        assert!(ours.iter().all(|it| (0.0..1.0).contains(it)));
    }

    #[test]
    fn a_known_seed_gives_the_published_words() {
        // mt19937ar.c: init_genrand(5489), the first word and the second.
        let mut state = [5489_u32; TWISTER_WORDS];
        for i in 1..TWISTER_WORDS {
            state[i] = 1_812_433_253_u32.wrapping_mul(state[i - 1] ^ (state[i - 1] >> 30)).wrapping_add(i as u32);
        }
        twist(&mut state);
        assert_eq!([tempered(state[0]), tempered(state[1])], [3_499_211_612, 581_869_302]);
    }
}
