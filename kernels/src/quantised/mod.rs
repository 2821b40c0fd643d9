//! The linear layer on a weight that stays in quantised blocks.

pub(crate) mod format;
pub(crate) mod rounded;

mod dots;
#[cfg(target_arch = "x86_64")]
mod panels;
mod tiles;

pub use format::BlockFormat;

use crate::cpu::int8;
use crate::cpu::memory::Buffer;
use crate::cpu::simd::Arm;
use crate::cpu::stored::{dense, elements, floats, padded};
use crate::dispatch::{Blocks, Maybe, Ops};
use burn::backend::Dispatch;
use burn::tensor::{DType, Int, Shape, Tensor};
use burn_flex::FlexTensor;
use format::with_format;

/// A matrix in quantised blocks, which lie along its rows.
#[derive(Clone, Debug)]
pub struct Quantised {
    /// `[rows, bytes of a row]`, u8.
    blocks: Tensor<2, Int>,
    format: BlockFormat,
}

impl Quantised {
    /// Takes the blocks of a matrix, `[rows, bytes of a row]` in u8.
    ///
    /// # Panics
    /// When a row is not a whole number of blocks, or not of bytes.
    pub fn new(blocks: Tensor<2, Int>, format: BlockFormat) -> Self {
        let bytes = blocks.dims()[1];
        assert_eq!(blocks.dtype(), DType::U8, "blocks are bytes");
        assert!(bytes.is_multiple_of(format.bytes()), "rows of {bytes} bytes are no whole blocks of {format}");
        Self { blocks, format }
    }

    /// Its format.
    pub fn format(&self) -> BlockFormat {
        self.format
    }

    /// Rows and columns: `[out, in]` of a linear layer.
    pub fn dims(&self) -> [usize; 2] {
        let [rows, bytes] = self.blocks.dims();
        [rows, bytes / self.format.bytes() * self.format.numbers()]
    }

    /// The rows of these numbers, `[n]` → `[n, columns]` in f32.
    ///
    /// # Panics
    /// When there is no row of a number.
    pub fn rows(&self, numbers: Tensor<1, Int>) -> Tensor<2> {
        let rows = Dispatch::unpack_rows(self.blocks.clone().into_dispatch(), numbers.into_dispatch(), self.format);
        Tensor::from_dispatch(rows)
    }

    /// All of it in f32.
    pub fn dequantise(&self) -> Tensor<2> {
        let rows = self.blocks.dims()[0] as i64;
        self.rows(Tensor::arange(0..rows, &self.blocks.device()))
    }
}

/// `x Wᵀ + b` of a weight in blocks, which are multiplied as they are.
///
/// Rows of x are rounded to bytes that share a scale by 32, as llama.cpp does it: each product is off by at most 1/254 of that with the
/// largest number among the 32, and the sum of many by far less. Only many rows on a machine without AVX-512 VNNI are not: they are
/// multiplied with tiles of the weight that are unpacked to f32.
///
/// # Shapes
/// x `[.., in]`, weight `[out, in]`, bias `[out]` → `[.., out]`.
pub fn linear_quantised<const D: usize>(x: Tensor<D>, weight: &Quantised, bias: Option<Tensor<1>>) -> Tensor<D> {
    linear_quantised_joined(x, &[weight], bias)
}

/// [`linear_quantised`] of up to three weights, whose outputs come side by side: x is rounded once, and the threads are called once.
///
/// # Shapes
/// x `[.., in]`, weights `[outᵢ, in]`, bias `[Σ outᵢ]` → `[.., Σ outᵢ]`.
///
/// # Panics
/// When there are no weights, or more than three.
pub fn linear_quantised_joined<const D: usize>(x: Tensor<D>, weights: &[&Quantised], bias: Option<Tensor<1>>) -> Tensor<D> {
    let (x, shape) = crate::linear::flat(x, weights.iter().map(|it| it.dims()), bias.as_ref());
    let raw = |it: &Quantised| it.blocks.clone().into_dispatch();
    let (blocks, formats) = match *weights {
        [one] => (Blocks::One(raw(one)), [one.format; 3]),
        [one, two] => (Blocks::Two(raw(one), raw(two)), [one.format, two.format, two.format]),
        [one, two, three] => (Blocks::Three(raw(one), raw(two), raw(three)), [one.format, two.format, three.format]),
        _ => panic!("linear_quantised: {} weights side by side; one to three are possible", weights.len()),
    };
    let y = Dispatch::project_quantised(x.into_dispatch(), blocks, Maybe::of(bias), formats);
    Tensor::<2>::from_dispatch(y).reshape(shape)
}

/// Outputs of one weight, among those of others.
#[derive(Clone, Copy)]
struct Part<'a> {
    blocks: &'a [u8],
    format: BlockFormat,
    /// How many there are.
    n: usize,
    /// How many others come before.
    at: usize,
}

pub(crate) fn cpu(
    arm: Arm,
    x: FlexTensor,
    weights: impl Iterator<Item = (FlexTensor, BlockFormat)>,
    bias: Option<FlexTensor>,
) -> FlexTensor {
    let x = floats(x);
    let [m, k] = [x.layout().shape()[0], x.layout().shape()[1]];
    let weights: Vec<_> = weights.map(|(blocks, format)| (dense(blocks), format)).collect();
    let (mut pitch, mut parts) = (0, Vec::new());
    for (blocks, format) in &weights {
        let n = blocks.layout().shape()[0];
        parts.push(Part { blocks: elements::<u8>(blocks), format: *format, n, at: pitch });
        pitch += n;
    }
    let bias = padded(bias, pitch, 64);
    let out = Buffer::new(m * pitch);
    let x = elements::<f32>(&x);
    // Up to so many rows, the blocks are multiplied one by one; beyond, unpacking more of them at once pays.
    let few = if int8::panels(arm) { 4 } else { 8 };
    if m <= few {
        dots::product(arm, x, &parts, bias.as_deref(), out.pointer(), [m, pitch, k]);
        return out.into_tensor(Shape::from([m, pitch]));
    }
    for Part { blocks, format, n, at } in parts {
        let (bias, out) = (bias.as_deref().map(|it| &it[at..]), out.pointer().wrapping_add(at));
        let sizes = [m, n, k];
        with_format!(format, F => match m {
            #[cfg(target_arch = "x86_64")]
            _ if int8::panels(arm) => panels::product::<F>(x, blocks, bias, (out, pitch), sizes),
            _ => tiles::product::<F>(arm, x, blocks, bias, (out, pitch), sizes),
        });
    }
    out.into_tensor(Shape::from([m, pitch]))
}

pub(crate) fn cpu_rows(blocks: FlexTensor, numbers: FlexTensor, format: BlockFormat) -> FlexTensor {
    let (blocks, numbers) = (dense(blocks), dense(numbers));
    let bytes = blocks.layout().shape()[1];
    let columns = bytes / format.bytes() * format.numbers();
    let numbers: Vec<usize> = match numbers.dtype() {
        DType::I32 => elements::<i32>(&numbers).iter().map(|it| usize::try_from(*it).expect("a row's number")).collect(),
        DType::I64 => elements::<i64>(&numbers).iter().map(|it| usize::try_from(*it).expect("a row's number")).collect(),
        other => unreachable!("numbers of rows are whole numbers, not {other:?}"),
    };
    let out = Buffer::new(numbers.len() * columns);
    let target = crate::cpu::Shared(out.pointer());
    let blocks = elements::<u8>(&blocks);
    crate::cpu::parallel(numbers.len(), |row| {
        let from = &blocks[numbers[row] * bytes..][..bytes];
        // SAFETY: the buffer has a row for each number, and each is written by one task.
        let to = unsafe { std::slice::from_raw_parts_mut(target.at(row * columns), columns) };
        with_format!(format, F => format::dequantise::<F>(from, to));
    });
    out.into_tensor(Shape::from([numbers.len(), columns]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, flex, random};
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    /// Blocks of any bytes but for their scales, which are such that the numbers are in -1..1 or little beyond.
    fn blocks(format: BlockFormat, rows: usize, columns: usize, seed: u32) -> Quantised {
        let noise = random([rows * columns / format.numbers() * format.bytes()], seed, DType::F32).into_data();
        let mut bytes: Vec<u8> = noise.iter::<f32>().map(|it| (it * 128.0) as i8 as u8).collect();
        for (at, block) in bytes.chunks_exact_mut(format.bytes()).enumerate() {
            let sign = if at % 3 == 0 { -1.0 } else { 1.0 };
            let mut half = |at: usize, number: f32| block[at..at + 2].copy_from_slice(&half::f16::from_f32(number).to_le_bytes());
            match format {
                BlockFormat::Q4_0 => half(0, sign / 8.0),
                BlockFormat::Q5_0 => half(0, sign / 16.0),
                BlockFormat::Q8_0 => half(0, sign / 128.0),
                BlockFormat::Q4_1 => [(0, sign / 8.0), (2, -sign)].into_iter().for_each(|it| half(it.0, it.1)),
                BlockFormat::Q5_1 => [(0, sign / 16.0), (2, -sign)].into_iter().for_each(|it| half(it.0, it.1)),
                BlockFormat::Q2K => [(80, sign / 24.0), (82, sign / 16.0)].into_iter().for_each(|it| half(it.0, it.1)),
                BlockFormat::Q3K => half(108, sign / 128.0),
                BlockFormat::Q4K => [(0, sign / 512.0), (2, sign / 64.0)].into_iter().for_each(|it| half(it.0, it.1)),
                BlockFormat::Q5K => [(0, sign / 1024.0), (2, sign / 64.0)].into_iter().for_each(|it| half(it.0, it.1)),
                BlockFormat::Q6K => half(208, sign / 4096.0),
                BlockFormat::Q8K => block[..4].copy_from_slice(&(sign / 128.0).to_le_bytes()),
            }
        }
        let shape = [rows, columns / format.numbers() * format.bytes()];
        Quantised::new(Tensor::from_data(TensorData::new(bytes, shape), (&Device::flex(), DType::U8)), format)
    }

    fn raw(weight: &Quantised) -> FlexTensor {
        FlexTensor::from_data(weight.blocks.clone().into_data())
    }

    /// Every arm against the product with the numbers that the blocks stand for.
    fn check(format: BlockFormat, m: usize, n: usize, blocks_in_a_row: usize, with_bias: bool) {
        let k = blocks_in_a_row * format.numbers();
        let x = random([m, k], 1, DType::F32);
        let weight = blocks(format, n, k, 2);
        let bias = with_bias.then(|| random([n], 3, DType::F32));
        let numbers = weight.dequantise();
        let exact = crate::linear(x.clone(), numbers.clone(), bias.clone());
        // The inputs are in -1..1: rounding them to bytes moves each by up to 1/254, in all directions, evenly. So a sum of products
        // moves by this standard deviation, and seven of them never happen.
        let deviation = numbers.powi_scalar(2).sum_dim(1).sqrt().transpose().div_scalar(254.0 * 3_f32.sqrt());
        for &arm in Arm::available() {
            let y = Tensor::<2>::from_data(
                cpu(arm, flex(x.clone()), [(raw(&weight), format)].into_iter(), bias.clone().map(flex)).into_data(),
                &x.device(),
            );
            let moved = (y - exact.clone()).abs() / (deviation.clone() + 1e-5);
            let worst = moved.max().into_scalar::<f32>();
            assert!(worst < 7.0, "{arm:?} {format} {m}x{n}x{k}: {worst} deviations");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn any_shape_and_format_agrees_with_the_exact_product(
            m in 1usize..40, n in 1usize..70, blocks in 1usize..20, format in 0usize..BlockFormat::ALL.len(), bias: bool,
        ) {
            let format = BlockFormat::ALL[format];
            let blocks = if format.numbers() == 256 { blocks.div_ceil(6) } else { blocks };
            check(format, m, n, blocks, bias);
        }
    }

    /// Whatever the rows, the sizes and the formats: to the bit, so that a model says the same whichever way it asks.
    #[test]
    fn weights_side_by_side_give_what_each_gives_alone() {
        for (case, m) in [1, 2, 4, 5, 9, 33].into_iter().enumerate() {
            for (sizes, k) in [([7, 70, 3], 512), ([576, 192, 192], 1280)] {
                let x = random([m, k], case as u32, DType::F32);
                let formats = [0, 4, 8].map(|it| BlockFormat::ALL[(case + it) % BlockFormat::ALL.len()]);
                let weights: Vec<_> = formats.iter().zip(sizes).map(|(format, n)| blocks(*format, n, k, n as u32)).collect();
                let bias = (case % 2 == 0).then(|| random([sizes.iter().sum()], 3, DType::F32));
                for &arm in Arm::available() {
                    for count in 1..=3 {
                        let total = sizes[..count].iter().sum();
                        let part = |from: usize, n: usize| bias.clone().map(|it| flex(it.narrow(0, from, n)));
                        let raws = weights[..count].iter().map(|it| (raw(it), it.format));
                        let joined = cpu(arm, flex(x.clone()), raws, part(0, total)).into_data();
                        let joined = Tensor::<2>::from_data(joined, &x.device());
                        let mut from = 0;
                        for weight in &weights[..count] {
                            let n = weight.dims()[0];
                            let alone = cpu(arm, flex(x.clone()), [(raw(weight), weight.format)].into_iter(), part(from, n));
                            let own = joined.clone().narrow(1, from, n);
                            assert_eq!(own.into_data(), alone.into_data(), "{arm:?} {m} rows, {} of {count}", weight.format);
                            from += n;
                        }
                    }
                }
            }
        }
    }

    /// Numbers that are bytes times one scale are not changed by rounding, and then nothing else may change them.
    #[test]
    fn what_is_round_already_is_multiplied_exactly() {
        for format in BlockFormat::ALL {
            let k = 2 * 256 + if format.numbers() == 32 { 96 } else { 0 };
            let codes = random([3, k], 5, DType::F32).mul_scalar(127.0).round();
            let ends: Vec<f32> = (0..3 * k).map(|it| if it % 32 == 7 { 127.0 } else { 0.0 }).collect();
            let ends = Tensor::<2>::from_data(TensorData::new(ends, [3, k]), &Device::flex());
            let x = codes.mask_where(ends.clone().equal_elem(127.0), ends).div_scalar(127.0);
            let weight = blocks(format, 21, k, 6);
            let exact = crate::linear(x.clone(), weight.dequantise(), None);
            for &arm in Arm::available() {
                let y = cpu(arm, flex(x.clone()), [(raw(&weight), format)].into_iter(), None);
                assert_close(y, exact.clone(), 1e-5, &format!("{arm:?} {format}"));
            }
        }
    }

    #[test]
    fn rows_are_those_of_the_whole() {
        let device = Device::flex();
        for format in BlockFormat::ALL {
            let weight = blocks(format, 5, 512, 4);
            let all = weight.dequantise();
            assert_eq!(all.dims(), weight.dims());
            let some = weight.rows(Tensor::from_data([4_i64, 0, 4], &device));
            let expected = all.select(0, Tensor::from_data([4_i64, 0, 4], &device));
            assert_eq!(some.into_data(), expected.into_data(), "{format}");
            assert_eq!(weight.rows(Tensor::from_data(TensorData::new(Vec::<i64>::new(), [0]), &device)).dims(), [0, 512]);
        }
    }

    #[test]
    fn leading_dimensions_stay_and_nothing_gives_nothing() {
        let weight = blocks(BlockFormat::Q8_0, 7, 64, 1);
        assert_eq!(linear_quantised(random([2, 3, 64], 1, DType::F32), &weight, None).dims(), [2, 3, 7]);
        assert_eq!(linear_quantised(Tensor::<2>::zeros([0, 64], &Device::flex()), &weight, None).dims(), [0, 7]);
    }

    #[test]
    fn a_row_of_zeros_gives_the_bias() {
        for format in BlockFormat::ALL {
            let bias = random([9], 1, DType::F32);
            let y =
                linear_quantised(Tensor::<2>::zeros([1, 256], &Device::flex()), &blocks(format, 9, 256, 2), Some(bias.clone()));
            assert_eq!(y.into_data(), bias.reshape([1, 9]).into_data(), "{format}");
        }
    }
}
