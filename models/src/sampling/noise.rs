//! Noise: the numbers that PyTorch's CPU generator would draw, so that a seed means the same picture here and there.
//!
//! A seed's low 32 bits start the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998); normal numbers come from it by Box and
//! Muller's transform, in blocks of sixteen. Brownian paths are those of torchsde 0.2.6 (`BrownianTree`), whose seeds come from
//! NumPy's `SeedSequence`.

use super::frame::Frame;
use burn::tensor::{Device, Tensor, TensorData};
use kernels::TWISTER_WORDS;
use parking_lot::Mutex;
use rayon::prelude::*;
use std::f64::consts::TAU;
use std::sync::Arc;

/// PyTorch's CPU generator.
#[derive(Clone)]
pub struct Generator {
    state: Box<[u32; TWISTER_WORDS]>,
    next: usize,
    /// The second number of a pair that was made one by one.
    spare: Option<f64>,
}

impl Generator {
    /// `torch.manual_seed(seed)`: only the low 32 bits count.
    pub fn new(seed: u64) -> Self {
        let mut state = Box::new([seed as u32; TWISTER_WORDS]);
        for i in 1..TWISTER_WORDS {
            let last = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: TWISTER_WORDS, spare: None }
    }

    /// `count` normal numbers, as one call of `torch.randn` for that many elements gives them; the shape does not matter.
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        let mut values = vec![0.0; count];
        self.fill(&mut values);
        values
    }

    /// The same into memory that is there already.
    fn fill(&mut self, values: &mut [f32]) {
        let count = values.len();
        if count < BLOCK {
            values.iter_mut().for_each(|it| *it = self.one_normal() as f32);
            return;
        }
        self.uniform(values);
        kernels::box_muller(values);
        if !count.is_multiple_of(BLOCK) {
            // The last sixteen are drawn afresh: they overlap the last whole block.
            let tail = &mut values[count - BLOCK..];
            self.uniform(tail);
            kernels::box_muller(tail);
        }
    }

    /// As if so many uniform numbers had been drawn.
    fn skip(&mut self, mut count: usize) {
        while count > TWISTER_WORDS - self.next {
            count -= TWISTER_WORDS - self.next;
            self.twist();
        }
        self.next += count;
    }

    /// `torch.rand`'s numbers: 24 bits in 0..1 each.
    fn uniform(&mut self, mut values: &mut [f32]) {
        while !values.is_empty() {
            if self.next == TWISTER_WORDS {
                self.twist();
            }
            let (now, later) = values.split_at_mut(values.len().min(TWISTER_WORDS - self.next));
            kernels::tempered_uniform(&self.state[self.next..], now);
            self.next += now.len();
            values = later;
        }
    }

    /// 53 bits in 0..1, from two words, the high one first.
    pub(crate) fn uniform_double(&mut self) -> f64 {
        let bits = (u64::from(self.word()) << 32) | u64::from(self.word());
        (bits & ((1 << 53) - 1)) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// `torch.randint(count, ...)`: a number below `count`, which is not zero.
    pub fn below(&mut self, count: u32) -> u32 {
        self.word() % count
    }

    fn one_normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let (u1, u2) = (self.uniform_double(), self.uniform_double());
        let (radius, angle) = ((-2.0 * (-u2).ln_1p()).sqrt(), TAU * u1);
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }

    fn word(&mut self) -> u32 {
        if self.next == TWISTER_WORDS {
            self.twist();
        }
        self.next += 1;
        kernels::tempered(self.state[self.next - 1])
    }

    fn twist(&mut self) {
        kernels::twist(&mut self.state);
        self.next = 0;
    }
}

/// How many uniform numbers become normal together.
const BLOCK: usize = 16;

/// `a·b + c`, rounded once, as the fused instruction that PyTorch is compiled to.
pub(super) fn fused(a: f32, b: f32, c: f32) -> f32 {
    (f64::from(a) * f64::from(b) + f64::from(c)) as f32
}

/// The noise that a seed stands for, `[batch, each]`.
///
/// Without `indices` the whole batch is one draw, so its second latent is not that of the next seed. With them, latent `i` gets the
/// noise that latent `indices[i]` has when one is drawn after another: a part taken out of a batch keeps its noise.
pub fn initial(seed: u64, shape: [usize; 2], indices: Option<&[usize]>, device: &Device) -> Tensor<2> {
    draw(&mut Generator::new(seed), shape, indices, device)
}

/// The same from a generator, which can be drawn from further.
pub(super) fn draw(
    generator: &mut Generator,
    [batch, each]: [usize; 2],
    indices: Option<&[usize]>,
    device: &Device,
) -> Tensor<2> {
    let Some(indices) = indices else {
        return tensor(generator.normal(batch * each), [batch, each], device);
    };
    let mut values = vec![0.0; batch * each];
    let last = indices.iter().take(batch).max().copied().unwrap_or(0);
    for index in 0..=last {
        let drawn = generator.normal(each);
        for (row, _) in indices.iter().take(batch).enumerate().filter(|(_, it)| **it == index) {
            values[row * each..][..each].copy_from_slice(&drawn);
        }
    }
    tensor(values, [batch, each], device)
}

/// Noise of which each number belongs to a place: channel, row and column from the middle of the picture, and the latent's index in its
/// batch. A larger picture has the noise of a smaller one in its middle.
///
/// The numbers come from the counter-based generator Philox4x32-10 (Salmon et al. 2011), its key the seed and its counter the place, by
/// Box and Muller's transform.
pub(super) fn placed(seed: u64, frame: &Frame, indices: Option<&[usize]>) -> Tensor<2> {
    let Frame { batch, height, width, .. } = *frame;
    let planes = frame.channels * frame.depth;
    let mut values = vec![0.0_f32; batch * planes * height * width];
    let from_middle = |at: usize, size: usize| (at as i64 - (size / 2) as i64) as u32;
    values.par_chunks_mut(width).enumerate().for_each(|(row, values)| {
        let (latent, plane, y) = (row / (planes * height), row / height % planes, row % height);
        let index = indices.map_or(latent, |it| it[latent]);
        for (x, value) in values.iter_mut().enumerate() {
            let place = [from_middle(x, width), from_middle(y, height), plane as u32, index as u32];
            let [first, second, ..] = philox(place, [seed as u32, (seed >> 32) as u32]);
            let part = |word: u32| (f64::from(word) + 0.5) / (1_u64 << 32) as f64;
            *value = ((-2.0 * part(first).ln()).sqrt() * (TAU * part(second)).cos()) as f32;
        }
    });
    tensor(values, [batch, planes * height * width], &frame.device)
}

/// Four random words for each counter and key.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    const ROUNDS: usize = 10;
    for _ in 0..ROUNDS {
        let product = |factor: u32, word: u32| u64::from(factor) * u64::from(word);
        let (first, second) = (product(0xD251_1F53, counter[0]), product(0xCD9E_8D57, counter[2]));
        let [high_first, high_second] = [first, second].map(|it| (it >> 32) as u32);
        counter = [high_second ^ counter[1] ^ key[0], second as u32, high_first ^ counter[3] ^ key[1], first as u32];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

fn tensor(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The noise that a sampler adds on its way.
pub struct Noise {
    seed: u64,
    shape: [usize; 2],
    device: Device,
    /// Started when first asked.
    generator: Option<Generator>,
    ambient: Ambient,
}

/// PyTorch's own generator, from which the initial noise is drawn, and then whatever asks without naming one.
pub type Ambient = Arc<Mutex<Generator>>;

impl Noise {
    /// Noise for latents `[batch, each]`.
    pub fn new(seed: u64, shape: [usize; 2], device: &Device) -> Self {
        Self { seed, shape, device: device.clone(), generator: None, ambient: Arc::new(Mutex::new(Generator::new(seed))) }
    }

    /// The same where the ambient generator has been drawn from before.
    pub fn after(self, ambient: Ambient) -> Self {
        Self { ambient, ..self }
    }

    /// The next independent draw. The first equals the initial noise of the same seed, as in ComfyUI 0.3.
    pub fn white(&mut self) -> Tensor<2> {
        let generator = self.generator.get_or_insert_with(|| Generator::new(self.seed));
        tensor(generator.normal(self.shape[0] * self.shape[1]), self.shape, &self.device)
    }

    /// The next draw of the ambient generator.
    pub fn ambient(&mut self) -> Tensor<2> {
        tensor(self.ambient.lock().normal(self.shape[0] * self.shape[1]), self.shape, &self.device)
    }

    /// A Brownian path over the noise levels of `sigmas`, from the least above zero to the greatest.
    pub fn brownian(&self, sigmas: &[f32]) -> Brownian {
        let low = sigmas.iter().copied().filter(|it| *it > 0.0).fold(f32::INFINITY, f32::min);
        let high = sigmas.iter().copied().fold(0.0, f32::max);
        Brownian {
            path: BrownianPath::new(self.seed, low, high, self.shape[0] * self.shape[1]),
            shape: self.shape,
            device: self.device.clone(),
        }
    }
}

/// A Brownian path as a source of noise: what lies between two noise levels is the same however often the way is cut.
pub struct Brownian {
    path: BrownianPath,
    shape: [usize; 2],
    device: Device,
}

impl Brownian {
    /// Noise of unit variance for the step between two noise levels.
    pub fn between(&mut self, from: f32, to: f32) -> Tensor<2> {
        tensor(self.path.between(from, to), self.shape, &self.device)
    }
}

/// A path `W(t)` with independent normal increments, drawn by bisection: any point can be asked in any order.
struct BrownianPath {
    seed: u64,
    /// From the whole way down to the last point that was asked, as far as memory is lent.
    trail: Vec<Place>,
    /// The numbers in runs, each of which is followed from the first cut to the last while it is near the processor.
    runs: Vec<Run>,
    /// W(point) - W(start) at the last points that were asked, the newest last: a step begins where the last one ended.
    recent: Vec<(f64, Vec<f32>)>,
}

/// A run of numbers along the trail.
struct Run {
    /// How many numbers lie before it.
    first: usize,
    /// A bridge for each place of the trail, and behind them old ones, whose memory is used again.
    trail: Vec<Bridge>,
    /// The one at hand.
    bridge: Bridge,
}

/// What is known of a part of the way.
#[derive(Clone)]
struct Bridge {
    /// W(start) - W(the path's start).
    before: Vec<f32>,
    /// W(end) - W(start).
    whole: Vec<f32>,
}

/// Where a part of the way is, and what number it has in its row of the tree.
#[derive(Clone, Copy)]
struct Place {
    start: f64,
    end: f64,
    key: u64,
    depth: u64,
}

/// A part of the way that is cut in two, and which half is taken.
struct Cut {
    seed: u32,
    /// The straight line's part up to the middle, and the spread around it.
    part: f32,
    spread: f32,
    left: bool,
    taken: Place,
}

/// Bytes that the trail of a path may take, and its most places: points lie too far apart to share more.
const TRAIL: usize = 64 << 20;
const MOST_PLACES: usize = 6;
/// So many points are kept: the two ends of a step, and the one that is asked next.
const RECENT: usize = 3;
/// Numbers that are drawn at a time: their noise stays in the nearest memory.
const DRAW: usize = 8 * TWISTER_WORDS;

impl BrownianPath {
    fn new(seed: u64, from: f32, to: f32, count: usize) -> Self {
        let [first] = SeedSequence::new(seed, &[]).state();
        let root = (f64::from(to) - f64::from(from)).max(0.0).sqrt() as f32;
        let mut whole = Generator::new(u64::from(first)).normal(count);
        whole.iter_mut().for_each(|it| *it *= root);
        let place = Place { start: grid(f64::from(from)), end: grid(f64::from(to)), key: 0, depth: 0 };
        // A run for each thread, but none so short that finding its beginning costs more than drawing it.
        let length = (count / rayon::current_num_threads() / BLOCK * BLOCK).max(DRAW);
        let runs = (0..(count / length).max(1)).map(|run| {
            let first = run * length;
            let last = if count - first < 2 * length { count } else { first + length };
            let bridge = Bridge { before: vec![0.0; last - first], whole: whole[first..last].to_vec() };
            Run { first, trail: vec![bridge.clone()], bridge }
        });
        Self { seed, trail: vec![place], runs: runs.collect(), recent: Vec::new() }
    }

    /// `(W(high) - W(low)) / √(high - low)`, with the sign of the direction.
    fn between(&mut self, from: f32, to: f32) -> Vec<f32> {
        let (low, high) = (f64::from(from.min(to)), f64::from(from.max(to)));
        let sign = if from < to { 1.0 } else { -1.0 };
        let scale = sign / (to - from).abs().sqrt();
        let low = self.known(low);
        let high = self.known(high);
        let values = |point: f64| &self.recent[self.recent.iter().rposition(|it| it.0 == point).unwrap_or(0)].1;
        values(high).iter().zip(values(low)).map(|(high, low)| (high - low) * scale).collect()
    }

    /// Sees to it that a point is among the recent ones, and gives its place on the grid.
    fn known(&mut self, point: f64) -> f64 {
        let Place { start, end, .. } = self.trail[0];
        let point = grid(point.clamp(start, end.max(start)));
        let recent = match self.recent.iter().position(|it| it.0 == point) {
            Some(known) => self.recent.remove(known),
            None => {
                let used = if self.recent.len() == RECENT { Some(self.recent.remove(0).1) } else { None };
                let count = self.runs.iter().map(|it| it.bridge.whole.len()).sum();
                let mut values = used.unwrap_or_else(|| vec![0.0; count]);
                self.bisect(point, &mut values);
                (point, values)
            }
        };
        self.recent.push(recent);
        point
    }

    /// W(point) - W(start).
    fn bisect(&mut self, point: f64, values: &mut [f32]) {
        while self.trail.len() > 1 && self.trail.last().is_some_and(|it| point <= it.start || point > it.end) {
            self.trail.pop();
        }
        let shared = self.trail.len();
        let place = self.trail[shared - 1];
        let cuts = if point <= place.start { Vec::new() } else { self.cuts(place, point) };
        let lent = (TRAIL / (2 * size_of::<f32>() * values.len().max(1))).min(MOST_PLACES);
        let added = cuts.len().min(lent.saturating_sub(shared));
        self.trail.extend(cuts[..added].iter().map(|it| it.taken));
        let mut rest = values;
        let parts: Vec<(&mut Run, &mut [f32])> = (self.runs.iter_mut())
            .map(|run| {
                let (values, later) = std::mem::take(&mut rest).split_at_mut(run.bridge.whole.len());
                rest = later;
                (run, values)
            })
            .collect();
        parts.into_par_iter().for_each(|(run, values)| {
            run.follow(shared, &cuts, added);
            let Bridge { before, whole } = &run.bridge;
            // Before the beginning there is nothing to go.
            let part = if point <= place.start { 0.0 } else { 1.0 };
            for ((value, before), whole) in values.iter_mut().zip(before).zip(whole) {
                *value = before + part * whole;
            }
        });
    }

    /// How a part of the way is cut until one ends at a point of it.
    fn cuts(&self, mut place: Place, point: f64) -> Vec<Cut> {
        let mut cuts = Vec::new();
        while point < place.end {
            let Place { start, end, key, depth } = place;
            let middle = grid(0.5 * (end + start));
            let (left, right) = (middle - start, end - middle);
            if left <= 0.0 || right <= 0.0 {
                // Two neighbours on the grid have no point between them.
                break;
            }
            let [seed] = SeedSequence::new(self.seed, &[key, depth]).state();
            let (part, spread) = ((left / (end - start)) as f32, (left * right / (end - start)).sqrt() as f32);
            let goes_left = point <= middle;
            place = Place {
                start: if goes_left { start } else { middle },
                end: if goes_left { middle } else { end },
                key: 2 * key + u64::from(!goes_left),
                depth: depth + 1,
            };
            cuts.push(Cut { seed, part, spread, left: goes_left, taken: place });
        }
        cuts
    }
}

impl Run {
    /// Goes on from the last of the `shared` bridges of the trail, to which the first `added` cuts are added.
    fn follow(&mut self, shared: usize, cuts: &[Cut], added: usize) {
        let Self { first, trail, bridge } = self;
        bridge.copy_from(&trail[shared - 1]);
        let mut noise = [0.0; 2 * DRAW];
        for (index, cut) in cuts.iter().enumerate() {
            let mut generator = Generator::new(u64::from(cut.seed));
            generator.skip(*first);
            let (mut from, end) = (0, bridge.whole.len());
            while from < end {
                // The last draw is a long one: the end of all noise is drawn in another way, and must not come alone.
                let count = if end - from < noise.len() { end - from } else { DRAW };
                generator.fill(&mut noise[..count]);
                cut.take(&mut bridge.whole[from..][..count], &mut bridge.before[from..][..count], &noise);
                from += count;
            }
            if index < added {
                match trail.get_mut(shared + index) {
                    Some(old) => old.copy_from(bridge),
                    None => trail.push(bridge.clone()),
                }
            }
        }
    }
}

impl Bridge {
    /// Becomes equal to another one of its length, in the memory that it has.
    fn copy_from(&mut self, other: &Self) {
        self.before.copy_from_slice(&other.before);
        self.whole.copy_from_slice(&other.whole);
    }
}

impl Cut {
    /// Makes a bridge that of the half that is taken. It is normal around the straight line, with the variance of the way to both ends.
    fn take(&self, whole: &mut [f32], before: &mut [f32], noise: &[f32]) {
        let left = |whole: f32, noise: f32| whole * self.part + noise * self.spread;
        if self.left {
            whole.iter_mut().zip(noise).for_each(|(whole, noise)| *whole = left(*whole, *noise));
        } else {
            for ((whole, before), noise) in whole.iter_mut().zip(before).zip(noise) {
                let left = left(*whole, *noise);
                *before += left;
                *whole -= left;
            }
        }
    }
}

/// Points lie on a grid of 1e-6; decimal rounding, as Python's `round(x, 6)`.
fn grid(point: f64) -> f64 {
    format!("{point:.6}").parse().expect("a number that was just written")
}

/// NumPy's `SeedSequence` with a pool of 24 words: well-mixed seeds from an entropy and a place in a tree (O'Neill's `seed_seq_fe`).
struct SeedSequence {
    pool: [u32; POOL],
}

const POOL: usize = 24;

impl SeedSequence {
    fn new(entropy: u64, spawn_key: &[u64]) -> Self {
        let mut words = words(entropy);
        if !spawn_key.is_empty() {
            words.resize(POOL.max(words.len()), 0);
            words.extend(spawn_key.iter().flat_map(|it| self::words(*it)));
        }
        let mut constant = 0x43B0_D7E5_u32;
        let mut hash = |value: u32| {
            let value = value ^ constant;
            constant = constant.wrapping_mul(0x931E_8875);
            let value = value.wrapping_mul(constant);
            value ^ (value >> 16)
        };
        let mix = |x: u32, y: u32| {
            let mixed = 0xCA01_F9DD_u32.wrapping_mul(x).wrapping_sub(0x4973_F715_u32.wrapping_mul(y));
            mixed ^ (mixed >> 16)
        };
        let mut pool = [0; POOL];
        for (index, word) in pool.iter_mut().enumerate() {
            *word = hash(words.get(index).copied().unwrap_or(0));
        }
        for source in 0..POOL {
            for target in (0..POOL).filter(|it| *it != source) {
                pool[target] = mix(pool[target], hash(pool[source]));
            }
        }
        for word in words.iter().skip(POOL) {
            for target in &mut pool {
                *target = mix(*target, hash(*word));
            }
        }
        Self { pool }
    }

    fn state<const N: usize>(&self) -> [u32; N] {
        let mut constant = 0x8B51_F9DD_u32;
        std::array::from_fn(|index| {
            let value = self.pool[index % POOL] ^ constant;
            constant = constant.wrapping_mul(0x58F3_8DED);
            let value = value.wrapping_mul(constant);
            value ^ (value >> 16)
        })
    }
}

/// A number as words, the low one first, without leading zeros.
fn words(number: u64) -> Vec<u32> {
    let (low, high) = (number as u32, (number >> 32) as u32);
    if high == 0 { vec![low] } else { vec![low, high] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_numbers_that_its_authors_published() {
        // Random123 1.14, tests/kat_vectors, philox4x32 10.
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]);
        let (counter, key) = ([0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], [0xA409_3822, 0x299F_31D0]);
        assert_eq!(philox(counter, key), [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]);
    }

    #[test]
    fn runs_of_a_path_hold_the_numbers_of_one_draw() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let cases = [(1, 1), (15, 1), (16, 1), (DRAW - 1, 1), (2 * DRAW, 2), (3 * DRAW + 5, 3), (7 * DRAW + 8, 3)];
        for (count, runs) in cases {
            let wanted = Generator::new(9).normal(count);
            let cut =
                Cut { seed: 9, part: 0.0, spread: 1.0, left: true, taken: Place { start: 0.0, end: 1.0, key: 0, depth: 0 } };
            let path = pool.install(|| BrownianPath::new(1, 0.0, 1.0, count));
            assert_eq!(path.runs.len(), runs, "{count}");
            let drawn = path.runs.into_iter().flat_map(|mut run| {
                run.follow(1, std::slice::from_ref(&cut), 0);
                run.bridge.whole
            });
            assert_eq!(drawn.collect::<Vec<_>>(), wanted, "{count}");
        }
    }

    #[test]
    fn placed_noise_stays_where_it_is_when_the_picture_grows() {
        let device = Device::flex();
        let noise = |shape: [usize; 4], indices: Option<&[usize]>| {
            let frame = Frame::new(&shape, &device).unwrap();
            frame.pictures(placed(7, &frame, indices))
        };
        let (small, large) = (noise([2, 4, 8, 6], None), noise([2, 4, 13, 32], None));
        // The middles, 4 down and 3 across and 6 down and 16 across, are one place.
        let middle = large.narrow(2, 6 - 4, 8).narrow(3, 16 - 3, 6);
        assert_eq!(small.to_data(), middle.to_data());
        let second = noise([1, 4, 8, 6], Some(&[1]));
        assert_eq!(small.narrow(0, 1, 1).to_data(), second.to_data());
        let many: Vec<f32> = noise([1, 4, 128, 128], None).to_data().iter::<f32>().collect();
        let mean = many.iter().sum::<f32>() / many.len() as f32;
        let variance = many.iter().map(|it| (it - mean).powi(2)).sum::<f32>() / many.len() as f32;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}
