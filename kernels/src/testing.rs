//! Tensors for tests.

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use burn_flex::FlexTensor;

/// The types in which a checkpoint may store a weight.
pub(crate) const STORED: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

/// Numbers in -1..1 from a seed.
pub(crate) fn random<const D: usize>(shape: [usize; D], seed: u32, dtype: DType) -> Tensor<D> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    let tensor: Tensor<D> = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
    match dtype {
        DType::F16 => tensor.cast(FloatDType::F16),
        DType::BF16 => tensor.cast(FloatDType::BF16),
        _ => tensor,
    }
}

/// The tensor as the CPU arms see it.
pub(crate) fn flex<const D: usize>(x: Tensor<D>) -> FlexTensor {
    FlexTensor::from_data(x.into_data())
}

/// The elements, exactly.
pub(crate) fn bits<const D: usize>(x: Tensor<D>) -> Vec<u32> {
    x.into_data().try_into_vec::<f32>().expect("an f32 tensor").into_iter().map(f32::to_bits).collect()
}

/// Fails where `found` is further from `expected` than `tolerance` times the largest expected number.
pub(crate) fn assert_close<const D: usize>(found: FlexTensor, expected: Tensor<D>, tolerance: f32, what: &str) {
    let shape = expected.dims();
    let found = found.into_data();
    assert_eq!(found.shape().to_vec(), shape.to_vec(), "{what}");
    let found = found.try_into_vec::<f32>().expect("an f32 tensor");
    let expected = expected.into_data().try_into_vec::<f32>().expect("an f32 tensor");
    let scale = expected.iter().fold(1e-3f32, |most, it| most.max(it.abs()));
    for (at, (a, b)) in found.iter().zip(&expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}: {a} instead of {b} at {at} of {shape:?}");
    }
}
