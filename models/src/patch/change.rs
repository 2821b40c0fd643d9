//! What a LoRA and its relatives do to one tensor.
//!
//! References: LoRA (Hu et al. 2021, arXiv 2106.09685); LoHa, LoKr and the Tucker forms for convolutions (Yeh et al. 2023, arXiv
//! 2309.14859); DoRA (Liu et al. 2024, arXiv 2402.09353); OFT (Qiu et al. 2023, arXiv 2306.07280); BOFT (Liu et al. 2023, arXiv
//! 2311.06243); GLoRA (Chavan et al. 2023, arXiv 2306.07967). Where trainers and ComfyUI differ, it is ComfyUI's arithmetic.
//!
//! A weight is seen as a matrix: its first dimension, and all others together. Shapes: O outputs, N everything else (inputs, for a
//! convolution times the cells of its kernel), R rank.

use crate::{LoadError, Weights};
use burn::tensor::{Device, Tensor, TensorData};

/// Ranks above this are mistakes, or made to exhaust memory.
const LARGEST_RANK: usize = 1 << 13;
/// Blocks of a rotation above this are mistakes: they are inverted, which takes time with the third power of their size.
const LARGEST_BLOCK: usize = 1 << 10;

/// A change to one tensor. Its numbers stay in the file until the tensor is drawn.
#[derive(Clone)]
pub(super) struct Change {
    /// The file that it comes from.
    pub(super) file: Weights,
    /// How it comes about.
    pub(super) kind: Kind,
    /// Multiplies the difference; for rotations the bound on how far they turn.
    pub(super) scale: Scale,
    /// Splits direction from length and sets the length anew.
    pub(super) magnitude: Option<Magnitude>,
}

/// Names of tensors in the file, by what is made of them.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// `up · down`, the latter spread over a kernel by `mid`.
    LowRank { up: String, down: String, mid: Option<String> },
    /// The product, number by number, of two matrices.
    Hadamard([Product; 2]),
    /// The Kronecker product of two matrices.
    Kronecker([Product; 2]),
    /// `weight · a1 · a2 + b1 · b2`.
    General { a: [String; 2], b: [String; 2] },
    /// Rotates blocks of rows.
    Rotation { blocks: String },
    /// Rotates blocks of rows several times, dealt anew each time as in a fast Fourier transform.
    Butterfly { blocks: String, rescale: Option<String> },
    /// The difference itself.
    Difference(String),
    /// The new values themselves, at any strength.
    Set(String),
    /// `keep · weight + take · other` at any strength, the latter with its own patches; without a name there is no other.
    Mix { other: Option<String>, keep: f64, take: f64 },
}

/// A matrix that is in the file, or made of two or three that are.
#[derive(Clone, Debug)]
pub(super) enum Product {
    Whole(String),
    /// `a · b`, the latter spread over a kernel by `core`.
    Of {
        a: String,
        b: String,
        core: Option<String>,
    },
}

/// The number `alpha` of a file, if it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale(pub(super) Option<f64>);

/// The name of a DoRA's magnitudes.
#[derive(Clone, Debug)]
pub(super) enum Magnitude {
    /// As LyCORIS writes it and ComfyUI applies it: for each output, relative to the weight as it was; or for each input, relative
    /// to the weight as it has become.
    Scale(String),
    /// As PEFT writes and applies it: for each output, relative to the weight as it has become.
    Vector(String),
}

impl Change {
    /// Whether what it adds is the same whatever the weight is.
    pub(super) fn is_additive(&self) -> bool {
        let fixed = match self.kind {
            Kind::General { .. } | Kind::Rotation { .. } | Kind::Butterfly { .. } | Kind::Set(_) => false,
            Kind::Mix { keep, .. } => keep == 1.0,
            _ => true,
        };
        fixed && self.magnitude.is_none()
    }

    /// Says that it fits a tensor of this shape, which takes no more than the table of contents.
    ///
    /// # Errors
    /// [`LoadError::Shape`] names what does not fit.
    pub(super) fn check(&self, shape: &[usize]) -> Result<(), LoadError> {
        let rows = shape.first().copied().unwrap_or(0);
        let needed = [rows, shape.get(1..).unwrap_or_default().iter().product()];
        let fit = |name: &str, found: [usize; 2]| {
            if found == needed { Ok(()) } else { Err(self.misfit(name, needed.to_vec())) }
        };
        match &self.kind {
            Kind::LowRank { up, down, mid } => {
                let (up_size, down_size) = (self.size(up)?, self.size(down)?);
                let inner = self.spread_size(down_size, mid.as_deref(), down)?;
                self.joined(up_size[1], inner[0], up)?;
                fit(up, [up_size[0], inner[1]])?;
            }
            Kind::Hadamard(factors) => {
                for factor in factors {
                    fit(factor.name(), self.product_size(factor)?)?;
                }
            }
            Kind::Kronecker([one, other]) => {
                let (a, b) = (self.product_size(one)?, self.product_size(other)?);
                let size = [a[0].saturating_mul(b[0]), a[1].saturating_mul(b[1])];
                fit(other.name(), size)?;
            }
            Kind::General { a, b } => {
                let [a1, a2] = [self.size(&a[0])?, self.size(&a[1])?];
                let [b1, b2] = [self.size(&b[0])?, self.size(&b[1])?];
                if self.old_general(needed)? {
                    self.joined(needed[1], a2[0], &a[1])?;
                    self.joined(a2[1], a1[0], &a[0])?;
                    self.joined(b2[1], b1[0], &b[0])?;
                    fit(&a[0], [needed[0], a1[1]])?;
                    fit(&b[1], [b2[0], b1[1]])?;
                } else {
                    // Over the inputs, whatever the kernel.
                    let inputs = shape.get(1).copied().unwrap_or(0);
                    self.joined(inputs, a1[0], &a[0])?;
                    self.joined(a1[1], a2[0], &a[1])?;
                    self.joined(a2[1], inputs, &a[1])?;
                    self.joined(b1[1], b2[0], &b[1])?;
                    fit(&b[0], [b1[0], b2[1]])?;
                }
            }
            Kind::Rotation { blocks } => {
                let [count, size] = self.rotations::<3>(blocks)?;
                self.joined(count.saturating_mul(size), rows, blocks)?;
            }
            Kind::Butterfly { blocks, rescale } => {
                let [count, size] = self.rotations::<4>(blocks)?;
                self.joined(count.saturating_mul(size), rows, blocks)?;
                let rounds = self.file.shape(blocks).map_or(0, |it| it[0]);
                // Every round deals the rows twice as far.
                let reach = u32::try_from(rounds.saturating_sub(1)).ok().and_then(|it| size.checked_shl(it));
                if size % 2 != 0 || reach.is_none_or(|it| it == 0 || !rows.is_multiple_of(it)) {
                    return Err(self.misfit(blocks, needed.to_vec()));
                }
                if let Some(rescale) = rescale {
                    self.joined(self.size(rescale)?[0], rows, rescale)?;
                }
            }
            Kind::Difference(name) | Kind::Set(name) | Kind::Mix { other: Some(name), .. } => fit(name, self.size(name)?)?,
            Kind::Mix { other: None, .. } => {}
        }
        let magnitude = match &self.magnitude {
            None => return Ok(()),
            Some(Magnitude::Scale(name) | Magnitude::Vector(name)) => name,
        };
        let found: usize = self.file.shape(magnitude).unwrap_or_default().iter().product();
        let by_input = matches!(self.magnitude, Some(Magnitude::Scale(_))) && shape.get(1) == Some(&found);
        if found == rows || by_input { Ok(()) } else { Err(self.misfit(magnitude, vec![rows])) }
    }

    /// Changes a weight of this shape, seen as a matrix `[O, N]`.
    ///
    /// # Errors
    /// As for drawing a tensor.
    pub(super) fn apply(
        &self,
        weight: Tensor<2>,
        shape: &[usize],
        strength: f32,
        device: &Device,
    ) -> Result<Tensor<2>, LoadError> {
        let size = weight.dims();
        match &self.kind {
            Kind::Set(name) => return self.matrix(name, device),
            Kind::Mix { other, keep, take } => {
                let kept = weight.mul_scalar(*keep as f32);
                return Ok(match other {
                    Some(name) => kept + self.file.wide(name, device)?.mul_scalar(*take as f32),
                    None => kept,
                });
            }
            _ => {}
        }
        let difference = self.difference(&weight, shape, strength, device)?;
        let scale = self.factor()?;
        let Some(magnitude) = &self.magnitude else {
            return Ok(weight + difference.mul_scalar(strength * scale));
        };
        let changed = weight.clone() + difference.mul_scalar(scale);
        let changed = match magnitude {
            Magnitude::Scale(name) => {
                let lengths = self.matrix(name, device)?;
                let rows = self.file.shape(name).and_then(|it| it.first().copied());
                if rows == Some(size[0]) {
                    let norm = weight.clone().square().sum_dim(1).sqrt().add_scalar(f32::EPSILON);
                    changed * (lengths.reshape([size[0], 1]) / norm)
                } else {
                    let inputs = shape[1];
                    let by_input = [size[0], inputs, size[1] / inputs];
                    let changed = changed.reshape(by_input);
                    let norm = changed.clone().square().sum_dim(0).sum_dim(2).sqrt().add_scalar(f32::EPSILON);
                    (changed * (lengths.reshape([1, inputs, 1]) / norm)).reshape(size)
                }
            }
            Magnitude::Vector(name) => {
                let norm = changed.clone().square().sum_dim(1).sqrt();
                changed * (self.matrix(name, device)?.reshape([size[0], 1]) / norm)
            }
        };
        Ok(if strength == 1.0 { changed } else { weight.clone() + (changed - weight).mul_scalar(strength) })
    }

    /// What is added at strength 1 and scale 1, `[O, N]`.
    fn difference(&self, weight: &Tensor<2>, shape: &[usize], strength: f32, device: &Device) -> Result<Tensor<2>, LoadError> {
        let matrix = |name: &str| self.matrix(name, device);
        Ok(match &self.kind {
            Kind::LowRank { up, down, mid } => {
                let down = matrix(down)?;
                let down = if let Some(core) = mid { self.spread(down, core, device)? } else { down };
                kernels::matmul(matrix(up)?, down)
            }
            Kind::Hadamard([one, other]) => self.product(one, device)? * self.product(other, device)?,
            Kind::Kronecker([one, other]) => {
                let (a, b) = (self.product(one, device)?, self.product(other, device)?);
                let ([p, q], [r, s]) = (a.dims(), b.dims());
                (a.reshape([p, 1, q, 1]) * b.reshape([1, r, 1, s])).reshape([p * r, q * s])
            }
            Kind::General { a, b } => {
                let ([a1, a2], [b1, b2]) = ([matrix(&a[0])?, matrix(&a[1])?], [matrix(&b[0])?, matrix(&b[1])?]);
                let [rows, columns] = weight.dims();
                if self.old_general([rows, columns])? {
                    kernels::matmul(b2, b1) + kernels::matmul(kernels::matmul(weight.clone(), a2), a1)
                } else {
                    let (inputs, cells) = (shape[1], columns / shape[1]);
                    let by_cell = weight.clone().reshape([rows, inputs, cells]).swap_dims(1, 2).reshape([rows * cells, inputs]);
                    let turned = kernels::matmul(kernels::matmul(by_cell, a1), a2);
                    let turned = turned.reshape([rows, cells, inputs]).swap_dims(1, 2).reshape([rows, columns]);
                    turned + kernels::matmul(b1, b2)
                }
            }
            Kind::Rotation { blocks } => {
                let [count, size] = self.rotations::<3>(blocks)?;
                let turns = rotations(&self.numbers(blocks)?, size, self.scale.0.unwrap_or(0.0));
                let turns = Tensor::<1>::from_floats(turns.as_slice(), device).reshape([count, size, size]);
                let still = Tensor::<2>::eye(size, device).unsqueeze::<3>();
                let turns = (turns.mul_scalar(strength) - still.mul_scalar(strength)).swap_dims(1, 2);
                let columns = weight.dims()[1];
                kernels::matmul(turns, weight.clone().reshape([count, size, columns])).reshape([count * size, columns])
            }
            Kind::Butterfly { blocks, rescale } => {
                let [count, size] = self.rotations::<4>(blocks)?;
                let turns = rotations(&self.numbers(blocks)?, size, self.scale.0.unwrap_or(0.0));
                let rounds = turns.len() / (count * size * size);
                let turns = Tensor::<1>::from_floats(turns.as_slice(), device).reshape([rounds, count, size, size]);
                let still = Tensor::<2>::eye(size, device).unsqueeze::<3>();
                let [rows, columns] = weight.dims();
                let mut x = weight.clone();
                for round in 0..rounds {
                    let mut turn = turns.clone().narrow(0, round, 1).reshape([count, size, size]);
                    if strength != 1.0 {
                        turn = turn.mul_scalar(strength) + still.clone().mul_scalar(1.0 - strength);
                    }
                    let reach = (size / 2) << round;
                    let groups = rows / (2 * reach);
                    let dealt = x.reshape([groups, 2, reach, columns]).swap_dims(1, 2).reshape([count, size, columns]);
                    let turned = kernels::matmul(turn, dealt);
                    x = turned.reshape([groups, reach, 2, columns]).swap_dims(1, 2).reshape([rows, columns]);
                }
                if let Some(rescale) = rescale {
                    x = x * matrix(rescale)?.reshape([rows, 1]);
                }
                x - weight.clone()
            }
            Kind::Difference(name) | Kind::Set(name) => matrix(name)?,
            Kind::Mix { .. } => unreachable!("a mix is no difference: see Change::apply"),
        })
    }

    /// What the difference is multiplied with: alpha divided by the rank, where the file has the one and the change the other.
    fn factor(&self) -> Result<f32, LoadError> {
        let Some(alpha) = self.scale.0 else { return Ok(1.0) };
        let rank = match &self.kind {
            Kind::LowRank { down, .. } => self.size(down)?[0],
            Kind::Hadamard([one, _]) => one.rank(self)?.unwrap_or(1),
            Kind::Kronecker([one, other]) => match (other.rank(self)?, one.rank(self)?) {
                (Some(rank), _) | (None, Some(rank)) => rank,
                (None, None) => return Ok(1.0),
            },
            Kind::General { a, .. } => *self.size(&a[0])?.iter().min().unwrap_or(&1),
            Kind::Rotation { .. } | Kind::Butterfly { .. } | Kind::Difference(_) | Kind::Set(_) | Kind::Mix { .. } => {
                return Ok(1.0);
            }
        };
        Ok((alpha / rank as f64) as f32)
    }

    /// Whether the factors of a general change stand in the order that early LyCORIS versions wrote them in.
    fn old_general(&self, weight: [usize; 2]) -> Result<bool, LoadError> {
        let Kind::General { a, b } = &self.kind else { return Ok(false) };
        let [a1, a2, b1, b2] = [self.size(&a[0])?, self.size(&a[1])?, self.size(&b[0])?, self.size(&b[1])?];
        let all = |sizes: [usize; 4]| sizes.iter().all(|it| *it == sizes[0]);
        let old = all([b2[1], b1[0], a1[0], a2[1]]);
        let new = all([b2[0], b1[1], a1[1], a2[0]]);
        Ok(old && (!new || (a2[0] == weight[0] && weight[0] == weight[1])))
    }

    fn product(&self, product: &Product, device: &Device) -> Result<Tensor<2>, LoadError> {
        match product {
            Product::Whole(name) => self.matrix(name, device),
            Product::Of { a, b, core: None } => Ok(kernels::matmul(self.matrix(a, device)?, self.matrix(b, device)?)),
            Product::Of { a, b, core: Some(core) } => {
                let inner = self.spread(self.matrix(b, device)?, core, device)?;
                Ok(kernels::matmul(self.matrix(a, device)?.swap_dims(0, 1), inner))
            }
        }
    }

    /// Spreads a matrix `[R, I]` over the cells of a kernel: with a core `[Q, R, h, w]` it becomes `[Q, I·h·w]`.
    fn spread(&self, matrix: Tensor<2>, core: &str, device: &Device) -> Result<Tensor<2>, LoadError> {
        let [rank, inputs] = matrix.dims();
        let [outer, columns] = self.size(core)?;
        let cells = columns / rank;
        let core = self.matrix(core, device)?.reshape([outer, rank, cells]).swap_dims(1, 2).reshape([outer * cells, rank]);
        let spread = kernels::matmul(core, matrix).reshape([outer, cells, inputs]);
        Ok(spread.swap_dims(1, 2).reshape([outer, inputs * cells]))
    }

    /// What [`Change::spread`] makes of a matrix of this size.
    fn spread_size(&self, [rank, inputs]: [usize; 2], core: Option<&str>, name: &str) -> Result<[usize; 2], LoadError> {
        let Some(core) = core else { return Ok([rank, inputs]) };
        let shape = self.file.shape(core).unwrap_or_default();
        let [outer, columns] = self.size(core)?;
        if shape.get(1) != Some(&rank) || outer > LARGEST_RANK {
            return Err(self.misfit(name, vec![shape.get(1).copied().unwrap_or(0), inputs]));
        }
        Ok([outer, inputs.saturating_mul(columns / rank)])
    }

    fn product_size(&self, product: &Product) -> Result<[usize; 2], LoadError> {
        match product {
            Product::Whole(name) => self.size(name),
            Product::Of { a, b, core } => {
                let (a_size, b_size) = (self.size(a)?, self.size(b)?);
                let inner = self.spread_size(b_size, core.as_deref(), b)?;
                // Around a core the first factor lies on its side.
                let [outer, joined] = if core.is_some() { [a_size[1], a_size[0]] } else { a_size };
                self.joined(joined, inner[0], a)?;
                Ok([outer, inner[1]])
            }
        }
    }

    /// The number and size of a rotation's square blocks, stored with `D` dimensions.
    fn rotations<const D: usize>(&self, name: &str) -> Result<[usize; 2], LoadError> {
        let shape = self.file.shape(name).ok_or_else(|| self.file.missing(name))?;
        match shape.get(D - 3..) {
            Some(&[count, size, other]) if shape.len() == D && size == other && (1..=LARGEST_BLOCK).contains(&size) => {
                Ok([count, size])
            }
            _ => Err(self.misfit(name, vec![0; D])),
        }
    }

    /// Two dimensions that are multiplied away must be equal.
    fn joined(&self, one: usize, other: usize, name: &str) -> Result<(), LoadError> {
        if one == other && one > 0 { Ok(()) } else { Err(self.misfit(name, vec![one, other])) }
    }

    fn misfit(&self, name: &str, needed: Vec<usize>) -> LoadError {
        let found = self.file.shape(name).unwrap_or_default().to_vec();
        LoadError::Shape { source_name: self.file.source().to_owned(), name: self.file.full(name), found, needed }
    }

    /// The first dimension and all others together; neither is 0.
    fn size(&self, name: &str) -> Result<[usize; 2], LoadError> {
        let shape = self.file.shape(name).ok_or_else(|| self.file.missing(name))?;
        let rows = shape.first().copied().unwrap_or(0);
        let columns = shape.get(1..).unwrap_or_default().iter().try_fold(1, |all: usize, it| all.checked_mul(*it));
        match columns {
            Some(columns) if rows > 0 && columns > 0 => Ok([rows, columns]),
            _ => Err(self.misfit(name, vec![1, 1])),
        }
    }

    fn matrix(&self, name: &str, device: &Device) -> Result<Tensor<2>, LoadError> {
        let size = self.size(name)?;
        Ok(Tensor::from_data(TensorData::new(self.numbers(name)?, size), device))
    }

    fn numbers(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        self.file.numbers(name)
    }
}

impl Product {
    /// A name to blame.
    fn name(&self) -> &str {
        match self {
            Self::Whole(name) | Self::Of { b: name, .. } => name,
        }
    }

    fn rank(&self, change: &Change) -> Result<Option<usize>, LoadError> {
        match self {
            Self::Whole(_) => Ok(None),
            Self::Of { b, .. } => Ok(Some(change.size(b)?[0])),
        }
    }
}

/// Rotations from what was trained, by Cayley's transform: blocks `[.., size, size]` → `(I + Q)(I - Q)⁻¹` with `Q = B - Bᵀ`, which is
/// shortened to the length `bound` where it is longer and `bound` is above 0.
fn rotations(blocks: &[f32], size: usize, bound: f64) -> Vec<f32> {
    let mut skew: Vec<f64> = blocks
        .chunks_exact(size * size)
        .flat_map(|block| (0..size * size).map(|at| f64::from(block[at]) - f64::from(block[at % size * size + at / size])))
        .collect();
    let length = skew.iter().map(|it| it * it).sum::<f64>().sqrt() + 1e-8;
    if bound > 0.0 && length > bound {
        skew.iter_mut().for_each(|it| *it *= bound / length);
    }
    skew.chunks_exact(size * size).flat_map(|block| cayley(block, size)).map(|it| it as f32).collect()
}

/// `(I + Q)(I - Q)⁻¹`, by eliminating in the transposed system `(I - Q)ᵀ Rᵀ = (I + Q)ᵀ`. `I - Q` is never singular for skew `Q`.
fn cayley(skew: &[f64], size: usize) -> Vec<f64> {
    let unit = |row: usize, column: usize| f64::from(u8::from(row == column));
    let mut left: Vec<f64> = (0..size * size).map(|at| unit(at / size, at % size) - skew[at % size * size + at / size]).collect();
    let mut right: Vec<f64> =
        (0..size * size).map(|at| unit(at / size, at % size) + skew[at % size * size + at / size]).collect();
    for pivot in 0..size {
        let best = (pivot..size).max_by(|a, b| left[a * size + pivot].abs().total_cmp(&left[b * size + pivot].abs()));
        let best = best.unwrap_or(pivot);
        for column in 0..size {
            left.swap(pivot * size + column, best * size + column);
            right.swap(pivot * size + column, best * size + column);
        }
        let lead = left[pivot * size + pivot];
        for column in 0..size {
            left[pivot * size + column] /= lead;
            right[pivot * size + column] /= lead;
        }
        for row in (0..size).filter(|row| *row != pivot) {
            let factor = left[row * size + pivot];
            for column in 0..size {
                left[row * size + column] -= factor * left[pivot * size + column];
                right[row * size + column] -= factor * right[pivot * size + column];
            }
        }
    }
    (0..size * size).map(|at| right[at % size * size + at / size]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cayleys_transform_of_a_plane_is_a_rotation() {
        // Q = [[0, q], [-q, 0]] turns by 2 atan(q).
        let turned = rotations(&[0.0, 0.25, -0.25, 0.0], 2, 0.0);
        let angle = 2.0 * 0.5_f32.atan();
        for (found, wanted) in turned.iter().zip([angle.cos(), angle.sin(), -angle.sin(), angle.cos()]) {
            assert!((found - wanted).abs() < 1e-6, "{turned:?}");
        }
        assert_eq!(rotations(&[0.0; 9], 3, 0.0), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    }
}
