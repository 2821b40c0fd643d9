//! Two-dimensional convolution.

mod winograd;

use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::{Stored, elements, floats, padded, with_stored};
use crate::cpu::tile::{DEPTH, End, Product, Turn};
use crate::cpu::{Shared, block, launch_all, parallel, threads};
use crate::dispatch::{Maybe, Ops};
use burn::backend::Dispatch;
use burn::tensor::{Shape, Tensor};
use burn_flex::FlexTensor;

/// Where the kernel is laid on the picture, in pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Steps between outputs: down, right.
    pub stride: [usize; 2],
    /// Rows and columns of zeros around the picture: top, left, bottom, right.
    pub padding: [usize; 4],
    /// Distance between neighbours in the kernel: down, right.
    pub dilation: [usize; 2],
    /// Number of groups of channels that do not see each other.
    pub groups: usize,
}

impl Default for Conv2dOptions {
    /// Stride 1, no padding, a dense kernel, one group.
    fn default() -> Self {
        Self { stride: [1, 1], padding: [0; 4], dilation: [1, 1], groups: 1 }
    }
}

/// Slides kernels over pictures (cross-correlation, as every framework's convolution).
///
/// # Shapes
/// x `[B, C, H, W]`, weight `[O, C/groups, kh, kw]`, bias `[O]` → `[B, O, H', W']` with
/// `H' = (H + top + bottom - dilation·(kh-1) - 1) / stride + 1`, and `W'` alike.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, options: Conv2dOptions) -> Tensor<4> {
    let ([_, c, h, w], [o, i, kh, kw]) = (x.dims(), weight.dims());
    let groups = options.groups;
    assert!(
        groups > 0 && c == i * groups && o.is_multiple_of(groups),
        "conv2d: {c} channels, weight [{o}, {i}], {groups} groups"
    );
    if let Some(bias) = &bias {
        assert_eq!(bias.dims()[0], o, "conv2d: the bias needs one number for each of {o} outputs");
    }
    assert!(options.output([h, w], [kh, kw]).is_some(), "conv2d: no {kh}x{kw} kernel fits into {h}x{w} with {options:?}");
    let bias = Maybe::of(bias);
    Tensor::from_dispatch(Dispatch::convolve(x.into_dispatch(), weight.into_dispatch(), bias, options))
}

impl Conv2dOptions {
    /// Height and width of the result, if the kernel fits at all.
    fn output(&self, [h, w]: [usize; 2], [kh, kw]: [usize; 2]) -> Option<[usize; 2]> {
        let [top, left, bottom, right] = self.padding;
        let side = |size: usize, kernel: usize, dilation: usize, stride: usize| {
            let reach = dilation * kernel.checked_sub(1)? + 1;
            Some(size.checked_sub(reach)?.checked_div(stride)? + 1)
        };
        let high = side(h + top + bottom, kh, self.dilation[0], self.stride[0])?;
        Some([high, side(w + left + right, kw, self.dilation[1], self.stride[1])?])
    }
}

/// Floats of packed weight that are held at once; larger weights are packed a stretch of the sum at a time.
const PACKED: usize = 4 << 20;
/// Panels of pixels that one task packs: they stay in the second-level cache.
const PANELS: usize = 4;

pub(crate) fn cpu(arm: Arm, x: FlexTensor, weight: FlexTensor, bias: Option<FlexTensor>, options: &Conv2dOptions) -> FlexTensor {
    let x = floats(x);
    let shape = x.layout().shape();
    let [b, c, h, w] = [shape[0], shape[1], shape[2], shape[3]];
    let shape = weight.layout().shape();
    let [o, i, kh, kw] = [shape[0], shape[1], shape[2], shape[3]];
    let [oh, ow] = options.output([h, w], [kh, kw]).expect("checked by the caller");
    let bias = padded(bias, o, 1);
    let out = Buffer::new(b * o * oh * ow);
    let (source, target) = (elements::<f32>(&x), Shared(out.pointer()));
    let (inputs, outputs) = (i, o / options.groups);
    with_stored!(weight, weight => for group in 0..options.groups {
        let layer = Layer {
            source: Shared(Shared::of(source).at(group * inputs * h * w)),
            batch: b,
            picture: c * h * w,
            inputs,
            size: [h, w],
            kernel: [kh, kw],
            target: Shared(target.at(group * outputs * oh * ow)),
            result: o * oh * ow,
            outputs,
            out: [oh, ow],
            bias: bias.as_deref().map(|it| &it[group * outputs..]),
            options,
        };
        let weight = &weight[group * outputs * inputs * kh * kw..];
        if layer.suits_winograd() {
            layer.winograd(arm, weight);
        } else {
            layer.implicit(arm, weight);
        }
    });
    out.into_tensor(Shape::from([b, o, oh, ow]))
}

/// One group of channels of a convolution.
struct Layer<'a> {
    source: Shared<f32>,
    batch: usize,
    /// Floats from one input picture to the next.
    picture: usize,
    inputs: usize,
    size: [usize; 2],
    kernel: [usize; 2],
    target: Shared<f32>,
    /// Floats from one result to the next.
    result: usize,
    outputs: usize,
    out: [usize; 2],
    bias: Option<&'a [f32]>,
    options: &'a Conv2dOptions,
}

impl Layer<'_> {
    /// The product of the weights `[O, k]` and the pixels `[k, H' W']` under the kernel, of which only a few panels exist at a time.
    fn implicit<E: Stored>(&self, arm: Arm, weight: &[E]) {
        let (high, wide) = arm.tile();
        let (k, pixels) = (self.inputs * self.kernel[0] * self.kernel[1], self.out[0] * self.out[1]);
        let depth = block(k, DEPTH, 1);
        let tall = self.outputs.next_multiple_of(high);
        let stretch = if tall * k <= PACKED { k.max(1) } else { depth };
        let packed = Buffer::new(tall * stretch);
        let (panels, weight) = (Shared(packed.pointer()), Shared::of(weight));
        let span = PANELS * wide;
        let spans = pixels.div_ceil(span);
        // When there are few pixels, the outputs are divided too.
        let splits = (2 * threads()).div_ceil((spans * self.batch).max(1)).min(tall / high).max(1);
        let share = block(self.outputs, self.outputs.div_ceil(splits), high);
        let shares = self.outputs.div_ceil(share);
        let mut from = 0;
        loop {
            let to = (from + stretch).min(k);
            let slabs = (to - from).div_ceil(depth).max(1);
            // SAFETY: each task writes one panel of one slab; slabs lie one after another, `tall * depth` each but the last.
            unsafe {
                launch_all(arm, slabs * (tall / high), |task| {
                    let (slab, row) = (task / (tall / high), task % (tall / high) * high);
                    let k0 = from + slab * depth;
                    let depth = depth.min(to - k0);
                    Turn {
                        rows: high.min(self.outputs - row),
                        k: depth,
                        source: weight.at(row * k + k0).cast_const(),
                        stride: k,
                        out: panels.at((k0 - from) * tall + row * depth),
                        pitch: high,
                        width: high,
                    }
                });
            }
            parallel(self.batch * spans * shares, |task| {
                let (place, row) = (task / shares, task % shares * share);
                let (picture, p0) = (place / spans, place % spans * span);
                let (rows, columns) = (share.min(self.outputs - row), span.min(pixels - p0));
                let under = Buffer::new(depth * columns.next_multiple_of(wide));
                for slab in 0..slabs {
                    let k0 = from + slab * depth;
                    let depth = depth.min(to - k0);
                    let gather = Gather {
                        source: self.source.at(picture * self.picture),
                        layer: self,
                        k0,
                        depth,
                        p0,
                        columns,
                        out: under.pointer(),
                    };
                    let end = match self.bias {
                        _ if k0 > 0 => End::Add,
                        Some(bias) => End::SetRows(bias[row..].as_ptr()),
                        None => End::Set,
                    };
                    let product = Product {
                        k: depth,
                        a: panels.at((k0 - from) * tall + row * depth),
                        b: under.pointer(),
                        c: self.target.at(picture * self.result + row * pixels + p0),
                        stride: pixels,
                        rows,
                        columns,
                        end,
                    };
                    // SAFETY: tasks write disjoint blocks of the result; the panels were packed above.
                    unsafe {
                        arm.launch(gather);
                        arm.launch(product);
                    }
                }
            });
            from = to;
            if from >= k {
                break;
            }
        }
    }
}

/// Packs what the kernel sees around `columns` pixels, panel by panel.
struct Gather<'a> {
    source: *const f32,
    layer: &'a Layer<'a>,
    k0: usize,
    depth: usize,
    p0: usize,
    columns: usize,
    out: *mut f32,
}

/// Pixels of one row of the result that lie side by side in a panel.
#[derive(Clone, Copy, Default)]
struct Run {
    at: usize,
    y: usize,
    x: usize,
    len: usize,
}

impl Kernel for Gather<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Layer { size: [h, w], kernel: [kh, kw], out: [_, ow], options, .. } = *self.layer;
        let ([down, right], [dy, dx], [top, left, ..]) = (options.stride, options.dilation, options.padding);
        let mut start = 0;
        while start < self.columns {
            let count = S::COLUMNS.min(self.columns - start);
            let mut runs = [Run::default(); 32];
            let (mut n, mut at) = (0, 0);
            while at < count {
                let (y, x) = ((self.p0 + start + at) / ow, (self.p0 + start + at) % ow);
                let len = (ow - x).min(count - at);
                runs[n] = Run { at, y: y * down, x: x * right, len };
                n += 1;
                at += len;
            }
            let (mut channel, mut ky, mut kx) = (self.k0 / (kh * kw), self.k0 / kw % kh, self.k0 % kw);
            for kk in 0..self.depth {
                // SAFETY: a panel has room for COLUMNS floats per k; rows and columns outside the picture are not read.
                unsafe {
                    let out = self.out.add(start * self.depth + kk * S::COLUMNS);
                    for run in runs.iter().take(n) {
                        let out = out.add(run.at);
                        let y = (run.y + ky * dy).wrapping_sub(top);
                        if y >= h {
                            fill::<S>(out, run.len);
                            continue;
                        }
                        let row = self.source.add((channel * h + y) * w);
                        let x = (run.x + kx * dx) as isize - left as isize;
                        if right == 1 {
                            let first = ((-x).max(0) as usize).min(run.len);
                            let last = ((w as isize - x).max(0) as usize).clamp(first, run.len);
                            fill::<S>(out, first);
                            copy::<S>(row.offset(x + first as isize), out.add(first), last - first);
                            fill::<S>(out.add(last), run.len - last);
                        } else {
                            for i in 0..run.len {
                                let x = x + (i * right) as isize;
                                *out.add(i) = if x >= 0 && x < w as isize { *row.offset(x) } else { 0.0 };
                            }
                        }
                    }
                    fill::<S>(out.add(count), S::COLUMNS - count);
                }
                kx += 1;
                if kx == kw {
                    (kx, ky) = (0, ky + 1);
                    if ky == kh {
                        (ky, channel) = (0, channel + 1);
                    }
                }
            }
            start += S::COLUMNS;
        }
    }
}

#[inline(always)]
unsafe fn copy<S: Simd>(source: *const f32, out: *mut f32, len: usize) {
    let mut i = 0;
    // SAFETY: the caller's; `i + n <= len`.
    unsafe {
        while i + S::LANES <= len {
            S::store(out.add(i), S::load(source.add(i)));
            i += S::LANES;
        }
        if i < len {
            S::store_part(out.add(i), S::load_part(source.add(i), len - i), len - i);
        }
    }
}

#[inline(always)]
unsafe fn fill<S: Simd>(out: *mut f32, len: usize) {
    let mut i = 0;
    // SAFETY: the caller's; `i + n <= len`.
    unsafe {
        while i + S::LANES <= len {
            S::store(out.add(i), S::zero());
            i += S::LANES;
        }
        if i < len {
            S::store_part(out.add(i), S::zero(), len - i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{STORED, assert_close, bits, flex, random};
    use burn::tensor::{DType, Device, FloatDType, module, ops::ConvOptions};
    use proptest::prelude::*;

    fn reference(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, options: &Conv2dOptions) -> Tensor<4> {
        let &Conv2dOptions { stride, padding: [top, left, bottom, right], dilation, groups } = options;
        let options = ConvOptions::new_with_padding(stride, [(top, bottom), (left, right)], dilation, groups);
        module::conv2d(x, weight.cast(FloatDType::F32), bias.map(|it| it.cast(FloatDType::F32)), options)
    }

    fn check(x: [usize; 4], weight: [usize; 4], dtype: DType, with_bias: bool, options: &Conv2dOptions) {
        let (x, weight) = (random(x, 1, DType::F32), random(weight, 2, dtype));
        let bias = with_bias.then(|| random([weight.dims()[0]], 3, dtype));
        let expected = reference(x.clone(), weight.clone(), bias.clone(), options);
        for &arm in Arm::available() {
            let y = cpu(arm, flex(x.clone()), flex(weight.clone()), bias.clone().map(flex), options);
            assert_close(y, expected.clone(), 1e-4, &format!("{arm:?} {:?} {:?} {options:?}", x.dims(), weight.dims()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn any_shape_stride_padding_and_group_agrees_with_the_reference(
            batch in 1usize..3, groups in 1usize..3, (i, o) in (1usize..7, 1usize..20), (h, w) in (5usize..24, 5usize..40),
            (kh, kw) in (1usize..4, 1usize..4), stride in (1usize..3, 1usize..3), dilation in (1usize..3, 1usize..3),
            padding in [0usize..3, 0usize..3, 0usize..3, 0usize..3], dtype in 0usize..3, bias: bool,
        ) {
            let options = Conv2dOptions { stride: stride.into(), padding, dilation: dilation.into(), groups };
            check([batch, i * groups, h, w], [o * groups, i, kh, kw], STORED[dtype], bias, &options);
        }
    }

    #[test]
    fn sums_longer_than_a_block_are_whole() {
        let same = Conv2dOptions { padding: [1; 4], ..Conv2dOptions::default() };
        check([2, 100, 8, 8], [70, 100, 3, 3], DType::F16, true, &same);
        check([1, 900, 3, 3], [30, 900, 1, 1], DType::BF16, true, &Conv2dOptions::default());
    }

    #[test]
    fn winograd_agrees_with_the_definition_on_odd_sides_and_paddings() {
        for (x, weight, padding) in [
            ([1, 32, 33, 35], [40, 32, 3, 3], [1; 4]),
            ([2, 33, 23, 31], [32, 33, 3, 3], [0, 1, 2, 0]),
            ([2, 400, 24, 24], [1200, 400, 3, 3], [1; 4]), // more weight than is transformed at once
        ] {
            for dtype in STORED {
                check(x, weight, dtype, true, &Conv2dOptions { padding, ..Conv2dOptions::default() });
            }
        }
    }

    #[test]
    fn weights_too_large_to_be_packed_at_once_are_whole() {
        let same = Conv2dOptions { padding: [1; 4], ..Conv2dOptions::default() };
        check([1, 700, 4, 4], [700, 700, 3, 3], DType::F16, true, &same);
    }

    #[test]
    fn strides_do_not_matter_and_a_batch_of_none_is_none() {
        let (x, weight) = (random([2, 3, 6, 7], 1, DType::F32), random([4, 3, 3, 3], 2, DType::F32));
        let run = |x: Tensor<4>| conv2d(x, weight.clone(), None, Conv2dOptions::default());
        let copied = Tensor::from_data(x.clone().swap_dims(2, 3).into_data(), &Device::flex());
        assert_eq!(bits(run(x.swap_dims(2, 3))), bits(run(copied)));
        assert_eq!(run(Tensor::zeros([0, 3, 6, 7], &Device::flex())).dims(), [0, 4, 4, 5]);
    }
}
