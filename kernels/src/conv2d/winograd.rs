//! 3x3 convolution by Winograd's F(4x4, 3x3): 36 products where the definition takes 144 (Lavin and Gray 2015).
//!
//! The picture is cut into tiles of 4x4 results, each seen through 6x6 inputs. Inputs and weights are transformed, multiplied channel
//! by channel as 36 independent matrix products, and transformed back.
#![expect(clippy::needless_range_loop, reason = "the indices are those of a matrix, in turns its row and its column")]

use super::Layer;
use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::Stored;
use crate::cpu::tile::{DEPTH, End, Product, Turn};
use crate::cpu::{Shared, block, launch_all};

/// Floats of transformed weight that exist at once.
const WEIGHTS: usize = 16 << 20;
/// Floats of transformed input and result that exist at once: they stay in the last-level cache.
const TILES: usize = 6 << 20;
/// Products for each tile and pair of channels.
const POINTS: usize = 36;
/// Channels that one task transforms.
const CHANNELS: usize = 16;

impl Layer<'_> {
    /// Whether the transforms pay: they cost as much as some tens of channels and tiles.
    pub(super) fn suits_winograd(&self) -> bool {
        let options = self.options;
        let plain = self.kernel == [3, 3] && options.stride == [1, 1] && options.dilation == [1, 1];
        plain && self.inputs >= 32 && self.outputs >= 32 && self.batch * self.tiles_of_one() >= 32
    }

    fn tiles_of_one(&self) -> usize {
        self.out[0].div_ceil(4) * self.out[1].div_ceil(4)
    }

    pub(super) fn winograd<E: Stored>(&self, arm: Arm, weight: &[E]) {
        let (high, wide) = arm.tile();
        let (inputs, outputs) = (self.inputs, self.outputs);
        let tall = outputs.next_multiple_of(high);
        let depth = if POINTS * tall * inputs <= WEIGHTS { inputs } else { block(inputs, DEPTH, 1) };
        let tiles = self.batch * self.tiles_of_one();
        let chunk = block(tiles, (TILES / (POINTS * (depth + outputs))).next_multiple_of(wide), wide);
        let (u, v, m) = (
            Buffer::new(POINTS * tall * depth),    // [point][panel][input][ROWS]
            Buffer::new(POINTS * chunk * depth),   // [point][panel][input][COLUMNS]
            Buffer::new(POINTS * chunk * outputs), // [point][output][tile]
        );
        let (u, v, m) = (Shared(u.pointer()), Shared(v.pointer()), Shared(m.pointer()));
        let weight = Shared::of(weight);
        let mut transformed = None;
        for first in (0..tiles).step_by(chunk) {
            let count = chunk.min(tiles - first);
            let pitch = count.next_multiple_of(wide);
            for from in (0..inputs).step_by(depth) {
                let depth = depth.min(inputs - from);
                // SAFETY: each task writes its own panel of outputs, channels of input, points, or channels of the result.
                unsafe {
                    if transformed != Some(from) {
                        launch_all(arm, tall / high, |panel| Weights {
                            source: weight.at((panel * high * inputs + from) * 9).cast_const(),
                            stride: inputs * 9,
                            rows: high.min(outputs - panel * high),
                            depth,
                            out: u.at(panel * high * depth),
                            pitch: tall * depth,
                        });
                        transformed = Some(from);
                    }
                    let groups = depth.div_ceil(CHANNELS);
                    launch_all(arm, pitch / wide * groups, |task| Inputs {
                        layer: self,
                        first: first + task / groups * wide,
                        count: wide.min(count - task / groups * wide),
                        from: from + task % groups * CHANNELS,
                        to: (from + task % groups * CHANNELS + CHANNELS).min(from + depth),
                        out: v.at((task / groups * depth + task % groups * CHANNELS) * wide),
                        pitch: pitch * depth,
                    });
                    launch_all(arm, POINTS, |point| Product {
                        k: depth,
                        a: u.at(point * tall * depth),
                        b: v.at(point * pitch * depth),
                        c: m.at(point * outputs * pitch),
                        stride: pitch,
                        rows: outputs,
                        columns: pitch,
                        end: if from == 0 { End::Set } else { End::Add },
                    });
                }
            }
            let groups = outputs.div_ceil(CHANNELS);
            // SAFETY: each task writes its own channels and tiles of the result.
            unsafe {
                launch_all(arm, pitch / wide * groups, |task| Results {
                    layer: self,
                    first: first + task / groups * wide,
                    count: wide.min(count - task / groups * wide),
                    from: task % groups * CHANNELS,
                    to: (task % groups * CHANNELS + CHANNELS).min(outputs),
                    source: m.at(task / groups * wide),
                    row: pitch,
                    pitch: outputs * pitch,
                });
            }
        }
    }
}

/// `G w Gᵀ` for one panel of outputs.
struct Weights<E> {
    source: *const E,
    stride: usize,
    rows: usize,
    depth: usize,
    out: *mut f32,
    /// Floats from one point to the next.
    pitch: usize,
}

impl<E: Stored> Kernel for Weights<E> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { source, stride, rows, depth, out, pitch } = self;
        let scratch = Buffer::new(9 * depth * S::ROWS);
        // SAFETY: the scratch holds nine numbers for each input and row; a point holds one.
        unsafe {
            let turned = scratch.pointer();
            Turn { rows, k: 9 * depth, source, stride, out: turned, pitch: S::ROWS, width: S::ROWS }.run::<S>();
            for input in 0..depth {
                let mut w = [[S::zero(); 3]; 3];
                for (i, w) in w.as_flattened_mut().iter_mut().enumerate() {
                    *w = load_rows::<S>(turned.add((9 * input + i) * S::ROWS));
                }
                let mut columns = [[S::zero(); 6]; 3];
                for (x, column) in columns.iter_mut().enumerate() {
                    *column = weight_transform::<S>([w[0][x], w[1][x], w[2][x]]);
                }
                for y in 0..6 {
                    let row = weight_transform::<S>([columns[0][y], columns[1][y], columns[2][y]]);
                    for (x, &point) in row.iter().enumerate() {
                        let out = out.add((6 * y + x) * pitch + input * S::ROWS);
                        S::store_part(out, point, S::ROWS.min(S::LANES));
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn load_rows<S: Simd>(p: *const f32) -> S::V {
    // SAFETY: the caller's: a panel has ROWS floats for each input.
    unsafe { S::load_part(p, S::ROWS.min(S::LANES)) }
}

#[inline(always)]
unsafe fn weight_transform<S: Simd>(w: [S::V; 3]) -> [S::V; 6] {
    // SAFETY: arithmetic; the caller has the instructions.
    unsafe {
        let sum = S::mul(S::add(w[0], w[2]), S::splat(-1.0 / 6.0));
        let middle = S::mul(w[1], S::splat(1.0 / 6.0));
        let outer = S::fma(w[0], S::splat(1.0 / 24.0), S::mul(w[2], S::splat(1.0 / 6.0)));
        let inner = S::mul(w[1], S::splat(1.0 / 12.0));
        [S::mul(w[0], S::splat(0.25)), S::sub(sum, middle), S::add(sum, middle), S::add(outer, inner), S::sub(outer, inner), w[2]]
    }
}

/// `Bᵀ d B` for some channels of one panel of tiles.
struct Inputs<'a> {
    layer: &'a Layer<'a>,
    first: usize,
    count: usize,
    from: usize,
    to: usize,
    out: *mut f32,
    /// Floats from one point to the next.
    pitch: usize,
}

impl Kernel for Inputs<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Layer { size: [h, w], options, picture, .. } = *self.layer;
        let [top, left, ..] = options.padding;
        let mut places = [(0usize, 0isize, 0isize); 32];
        for (lane, place) in places.iter_mut().enumerate().take(self.count) {
            let (batch, y, x) = self.layer.tile(self.first + lane);
            *place = (batch * picture, 4 * y as isize - top as isize, 4 * x as isize - left as isize);
        }
        let mut seen = [[0f32; 32]; POINTS];
        for channel in self.from..self.to {
            for (lane, &(start, y, x)) in places.iter().enumerate().take(self.count) {
                // SAFETY: only rows and columns inside the picture are read.
                unsafe {
                    let source = self.layer.source.0.add(start + channel * h * w).cast_const();
                    if y >= 0 && x >= 0 && y + 6 <= h as isize && x + 6 <= w as isize {
                        let source = source.add(y as usize * w + x as usize);
                        for i in 0..6 {
                            for j in 0..6 {
                                seen[6 * i + j][lane] = *source.add(i * w + j);
                            }
                        }
                    } else {
                        for i in 0..6 {
                            for j in 0..6 {
                                let (y, x) = (y + i as isize, x + j as isize);
                                let inside = y >= 0 && x >= 0 && y < h as isize && x < w as isize;
                                seen[6 * i + j][lane] = if inside { *source.add(y as usize * w + x as usize) } else { 0.0 };
                            }
                        }
                    }
                }
            }
            let mut half = 0;
            while half < S::COLUMNS {
                // SAFETY: a row of `seen` has 32 floats, no fewer than COLUMNS; so has a channel's row of each point.
                unsafe {
                    let mut columns = [[S::zero(); 6]; 6];
                    for (x, column) in columns.iter_mut().enumerate() {
                        let mut d = [S::zero(); 6];
                        for (y, d) in d.iter_mut().enumerate() {
                            *d = S::load(seen[6 * y + x].as_ptr().add(half));
                        }
                        *column = input_transform::<S>(d);
                    }
                    for y in 0..6 {
                        let mut d = [S::zero(); 6];
                        for (x, d) in d.iter_mut().enumerate() {
                            *d = columns[x][y];
                        }
                        for (x, &point) in input_transform::<S>(d).iter().enumerate() {
                            let at = (6 * y + x) * self.pitch + (channel - self.from) * S::COLUMNS + half;
                            S::store(self.out.add(at), point);
                        }
                    }
                }
                half += S::LANES;
            }
        }
    }
}

#[inline(always)]
unsafe fn input_transform<S: Simd>(d: [S::V; 6]) -> [S::V; 6] {
    // SAFETY: arithmetic; the caller has the instructions.
    unsafe {
        let (four, five) = (S::splat(4.0), S::splat(-5.0));
        let even = S::fma(d[2], S::splat(-4.0), d[4]);
        let odd = S::fma(d[1], S::splat(-4.0), d[3]);
        let wide = S::sub(d[4], d[2]);
        let twice = S::mul(S::sub(d[3], d[1]), S::splat(2.0));
        [
            S::fma(d[0], four, S::fma(d[2], five, d[4])),
            S::add(even, odd),
            S::sub(even, odd),
            S::add(wide, twice),
            S::sub(wide, twice),
            S::fma(d[1], four, S::fma(d[3], five, d[5])),
        ]
    }
}

/// `Aᵀ m A` and the bias, for some channels of one panel of tiles.
struct Results<'a> {
    layer: &'a Layer<'a>,
    first: usize,
    count: usize,
    from: usize,
    to: usize,
    source: *const f32,
    /// Floats from one channel to the next.
    row: usize,
    /// Floats from one point to the next.
    pitch: usize,
}

impl Kernel for Results<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Layer { out: [oh, ow], result, .. } = *self.layer;
        let mut made = [[0f32; 32]; 16];
        for channel in self.from..self.to {
            let bias = self.layer.bias.map_or(0.0, |it| it[channel]);
            let mut half = 0;
            while half < S::COLUMNS {
                // SAFETY: a channel's row of each point has COLUMNS floats, and a row of `made` no fewer.
                unsafe {
                    let source = self.source.add(channel * self.row + half);
                    let mut columns = [[S::zero(); 4]; 6];
                    for (x, column) in columns.iter_mut().enumerate() {
                        let mut m = [S::zero(); 6];
                        for (y, m) in m.iter_mut().enumerate() {
                            *m = S::load(source.add((6 * y + x) * self.pitch));
                        }
                        *column = result_transform::<S>(m);
                    }
                    for y in 0..4 {
                        let mut m = [S::zero(); 6];
                        for (x, m) in m.iter_mut().enumerate() {
                            *m = columns[x][y];
                        }
                        for (x, &value) in result_transform::<S>(m).iter().enumerate() {
                            S::store(made[4 * y + x].as_mut_ptr().add(half), S::add(value, S::splat(bias)));
                        }
                    }
                }
                half += S::LANES;
            }
            for lane in 0..self.count {
                let (batch, y, x) = self.layer.tile(self.first + lane);
                for i in 0..4.min(oh - 4 * y) {
                    for j in 0..4.min(ow - 4 * x) {
                        // SAFETY: the row and the column are inside the result.
                        unsafe {
                            let at = batch * result + (channel * oh + 4 * y + i) * ow + 4 * x + j;
                            *self.layer.target.0.add(at) = made[4 * i + j][lane];
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn result_transform<S: Simd>(m: [S::V; 6]) -> [S::V; 4] {
    // SAFETY: arithmetic; the caller has the instructions.
    unsafe {
        let (a, b) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (c, d) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(S::add(m[0], a), c),
            S::fma(d, S::splat(2.0), b),
            S::fma(c, S::splat(4.0), a),
            S::add(S::fma(d, S::splat(8.0), b), m[5]),
        ]
    }
}

impl Layer<'_> {
    /// Picture, row and column of a tile.
    #[inline(always)]
    fn tile(&self, tile: usize) -> (usize, usize, usize) {
        let across = self.out[1].div_ceil(4);
        let each = self.tiles_of_one();
        (tile / each, tile % each / across, tile % across)
    }
}
