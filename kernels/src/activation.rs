//! Element by element: SiLU, the three GELUs in use, and the gated GELU of transformer blocks.

use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::{elements, floats};
use crate::cpu::{Shared, launch_all};
use crate::dispatch::Ops;
use burn::backend::Dispatch;
use burn::tensor::{Shape, Tensor};
use burn_flex::FlexTensor;

/// `x · σ(x)` (Elfwing et al. 2017).
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::activate(x.into_dispatch(), Function::Silu))
}

/// `x · Φ(x)` with the exact normal distribution (Hendrycks and Gimpel 2016).
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::activate(x.into_dispatch(), Function::Gelu))
}

/// GELU in its tanh approximation.
pub fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::activate(x.into_dispatch(), Function::GeluTanh))
}

/// `x · σ(1.702 x)`, the GELU of CLIP.
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::activate(x.into_dispatch(), Function::QuickGelu))
}

/// The first half of the last dimension times the [`gelu`] of the second (Shazeer 2020).
///
/// # Shapes
/// `[.., 2n]` → `[.., n]`.
pub fn geglu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    gate(x, Gating::Geglu)
}

/// The [`silu`] of the first half of the last dimension times the second (Shazeer 2020), as LLaMA orders them.
///
/// # Shapes
/// `[.., 2n]` → `[.., n]`.
pub fn swiglu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    gate(x, Gating::Swiglu)
}

fn gate<const D: usize>(x: Tensor<D>, gating: Gating) -> Tensor<D> {
    let mut shape = x.dims();
    let width = shape[D - 1];
    assert!(width.is_multiple_of(2), "{gating:?}: the last of {shape:?} is odd");
    let rows = shape[..D - 1].iter().product();
    shape[D - 1] /= 2;
    let y = Dispatch::gate(x.reshape([rows, width]).into_dispatch(), gating);
    Tensor::<2>::from_dispatch(y).reshape(shape)
}

/// Which half of a row opens the other, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gating {
    /// The second by GELU.
    Geglu,
    /// The first by SiLU.
    Swiglu,
}

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Silu,
    Gelu,
    GeluTanh,
    QuickGelu,
}

impl Function {
    /// # Safety
    /// The machine has the instructions of `S`.
    #[inline(always)]
    pub(crate) unsafe fn apply<S: Simd>(self, x: S::V) -> S::V {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Self::Silu => gated::<S>(x, x),
                Self::QuickGelu => gated::<S>(x, S::mul(x, S::splat(1.702))),
                // ½(1 + tanh u) is σ(2u).
                Self::GeluTanh => {
                    let cubic = S::fma(S::mul(x, x), S::splat(0.044_715), S::splat(1.0));
                    gated::<S>(x, S::mul(S::mul(x, cubic), S::splat(2.0 * 0.797_884_6)))
                }
                Self::Gelu => S::mul(x, normal::<S>(x)),
            }
        }
    }
}

/// `x σ(u)`.
#[inline(always)]
unsafe fn gated<S: Simd>(x: S::V, u: S::V) -> S::V {
    // SAFETY: the caller's.
    unsafe { S::div(x, S::add(S::splat(1.0), S::exp(S::sub(S::zero(), u)))) }
}

/// The normal distribution function to 1e-7 (Abramowitz and Stegun 7.1.26), relatively exact in the lower tail too.
#[inline(always)]
unsafe fn normal<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller's.
    unsafe {
        let size = S::max(x, S::sub(S::zero(), x));
        let t = S::div(S::splat(1.0), S::fma(size, S::splat(0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2), S::splat(1.0)));
        let mut p = S::splat(0.5 * 1.061_405_4);
        for term in [-1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
            p = S::fma(p, t, S::splat(0.5 * term));
        }
        let tail = S::mul(S::mul(p, t), S::exp(S::mul(S::mul(size, size), S::splat(-0.5))));
        S::select_negative(x, S::sub(S::splat(1.0), tail), tail)
    }
}

/// Elements that one task takes.
const SHARE: usize = 16 << 10;

pub(crate) fn cpu(arm: Arm, x: FlexTensor, function: Function) -> FlexTensor {
    let mut x = floats(x);
    let shape = x.layout().shape().clone();
    let len = shape.num_elements();
    let source = Shared::of(elements::<f32>(&x));
    let start = x.layout().start_offset();
    // Nobody else sees a unique tensor: its memory takes the result.
    let (out, target) = match x.try_storage_mut::<f32>() {
        Some(own) => (None, Shared(own[start..].as_mut_ptr())),
        None => {
            let out = Buffer::new(len);
            let target = Shared(out.pointer());
            (Some(out), target)
        }
    };
    let source = if out.is_some() { source } else { target };
    // SAFETY: tasks take disjoint parts of source and target, which are `len` long.
    unsafe {
        launch_all(arm, len.div_ceil(SHARE), |task| Map {
            function,
            source: source.at(task * SHARE),
            out: target.at(task * SHARE),
            len: SHARE.min(len - task * SHARE),
        });
    }
    match out {
        Some(out) => out.into_tensor(shape),
        None => x,
    }
}

struct Map {
    function: Function,
    source: *const f32,
    out: *mut f32,
    len: usize,
}

impl Kernel for Map {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { source, out, len, .. } = self;
        macro_rules! each {
            ($function:expr) => {{
                let mut i = 0;
                // SAFETY: `i + n <= len`.
                unsafe {
                    while i + S::LANES <= len {
                        S::store(out.add(i), $function.apply::<S>(S::load(source.add(i))));
                        i += S::LANES;
                    }
                    S::store_part(out.add(i), $function.apply::<S>(S::load_part(source.add(i), len - i)), len - i);
                }
            }};
        }
        match self.function {
            Function::Silu => each!(Function::Silu),
            Function::Gelu => each!(Function::Gelu),
            Function::GeluTanh => each!(Function::GeluTanh),
            Function::QuickGelu => each!(Function::QuickGelu),
        }
    }
}

pub(crate) fn cpu_gate(arm: Arm, x: FlexTensor, gating: Gating) -> FlexTensor {
    let x = floats(x);
    let [rows, width] = [x.layout().shape()[0], x.layout().shape()[1] / 2];
    let out = Buffer::new(rows * width);
    let (source, target) = (Shared::of(elements::<f32>(&x)), Shared(out.pointer()));
    let share = (SHARE / width.max(1)).max(1);
    // SAFETY: tasks take disjoint rows.
    unsafe {
        launch_all(arm, rows.div_ceil(share), |task| Gate {
            source: source.at(task * share * 2 * width),
            out: target.at(task * share * width),
            rows: share.min(rows - task * share),
            width,
            gating,
        });
    }
    out.into_tensor(Shape::from([rows, width]))
}

struct Gate {
    source: *const f32,
    out: *mut f32,
    rows: usize,
    width: usize,
    gating: Gating,
}

impl Kernel for Gate {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller's.
        unsafe {
            match self.gating {
                Gating::Geglu => self.each::<S>(Function::Gelu, true),
                Gating::Swiglu => self.each::<S>(Function::Silu, false),
            }
        }
    }
}

impl Gate {
    /// # Safety
    /// The contract of the kernel.
    #[inline(always)]
    unsafe fn each<S: Simd>(self, function: Function, second: bool) {
        let Self { source, out, rows, width, .. } = self;
        for row in 0..rows {
            // SAFETY: `row < rows`, and `i + n <= width`.
            unsafe {
                let (first, other, out) = (source.add(2 * row * width), source.add((2 * row + 1) * width), out.add(row * width));
                let (value, gate) = if second { (first, other) } else { (other, first) };
                let mut i = 0;
                while i + S::LANES <= width {
                    let gate = function.apply::<S>(S::load(gate.add(i)));
                    S::store(out.add(i), S::mul(S::load(value.add(i)), gate));
                    i += S::LANES;
                }
                let n = width - i;
                let gate = function.apply::<S>(S::load_part(gate.add(i), n));
                S::store_part(out.add(i), S::mul(S::load_part(value.add(i), n), gate), n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, bits, flex, random};
    use burn::tensor::{DType, activation};
    use proptest::prelude::*;

    fn reference(x: Tensor<2>, function: Function) -> Tensor<2> {
        match function {
            Function::Silu => activation::silu(x),
            Function::Gelu => activation::gelu(x),
            Function::QuickGelu => x.clone() * activation::sigmoid(x * 1.702),
            Function::GeluTanh => {
                let inner = (x.clone() + x.clone().powi_scalar(3) * 0.044_715) * (2.0 / std::f64::consts::PI).sqrt();
                x * (inner.tanh() + 1.0) * 0.5
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn every_function_agrees_with_its_reference(rows in 0usize..6, width in 1usize..90, size in 0.1f32..30.0) {
            let x = random([rows, width], 1, DType::F32) * size;
            for function in [Function::Silu, Function::Gelu, Function::GeluTanh, Function::QuickGelu] {
                let expected = if rows == 0 { x.clone() } else { reference(x.clone(), function) };
                for &arm in Arm::available() {
                    assert_close(cpu(arm, flex(x.clone()), function), expected.clone(), 1e-5, &format!("{arm:?} {function:?}"));
                }
            }
        }

        #[test]
        fn each_gate_opens_the_other_half(rows in 1usize..40, width in 1usize..70) {
            let x = random([rows, 2 * width], 1, DType::F32) * 4.0;
            let (first, second) = (x.clone().narrow(1, 0, width), x.clone().narrow(1, width, width));
            let geglu = first.clone() * activation::gelu(second.clone());
            let swiglu = activation::silu(first) * second;
            for (gating, expected) in [(Gating::Geglu, geglu), (Gating::Swiglu, swiglu)] {
                for &arm in Arm::available() {
                    assert_close(cpu_gate(arm, flex(x.clone()), gating), expected.clone(), 1e-5, &format!("{arm:?} {gating:?}"));
                }
            }
        }
    }

    #[test]
    fn a_tensor_that_others_see_is_left_as_it_was() {
        let x = random([2, 40_000], 1, DType::F32);
        let (before, y) = (bits(x.clone()), silu(x.clone()));
        assert_eq!(bits(x.clone()), before);
        assert_eq!(bits(silu(x.swap_dims(0, 1)).swap_dims(0, 1)), bits(y));
    }
}
