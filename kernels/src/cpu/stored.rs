//! Numbers as a checkpoint stores them, and tensors as the kernels read them.

use super::memory::Buffer;
use super::simd::Simd;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use half::{bf16, f16};

/// A float of any stored width that becomes f32 on the way into a register.
pub(crate) trait Stored: bytemuck::Pod + Send + Sync {
    /// # Safety
    /// `p` reaches [`Simd::LANES`] elements, and the machine has the instructions.
    unsafe fn load<S: Simd>(p: *const Self) -> S::V;
    fn widen(self) -> f32;
}

impl Stored for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const Self) -> S::V {
        // SAFETY: the caller's.
        unsafe { S::load(p) }
    }
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

impl Stored for f16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const Self) -> S::V {
        // SAFETY: the caller's; f16 is a transparent u16.
        unsafe { S::load_f16(p.cast()) }
    }
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
}

impl Stored for bf16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const Self) -> S::V {
        // SAFETY: the caller's; bf16 is a transparent u16.
        unsafe { S::load_bf16(p.cast()) }
    }
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
}

/// Calls `$body` with `$slice` being the tensor's elements in row-major order as they are stored (f64 is narrowed first).
macro_rules! with_stored {
    ($tensor:expr, $slice:ident => $body:expr) => {{
        let tensor = $crate::cpu::stored::dense($tensor);
        match tensor.dtype() {
            burn::tensor::DType::F16 => {
                let $slice = $crate::cpu::stored::elements::<half::f16>(&tensor);
                $body
            }
            burn::tensor::DType::BF16 => {
                let $slice = $crate::cpu::stored::elements::<half::bf16>(&tensor);
                $body
            }
            _ => {
                let tensor = $crate::cpu::stored::floats(tensor);
                let $slice = $crate::cpu::stored::elements::<f32>(&tensor);
                $body
            }
        }
    }};
}
pub(crate) use with_stored;

/// The tensor with its elements in row-major order, copied only if they are not.
pub(crate) fn dense(x: FlexTensor) -> FlexTensor {
    if x.layout().contiguous_offsets().is_some() { x } else { x.to_contiguous() }
}

/// The elements of a [`dense`] tensor.
pub(crate) fn elements<E: burn::tensor::Element + bytemuck::Pod>(x: &FlexTensor) -> &[E] {
    x.as_slice().expect("dense, and of the type that was asked for")
}

/// The tensor in row-major order and in f32.
pub(crate) fn floats(x: FlexTensor) -> FlexTensor {
    let x = dense(x);
    let shape = x.layout().shape().clone();
    match x.dtype() {
        DType::F32 => x,
        DType::F16 => Buffer::from_iter(elements::<f16>(&x).iter().map(|it| it.to_f32())).into_tensor(shape),
        DType::BF16 => Buffer::from_iter(elements::<bf16>(&x).iter().map(|it| it.to_f32())).into_tensor(shape),
        DType::F64 => Buffer::from_iter(elements::<f64>(&x).iter().map(|&it| it as f32)).into_tensor(shape),
        other => unreachable!("a float tensor of {other:?}"),
    }
}

/// A vector of f32, followed by zeros to a whole number of `unit`s.
pub(crate) fn padded(x: Option<FlexTensor>, len: usize, unit: usize) -> Option<Vec<f32>> {
    x.map(|x| {
        let x = floats(x);
        let mut out = elements::<f32>(&x).to_vec();
        assert_eq!(out.len(), len, "one number for each channel");
        out.resize(len.next_multiple_of(unit), 0.0);
        out
    })
}
