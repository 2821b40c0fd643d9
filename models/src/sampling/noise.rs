//! Noise: the numbers that PyTorch's CPU generator would draw, so that a seed means the same picture here and there.
//!
//! A seed's low 32 bits start the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998); normal numbers come from it by Box and
//! Muller's transform, in blocks of sixteen. Brownian paths are those of torchsde 0.2.6 (`BrownianTree`), whose seeds come from
//! NumPy's `SeedSequence`.

use burn::tensor::{Device, Tensor, TensorData};
use parking_lot::Mutex;
use rayon::prelude::*;
use std::f64::consts::TAU;
use std::sync::Arc;

/// PyTorch's CPU generator.
#[derive(Clone)]
pub struct Generator {
    state: Box<[u32; WORDS]>,
    next: usize,
    /// The second number of a pair that was made one by one.
    spare: Option<f64>,
}

/// Words of the twister's state, and how far apart those lie that it mixes.
const WORDS: usize = 624;
const APART: usize = 397;

impl Generator {
    /// `torch.manual_seed(seed)`: only the low 32 bits count.
    pub fn new(seed: u64) -> Self {
        let mut state = Box::new([seed as u32; WORDS]);
        for i in 1..WORDS {
            let last = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: WORDS, spare: None }
    }

    /// `count` normal numbers, as one call of `torch.randn` for that many elements gives them; the shape does not matter.
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        if count < BLOCK {
            return (0..count).map(|_| self.one_normal() as f32).collect();
        }
        let mut values = vec![0.0; count];
        self.uniform(&mut values);
        values.par_chunks_exact_mut(BLOCK).with_min_len(256).for_each(box_muller);
        if !count.is_multiple_of(BLOCK) {
            // The last sixteen are drawn afresh: they overlap the last whole block.
            let tail = &mut values[count - BLOCK..];
            self.uniform(tail);
            box_muller(tail);
        }
        values
    }

    /// `torch.rand`'s numbers: 24 bits in 0..1 each.
    fn uniform(&mut self, mut values: &mut [f32]) {
        while !values.is_empty() {
            if self.next == WORDS {
                self.twist();
            }
            let (now, later) = values.split_at_mut(values.len().min(WORDS - self.next));
            for (value, word) in now.iter_mut().zip(&self.state[self.next..]) {
                *value = (tempered(*word) & 0x00FF_FFFF) as f32 * (1.0 / (1 << 24) as f32);
            }
            self.next += now.len();
            values = later;
        }
    }

    /// 53 bits in 0..1, from two words, the high one first.
    fn uniform_double(&mut self) -> f64 {
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
        if self.next == WORDS {
            self.twist();
        }
        self.next += 1;
        tempered(self.state[self.next - 1])
    }

    fn twist(&mut self) {
        let state = &mut *self.state;
        for i in 0..WORDS {
            let after = if i + 1 == WORDS { 0 } else { i + 1 };
            let apart = if i + APART < WORDS { i + APART } else { i + APART - WORDS };
            let y = (state[i] & 0x8000_0000) | (state[after] & 0x7FFF_FFFF);
            state[i] = state[apart] ^ (y >> 1) ^ ((y & 1) * 0x9908_B0DF);
        }
        self.next = 0;
    }
}

/// A word of the state as it is handed out.
fn tempered(mut y: u32) -> u32 {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C_5680;
    y ^= (y << 15) & 0xEFC6_0000;
    y ^ (y >> 18)
}

/// How many uniform numbers become normal together.
const BLOCK: usize = 16;

/// Half a block, computed side by side.
type Lanes = [f32; BLOCK / 2];

/// Turns sixteen uniform numbers into normal ones: the first eight give radii, the others angles.
fn box_muller(block: &mut [f32]) {
    let (first, second) = block.split_at_mut(BLOCK / 2);
    let logs = ln(std::array::from_fn(|i| 1.0 - first[i]));
    let (sines, cosines) = sin_cos(std::array::from_fn(|i| std::f32::consts::TAU * second[i]));
    for i in 0..BLOCK / 2 {
        let radius = (-2.0 * logs[i]).sqrt();
        (first[i], second[i]) = (radius * cosines[i], radius * sines[i]);
    }
}

/// `a·b + c`, rounded once, as the fused instruction that PyTorch is compiled to.
pub(super) fn fused(a: f32, b: f32, c: f32) -> f32 {
    (f64::from(a) * f64::from(b) + f64::from(c)) as f32
}

/// `a·b + c` in all lanes.
fn fused_lanes(a: Lanes, b: Lanes, c: Lanes) -> Lanes {
    std::array::from_fn(|i| fused(a[i], b[i], c[i]))
}

/// A polynomial, the highest power first.
fn polynomial<const N: usize>(x: Lanes, coefficients: [f32; N]) -> Lanes {
    let [first, rest @ ..] = coefficients.as_slice() else { return [0.0; BLOCK / 2] };
    rest.iter().fold([*first; BLOCK / 2], |sum, it| fused_lanes(sum, x, [*it; BLOCK / 2]))
}

/// The natural logarithm in the single precision of the Cephes library (Moshier 1992), whose last bit decides that of the noise.
///
/// `x` is positive and not subnormal.
fn ln(x: Lanes) -> Lanes {
    const SERIES: [f32; 9] = [
        7.037_683_6e-2,
        -1.151_461e-1,
        0.116_769_984,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        0.200_007_14,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    let mut exponent: Lanes = std::array::from_fn(|i| ((x[i].to_bits() >> 23) as i32 - 126) as f32);
    let part: Lanes = std::array::from_fn(|i| f32::from_bits((x[i].to_bits() & 0x007F_FFFF) | 0x3F00_0000));
    let x: Lanes = std::array::from_fn(|i| {
        let low = part[i] < std::f32::consts::FRAC_1_SQRT_2;
        exponent[i] -= if low { 1.0 } else { 0.0 };
        part[i] - 1.0 + if low { part[i] } else { 0.0 }
    });
    let series = polynomial(x, SERIES);
    // ln 2 in two parts, the small one first.
    let tail = fused_lanes(exponent, [-2.121_944_4e-4; BLOCK / 2], std::array::from_fn(|i| series[i] * x[i] * (x[i] * x[i])));
    std::array::from_fn(|i| fused(exponent[i], 0.693_359_4, x[i] + fused(-(x[i] * x[i]), 0.5, tail[i])))
}

/// Sine and cosine in the single precision of the Cephes library. `angle` is in 0..2π.
fn sin_cos(angle: Lanes) -> (Lanes, Lanes) {
    // The nearest even multiple of an eighth of a turn, and what is left.
    let eighth: [i32; BLOCK / 2] = std::array::from_fn(|i| ((angle[i] * (4.0 * std::f32::consts::FRAC_1_PI)) as i32 + 1) & !1);
    let turned: Lanes = std::array::from_fn(|i| eighth[i] as f32);
    let parts = [-0.785_156_25, -2.418_756_5e-4, -3.774_895e-8];
    let x = parts.into_iter().fold(angle, |x, part| fused_lanes(turned, [part; BLOCK / 2], x));
    let z: Lanes = std::array::from_fn(|i| x[i] * x[i]);
    let (even, odd) = (
        polynomial(z, [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2]),
        polynomial(z, [-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1]),
    );
    let cos: Lanes = std::array::from_fn(|i| fused(even[i] * z[i], z[i], -0.5 * z[i]) + 1.0);
    let sin: Lanes = std::array::from_fn(|i| fused(odd[i] * z[i], x[i], x[i]));
    // Quarter turns swap the two, half turns turn the signs.
    let swapped = |i: usize| eighth[i] & 2 != 0;
    let signed = |value: f32, minus: bool| if minus { -value } else { value };
    (
        std::array::from_fn(|i| signed(if swapped(i) { cos[i] } else { sin[i] }, eighth[i] & 4 != 0)),
        std::array::from_fn(|i| signed(if swapped(i) { sin[i] } else { cos[i] }, (eighth[i] + 2) & 4 != 0)),
    )
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
    start: f64,
    end: f64,
    /// W(end) - W(start).
    whole: Vec<f32>,
    /// The last points that were asked: a step begins where the last one ended.
    recent: Vec<(f64, Vec<f32>)>,
}

impl BrownianPath {
    fn new(seed: u64, from: f32, to: f32, count: usize) -> Self {
        let [first] = SeedSequence::new(seed, &[]).state();
        let length = f64::from(to) - f64::from(from);
        let whole =
            Generator::new(u64::from(first)).normal(count).into_iter().map(|it| it * length.max(0.0).sqrt() as f32).collect();
        Self { seed, start: grid(f64::from(from)), end: grid(f64::from(to)), whole, recent: Vec::new() }
    }

    /// `(W(high) - W(low)) / √(high - low)`, with the sign of the direction.
    fn between(&mut self, from: f32, to: f32) -> Vec<f32> {
        let (low, high) = (f64::from(from.min(to)), f64::from(from.max(to)));
        let sign = if from < to { 1.0 } else { -1.0 };
        let scale = sign / (to - from).abs().sqrt();
        let low = self.at(low);
        let mut increment = self.at(high);
        increment.iter_mut().zip(low).for_each(|(high, low)| *high = (*high - low) * scale);
        increment
    }

    /// W(point) - W(start).
    fn at(&mut self, point: f64) -> Vec<f32> {
        let point = grid(point.clamp(self.start, self.end));
        let value = match self.recent.iter().position(|(at, _)| *at == point) {
            Some(known) => self.recent.remove(known).1,
            None => self.bisect(point),
        };
        if self.recent.len() == 2 {
            self.recent.remove(0);
        }
        self.recent.push((point, value.clone()));
        value
    }

    fn bisect(&self, point: f64) -> Vec<f32> {
        let (mut start, mut end) = (self.start, self.end);
        let mut sum = vec![0.0; self.whole.len()];
        if point <= start {
            return sum;
        }
        let mut whole = self.whole.clone();
        let (mut key, mut depth) = (0_u64, 0_u64);
        while point < end {
            let middle = grid(0.5 * (end + start));
            let (left, right) = (middle - start, end - middle);
            if left <= 0.0 || right <= 0.0 {
                // Two neighbours on the grid have no point between them.
                break;
            }
            let [seed] = SeedSequence::new(self.seed, &[key, depth]).state();
            let noise = Generator::new(u64::from(seed)).normal(whole.len());
            // The bridge: normal around the straight line, with the variance of the way to both ends.
            let (part, spread) = ((left / (end - start)) as f32, (left * right / (end - start)).sqrt() as f32);
            let keep_left = point <= middle;
            for ((whole, noise), sum) in whole.iter_mut().zip(noise).zip(&mut sum) {
                let left = *whole * part + noise * spread;
                if keep_left {
                    *whole = left;
                } else {
                    *sum += left;
                    *whole -= left;
                }
            }
            (start, end) = if keep_left { (start, middle) } else { (middle, end) };
            key = 2 * key + u64::from(!keep_left);
            depth += 1;
        }
        sum.iter_mut().zip(whole).for_each(|(sum, it)| *sum += it);
        sum
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
