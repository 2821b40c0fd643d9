//! The basic layers, with the parameter names of PyTorch.

use crate::weights::Matrix;
use crate::{LoadError, Weights};
use burn::tensor::{Device, FloatDType, Int, Tensor};
use kernels::Conv2dOptions;

/// `y = x Wᵀ + b`. Parameters: `weight [out, in]`, `bias [out]` where the file has one.
///
/// A weight that the file has in quantised blocks stays in them.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Matrix,
    bias: Option<Tensor<1>>,
}

impl Linear {
    /// Draws a layer with a bias, or one that the file has as a convolution with a 1x1 kernel: both do the same to each cell.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn new(weights: &Weights, inputs: usize, outputs: usize, device: &Device) -> Result<Self, LoadError> {
        let bias = Some(weights.tensor("bias", [outputs], device)?);
        Ok(Self { bias, ..Self::without_bias(weights, inputs, outputs, device)? })
    }

    /// Draws a layer without a bias.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn without_bias(weights: &Weights, inputs: usize, outputs: usize, device: &Device) -> Result<Self, LoadError> {
        Ok(Self { weight: weights.matrix("weight", [outputs, inputs], device)?, bias: None })
    }

    /// `[.., in]` → `[.., out]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match &self.weight {
            Matrix::Numbers(weight) => kernels::linear(x, weight.clone(), self.bias.clone()),
            Matrix::Blocks(weight) => kernels::linear_quantised(x, weight, self.bias.clone()),
        }
    }
}

/// Two or three linear layers of the same inputs, which are computed as one.
#[derive(Clone, Debug)]
pub struct Joined<const N: usize> {
    layers: [Linear; N],
    /// `[Σ out]`, where any of them has a bias.
    bias: Option<Tensor<1>>,
}

impl<const N: usize> Joined<N> {
    /// The layers in this order.
    pub fn new(layers: [Linear; N], device: &Device) -> Self {
        const { assert!(N == 2 || N == 3, "the kernels take two or three") };
        let parts = layers.iter().map(|it| match &it.bias {
            Some(bias) => bias.clone().cast(FloatDType::F32),
            None => Tensor::zeros([it.weight.dims()[0]], device),
        });
        let bias = layers.iter().any(|it| it.bias.is_some()).then(|| Tensor::cat(parts.collect(), 0));
        Self { layers, bias }
    }

    /// `[.., in]` → `[.., Σ out]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let blocks: Vec<_> = self.layers.iter().filter_map(|it| it.weight.blocks()).collect();
        let numbers: Vec<_> = self.layers.iter().filter_map(|it| it.weight.numbers()).collect();
        match (blocks.len(), numbers.len()) {
            (_, 0) => kernels::linear_quantised_joined(x, &blocks, self.bias.clone()),
            (0, _) => kernels::linear_joined(x, &numbers, self.bias.clone()),
            // A file may have some of them in blocks and others not.
            _ => Tensor::cat(self.layers.iter().map(|it| it.forward(x.clone())).collect(), D - 1),
        }
    }

    /// `[.., in]` → `[.., outᵢ]` for each layer.
    pub fn forward_apart<const D: usize>(&self, x: Tensor<D>) -> [Tensor<D>; N] {
        // Of a single row, the parts are whole pieces of memory; of many, each would have to be copied.
        if x.shape().num_elements() > x.dims()[D - 1] {
            return self.layers.each_ref().map(|it| it.forward(x.clone()));
        }
        let joined = self.forward(x);
        let mut from = 0;
        self.layers.each_ref().map(|it| {
            let out = it.weight.dims()[0];
            from += out;
            joined.clone().narrow(D - 1, from - out, out)
        })
    }
}

/// A two-dimensional convolution. Parameters: `weight [out, in, kh, kw]`, `bias [out]`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: Conv2dOptions,
}

impl Conv2d {
    /// Draws a square convolution with stride 1 that keeps the picture's size.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn new(weights: &Weights, inputs: usize, outputs: usize, kernel: usize, device: &Device) -> Result<Self, LoadError> {
        let pad = kernel / 2;
        let options = Conv2dOptions { stride: [1, 1], padding: [pad; 4], dilation: [1, 1], groups: 1 };
        Self::with(weights, inputs, outputs, kernel, options, device)
    }

    /// Draws a square convolution with any stride and padding.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn with(
        weights: &Weights,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        options: Conv2dOptions,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let weight = weights.tensor("weight", [outputs, inputs / options.groups, kernel, kernel], device)?;
        let bias = if weights.has("bias") { Some(weights.tensor("bias", [outputs], device)?) } else { None };
        Ok(Self { weight, bias, options })
    }

    /// `[b, in, h, w]` → `[b, out, h', w']`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        kernels::conv2d(x, self.weight.clone(), self.bias.clone(), self.options.clone())
    }
}

/// Normalises groups of channels (Wu and He 2018). Parameters: `weight [c]`, `bias [c]`.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// Draws a layer.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen, or the groups do not divide the channels.
    pub fn new(weights: &Weights, groups: usize, channels: usize, eps: f64, device: &Device) -> Result<Self, LoadError> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            let reason = format!("{groups} groups of normalisation do not divide {channels} channels");
            return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
        }
        let (weight, bias) = (weights.tensor("weight", [channels], device)?, weights.tensor("bias", [channels], device)?);
        Ok(Self { weight, bias, groups, eps })
    }

    /// `[b, c, ..]` → the same shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::group_norm(x, self.weight.clone(), self.bias.clone(), self.groups, self.eps)
    }

    /// As [`GroupNorm::forward`], then SiLU.
    pub fn forward_silu<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::group_norm_silu(x, self.weight.clone(), self.bias.clone(), self.groups, self.eps)
    }
}

/// Normalises the last dimension (Ba et al. 2016). Parameters: `weight [c]`, `bias [c]`.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
}

impl LayerNorm {
    /// Draws a layer.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn new(weights: &Weights, width: usize, eps: f64, device: &Device) -> Result<Self, LoadError> {
        Ok(Self { weight: weights.tensor("weight", [width], device)?, bias: weights.tensor("bias", [width], device)?, eps })
    }

    /// `[.., c]` → the same shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::layer_norm(x, Some(self.weight.clone()), Some(self.bias.clone()), self.eps)
    }
}

/// One row for each token. Parameter: `weight [rows, width]`.
///
/// A table that the file has in quantised blocks stays in them.
#[derive(Clone, Debug)]
pub struct Embedding {
    weight: Matrix,
}

impl Embedding {
    /// Draws a table.
    ///
    /// # Errors
    /// When the tensor is missing or misshapen.
    pub fn new(weights: &Weights, rows: usize, width: usize, device: &Device) -> Result<Self, LoadError> {
        Ok(Self { weight: weights.matrix("weight", [rows, width], device)? })
    }

    /// `[b, n]` → `[b, n, width]`, f32.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [batch, tokens] = ids.dims();
        let ids = ids.reshape([batch * tokens]);
        let rows = match &self.weight {
            Matrix::Numbers(table) => table.clone().select(0, ids).cast(FloatDType::F32),
            Matrix::Blocks(table) => table.rows(ids),
        };
        let width = rows.dims()[1];
        rows.reshape([batch, tokens, width])
    }

    /// The linear layer of the same weight, `[.., width]` → `[.., rows]`: the head of a language model that has none of its own.
    pub fn head(&self) -> Linear {
        Linear { weight: self.weight.clone(), bias: None }
    }
}
