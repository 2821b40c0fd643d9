//! The one extension of Burn's back ends. A back end joins by its name in the attribute and an implementation below.

use crate::cpu::simd::Arm;
use crate::{AttentionOptions, BlockFormat, Conv2dOptions, Pairs};
use crate::{activation, attention, conv2d, group_norm, layer_norm, linear, quantised, rms_norm, rope, upsample};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, ExtensionType, backend_extension};
use burn::tensor::Tensor;
use burn_flex::Flex;

/// A tensor that need not be there: the attribute below does not know `Option`.
#[derive(ExtensionType)]
pub(crate) enum Maybe<B: Backend> {
    Present(FloatTensor<B>),
    Absent,
}

impl Maybe<Dispatch> {
    pub(crate) fn of<const D: usize>(tensor: Option<Tensor<D>>) -> Self {
        tensor.map_or(Self::Absent, |it| Self::Present(it.into_dispatch()))
    }
}

impl<B: Backend> Maybe<B> {
    fn into_option(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Present(tensor) => Some(tensor),
            Self::Absent => None,
        }
    }
}

/// Weights whose outputs lie side by side.
#[derive(ExtensionType)]
pub(crate) enum Matrices<B: Backend> {
    One(FloatTensor<B>),
    Two(FloatTensor<B>, FloatTensor<B>),
    Three(FloatTensor<B>, FloatTensor<B>, FloatTensor<B>),
}

/// The same of weights in blocks.
#[derive(ExtensionType)]
pub(crate) enum Blocks<B: Backend> {
    One(IntTensor<B>),
    Two(IntTensor<B>, IntTensor<B>),
    Three(IntTensor<B>, IntTensor<B>, IntTensor<B>),
}

/// Operations of this crate as a back end does them; shapes are checked before.
#[backend_extension(Flex)]
pub(crate) trait Ops: Backend {
    /// `[m, k]`, `[nᵢ, k]` each, `[n]` → `[m, n]`, where n is the sum of all nᵢ.
    fn project(
        x: FloatTensor<Self>,
        #[extension_type] weights: Matrices<Self>,
        #[extension_type] bias: Maybe<Self>,
    ) -> FloatTensor<Self>;

    /// As `project`, of weights in blocks, `[nᵢ, bytes of a row]`, each in its own format.
    fn project_quantised(
        x: FloatTensor<Self>,
        #[extension_type] blocks: Blocks<Self>,
        #[extension_type] bias: Maybe<Self>,
        formats: [BlockFormat; 3],
    ) -> FloatTensor<Self>;

    /// The rows of these numbers, `[rows, bytes of a row]`, `[n]` → `[n, columns]`.
    fn unpack_rows(blocks: IntTensor<Self>, numbers: IntTensor<Self>, format: BlockFormat) -> FloatTensor<Self>;

    /// See [`crate::conv2d`].
    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] bias: Maybe<Self>,
        options: Conv2dOptions,
    ) -> FloatTensor<Self>;

    /// See [`crate::attention`]; the result's elements lie in memory as `[B, Nq, H, D]`.
    fn attend(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        #[extension_type] bias: Maybe<Self>,
        options: AttentionOptions,
    ) -> FloatTensor<Self>;

    /// `[B, C, n]`; SiLU follows if asked for.
    fn normalize_groups(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
        eps: f64,
        silu: bool,
    ) -> FloatTensor<Self>;

    /// `[n, C]`.
    fn normalize_rows(
        x: FloatTensor<Self>,
        #[extension_type] weight: Maybe<Self>,
        #[extension_type] bias: Maybe<Self>,
        eps: f64,
    ) -> FloatTensor<Self>;

    /// `[n, C]`.
    fn scale_rows(x: FloatTensor<Self>, #[extension_type] weight: Maybe<Self>, eps: f64) -> FloatTensor<Self>;

    /// `[B·N, H, D]`, `[N, D / 2]` twice → `[B·N, H, D]`.
    fn turn_pairs(x: FloatTensor<Self>, cosine: FloatTensor<Self>, sine: FloatTensor<Self>, pairs: Pairs) -> FloatTensor<Self>;

    /// Element by element, any shape.
    fn activate(x: FloatTensor<Self>, function: activation::Function) -> FloatTensor<Self>;

    /// `[n, 2c]` → `[n, c]`.
    fn gate(x: FloatTensor<Self>, gating: activation::Gating) -> FloatTensor<Self>;

    /// See [`crate::upsample_nearest_2x`].
    fn upsample_nearest_2x(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Ops for Flex {
    fn project(x: FloatTensor<Self>, weights: Matrices<Self>, bias: Maybe<Self>) -> FloatTensor<Self> {
        let weights = match weights {
            Matrices::One(one) => vec![one],
            Matrices::Two(one, two) => vec![one, two],
            Matrices::Three(one, two, three) => vec![one, two, three],
        };
        linear::cpu(Arm::best(), x, weights, bias.into_option())
    }

    fn project_quantised(
        x: FloatTensor<Self>,
        blocks: Blocks<Self>,
        bias: Maybe<Self>,
        formats: [BlockFormat; 3],
    ) -> FloatTensor<Self> {
        let blocks = match blocks {
            Blocks::One(one) => vec![one],
            Blocks::Two(one, two) => vec![one, two],
            Blocks::Three(one, two, three) => vec![one, two, three],
        };
        quantised::cpu(Arm::best(), x, blocks.into_iter().zip(formats), bias.into_option())
    }

    fn unpack_rows(blocks: IntTensor<Self>, numbers: IntTensor<Self>, format: BlockFormat) -> FloatTensor<Self> {
        quantised::cpu_rows(blocks, numbers, format)
    }

    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: Maybe<Self>, options: Conv2dOptions) -> FloatTensor<Self> {
        conv2d::cpu(Arm::best(), x, weight, bias.into_option(), &options)
    }

    fn attend(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        bias: Maybe<Self>,
        options: AttentionOptions,
    ) -> FloatTensor<Self> {
        attention::cpu(Arm::best(), q, k, v, bias.into_option(), &options)
    }

    fn normalize_groups(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
        eps: f64,
        silu: bool,
    ) -> FloatTensor<Self> {
        group_norm::cpu(Arm::best(), x, weight, bias, groups, eps, silu)
    }

    fn normalize_rows(x: FloatTensor<Self>, weight: Maybe<Self>, bias: Maybe<Self>, eps: f64) -> FloatTensor<Self> {
        layer_norm::cpu(Arm::best(), x, weight.into_option(), bias.into_option(), eps)
    }

    fn scale_rows(x: FloatTensor<Self>, weight: Maybe<Self>, eps: f64) -> FloatTensor<Self> {
        rms_norm::cpu(Arm::best(), x, weight.into_option(), eps)
    }

    fn turn_pairs(x: FloatTensor<Self>, cosine: FloatTensor<Self>, sine: FloatTensor<Self>, pairs: Pairs) -> FloatTensor<Self> {
        rope::cpu(Arm::best(), x, cosine, sine, pairs)
    }

    fn activate(x: FloatTensor<Self>, function: activation::Function) -> FloatTensor<Self> {
        activation::cpu(Arm::best(), x, function)
    }

    fn gate(x: FloatTensor<Self>, gating: activation::Gating) -> FloatTensor<Self> {
        activation::cpu_gate(Arm::best(), x, gating)
    }

    fn upsample_nearest_2x(x: FloatTensor<Self>) -> FloatTensor<Self> {
        upsample::cpu(Arm::best(), x)
    }
}
