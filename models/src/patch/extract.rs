//! Makes a LoRA of a difference between models.
//!
//! Reference: ComfyUI 0.3.64 `comfy_extras/nodes_lora_extract.py`, for names, types and the bound on large numbers. The decomposition is
//! Halko, Martinsson and Tropp 2011 (arXiv 0909.4061), algorithm 4.4, which gives the same product in a fraction of the time.

use crate::weights::shown;
use crate::{Clip, Export, LoadError, Model, Stop, Watch, Weights};
use burn::tensor::{DType, Device, Tensor, TensorData};
use half::f16;

/// What a difference is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Two factors of at most this rank for each matrix.
    Factors(usize),
    /// The difference itself.
    Whole,
}

/// Directions that are followed beside those that are wanted.
const SPARE: usize = 16;
/// How often the directions are sharpened.
const ROUNDS: usize = 4;
/// Rounds over all pairs of rows, of which about eight are needed.
const MOST_SWEEPS: usize = 30;
/// The share of numbers that stay as they are; larger ones are cut to the largest of these.
const KEPT: f64 = 0.99;

/// A LoRA of the tensors of a network, of text encoders, or of both, which are differences already.
///
/// Matrices and kernels are written in the given form, in f16. `biases` says whether biases, and weights that are no matrices, are written
/// too. Tensors that are zero are left out.
///
/// # Errors
/// [`Stop::Load`] where a tensor cannot be drawn, [`Stop::Unfit`] where nothing is left to write, [`Stop::Cancelled`].
pub fn extract_lora(
    model: Option<&Model>,
    clip: Option<&Clip>,
    form: Form,
    biases: bool,
    watch: &dyn Watch,
) -> Result<Export, Stop> {
    let network = model.map(|it| ("diffusion_model.".to_owned(), &it.weights));
    let encoders = clip.into_iter().flat_map(Clip::encoders).map(|(architecture, weights)| {
        let word = crate::export::word(architecture.name).unwrap_or(architecture.name);
        (format!("text_encoders.{word}.transformer."), weights)
    });
    let parts: Vec<(String, Weights)> = network.into_iter().chain(encoders).map(|(name, it)| (name, it.fresh())).collect();
    let total = parts.iter().map(|it| it.1.names().count()).sum();
    let (mut export, mut done) = (Export::default(), 0);
    for (prefix, weights) in &parts {
        for name in weights.names() {
            watch.check()?;
            put(&mut export, prefix, weights, name, form, biases)?;
            done += 1;
            watch.progress(done, total, None);
        }
    }
    if export.is_empty() {
        Err(Stop::Unfit("the difference is zero: there is nothing to make a LoRA of".to_owned()))
    } else {
        Ok(export)
    }
}

/// Writes one tensor, if it is one that is written.
fn put(export: &mut Export, prefix: &str, weights: &Weights, name: &str, form: Form, biases: bool) -> Result<(), LoadError> {
    let shape = weights.shape(name).unwrap_or_default().to_vec();
    let (layer, ending) = match (name.strip_suffix(".weight"), name.strip_suffix(".bias")) {
        (Some(layer), _) => (layer, ".diff"),
        (None, Some(layer)) if biases => (layer, ".diff_b"),
        _ => return Ok(()),
    };
    let matrix = shape.len() >= 2 && ending == ".diff";
    if shape.is_empty() || (!matrix && !biases && form != Form::Whole) {
        return Ok(());
    }
    let device = Device::flex();
    let difference = weights.wide(name, &device)?;
    let numbers: Vec<f32> = difference.clone().into_data().iter().collect();
    if numbers.iter().all(|it| *it == 0.0) {
        return Ok(());
    }
    if numbers.iter().any(|it| !it.is_finite()) {
        let reason = format!("the difference in `{}` is not finite", shown(name));
        return Err(LoadError::Layout { source_name: weights.source().to_owned(), reason });
    }
    let name = |ending: &str| format!("{prefix}{layer}{ending}");
    match form {
        Form::Factors(rank) if matrix => {
            let rank = rank.min(shape[0]).min(shape[1]).max(1);
            let Factors { mut up, mut down } = factors(difference, &numbers, rank, &device);
            cut([&mut up, &mut down]);
            let sizes = if shape.len() == 2 {
                [vec![shape[0], rank], vec![rank, shape[1]]]
            } else {
                let ones = vec![1; shape.len() - 2];
                [[&[shape[0], rank], &ones[..]].concat(), [&[rank], &shape[1..]].concat()]
            };
            for ((part, numbers), shape) in [(".lora_up.weight", up), (".lora_down.weight", down)].into_iter().zip(sizes) {
                export.put_made(name(part), half(numbers, shape));
            }
        }
        _ => export.put_made(name(ending), half(numbers, shape)),
    }
    Ok(())
}

fn half(numbers: Vec<f32>, shape: Vec<usize>) -> TensorData {
    let halves: Vec<f16> = numbers.into_iter().map(f16::from_f32).collect();
    TensorData::new(halves, shape).convert_dtype(DType::F16)
}

/// Two matrices, row by row, whose product is near another one.
struct Factors {
    /// `[M, R]`.
    up: Vec<f32>,
    /// `[R, N]`, its rows of length 1.
    down: Vec<f32>,
}

/// The best product of this rank: `[M, N]` → `[M, R]`, `[R, N]`. `numbers` are those of the matrix.
fn factors(matrix: Tensor<2>, numbers: &[f32], rank: usize, device: &Device) -> Factors {
    let [rows, columns] = matrix.dims();
    let tensor = |numbers: &[Vec<f64>]| {
        let flat: Vec<f32> = numbers.concat().into_iter().map(|it| it as f32).collect();
        Tensor::<2>::from_data(TensorData::new(flat, [numbers.len(), numbers.first().map_or(0, Vec::len)]), device)
    };
    let turned = matrix.clone().swap_dims(0, 1);
    let followed = rank + SPARE;
    // Directions in the space of the outputs, as rows; none where it is no more work to take the matrix itself.
    let basis = (followed < rows.min(columns)).then(|| {
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
        let start: Vec<Vec<f64>> = (0..followed).map(|_| (0..columns).map(|_| noise.next()).collect()).collect();
        let mut basis = orthonormal(rows_of(kernels::matmul(tensor(&start), turned.clone())));
        for _ in 0..ROUNDS {
            let inputs = orthonormal(rows_of(kernels::matmul(tensor(&basis), matrix.clone())));
            basis = orthonormal(rows_of(kernels::matmul(tensor(&inputs), turned.clone())));
        }
        basis
    });
    let wide = |numbers: &[f32]| numbers.iter().map(|it| f64::from(*it)).collect::<Vec<f64>>();
    // What is decomposed has as many rows as directions; on its side where the matrix is higher than wide.
    let sideways = basis.is_none() && rows > columns;
    let small: Vec<Vec<f64>> = match &basis {
        Some(basis) => rows_of(kernels::matmul(tensor(basis), matrix)),
        None if sideways => rows_of(turned),
        None => numbers.chunks_exact(columns).map(wide).collect(),
    };
    let Decomposed { left, right, lengths } = decomposed(small);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by(|a, b| lengths[*b].total_cmp(&lengths[*a]));
    order.truncate(rank);
    let times = |row: &[f64], factor: f64| row.iter().map(|it| it * factor).collect::<Vec<f64>>();
    let unit = |index: usize| times(&right[index], if lengths[index] > 0.0 { 1.0 / lengths[index] } else { 0.0 });
    let scaled = |index: usize| times(&left[index], lengths[index]);
    // Columns of `up` as rows, then rows of `down`.
    let (ups, downs): (Vec<Vec<f64>>, Vec<Vec<f64>>) = order
        .iter()
        .map(|&index| match (&basis, sideways) {
            (Some(basis), _) => {
                let mut up = vec![0.0; rows];
                for (weight, direction) in scaled(index).into_iter().zip(basis) {
                    up.iter_mut().zip(direction).for_each(|(sum, it)| *sum += weight * it);
                }
                (up, unit(index))
            }
            (None, true) => (right[index].clone(), left[index].clone()),
            (None, false) => (scaled(index), unit(index)),
        })
        .unzip();
    let mut up = vec![0.0; rows * ups.len()];
    for (place, column) in ups.iter().enumerate() {
        column.iter().enumerate().for_each(|(row, it)| up[row * ups.len() + place] = *it as f32);
    }
    Factors { up, down: downs.concat().into_iter().map(|it| it as f32).collect() }
}

fn rows_of(matrix: Tensor<2>) -> Vec<Vec<f64>> {
    let columns = matrix.dims()[1].max(1);
    let numbers: Vec<f64> = matrix.into_data().iter().collect();
    numbers.chunks_exact(columns).map(<[f64]>::to_vec).collect()
}

/// Rows of length 1 that stand at right angles and reach as far as these (Gram and Schmidt, each twice, for roundings add up).
fn orthonormal(mut rows: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    for index in 0..rows.len() {
        let (before, rest) = rows.split_at_mut(index);
        let row = &mut rest[0];
        let length = dot(row, row).sqrt();
        for _ in 0..2 {
            for other in before.iter() {
                let share = dot(row, other);
                row.iter_mut().zip(other).for_each(|(it, other)| *it -= share * other);
            }
        }
        let left = dot(row, row).sqrt();
        // A row that lies among the others has no direction of its own.
        let scale = if left > length * 1e-10 { 1.0 / left } else { 0.0 };
        row.iter_mut().for_each(|it| *it *= scale);
    }
    rows
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `rows = Σ leftᵢᵀ · rightᵢ`, with `left` of length 1 and at right angles, `right` at right angles and of these lengths.
struct Decomposed {
    left: Vec<Vec<f64>>,
    right: Vec<Vec<f64>>,
    lengths: Vec<f64>,
}

/// Turns pairs of rows until all stand at right angles (Hestenes 1958).
fn decomposed(mut right: Vec<Vec<f64>>) -> Decomposed {
    let count = right.len();
    let mut left: Vec<Vec<f64>> = (0..count).map(|row| (0..count).map(|it| f64::from(u8::from(it == row))).collect()).collect();
    for _ in 0..MOST_SWEEPS {
        let mut turned = false;
        for one in 0..count {
            for other in one + 1..count {
                let (a, b) = (dot(&right[one], &right[one]), dot(&right[other], &right[other]));
                let mixed = dot(&right[one], &right[other]);
                if mixed.abs() <= 1e-12 * (a * b).sqrt() {
                    continue;
                }
                turned = true;
                let slope = (b - a) / (2.0 * mixed);
                let tangent = slope.signum() / (slope.abs() + slope.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = cosine * tangent;
                for rows in [&mut left, &mut right] {
                    let (before, rest) = rows.split_at_mut(other);
                    for (a, b) in before[one].iter_mut().zip(&mut rest[0]) {
                        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
                    }
                }
            }
        }
        if !turned {
            break;
        }
    }
    let lengths = right.iter().map(|it| dot(it, it).sqrt()).collect();
    Decomposed { left, right, lengths }
}

/// Cuts the numbers of largest magnitude to where [`KEPT`] of all are below.
fn cut(parts: [&mut Vec<f32>; 2]) {
    let mut all: Vec<f32> = parts.iter().flat_map(|it| it.iter().copied()).collect();
    let place = KEPT * all.len().saturating_sub(1) as f64;
    let at = place as usize;
    let (_, low, above) = all.select_nth_unstable_by(at, f32::total_cmp);
    let next = above.iter().copied().min_by(f32::total_cmp).unwrap_or(*low);
    let bound = *low + (next - *low) * (place - at as f64) as f32;
    // Where hardly anything is above zero that would cut all.
    if bound > 0.0 {
        parts.into_iter().flatten().for_each(|it| *it = it.clamp(-bound, bound));
    }
}

/// Numbers between -1 and 1, the same every time (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as i64 as f64 / 2.0_f64.powi(63)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{Golden, Names};
    use crate::patch::{Shares, merge_models};
    use crate::{Lora, Unwatched};
    use std::path::PathBuf;
    use tempfile::TempDir;

    /// A matrix whose singular values are known: cosines are at right angles.
    fn made(rows: usize, columns: usize, lengths: &[f64]) -> Vec<f32> {
        let wave = |size: usize, index: usize, at: usize| {
            let angle = std::f64::consts::PI / size as f64 * (at as f64 + 0.5) * (index + 1) as f64;
            (2.0 / size as f64).sqrt() * angle.cos()
        };
        let number = |at: usize| {
            let (row, column) = (at / columns, at % columns);
            lengths.iter().enumerate().map(|(i, it)| it * wave(rows, i, row) * wave(columns, i, column)).sum::<f64>() as f32
        };
        (0..rows * columns).map(number).collect()
    }

    fn product(factors: &Factors, rows: usize, rank: usize) -> Vec<f32> {
        let columns = factors.down.len() / rank;
        let number = |at: usize| {
            (0..rank).map(|it| factors.up[at / columns * rank + it] * factors.down[it * columns + at % columns]).sum()
        };
        (0..rows * columns).map(number).collect()
    }

    fn distance(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn the_best_product_of_a_rank_is_found() {
        let lengths = [9.0, 5.0, 4.0, 1.0, 0.5, 0.25];
        let device = Device::flex();
        // Whole, on its side, and by directions.
        for (rows, columns) in [(12, 30), (30, 12), (90, 70), (70, 90)] {
            let numbers = made(rows, columns, &lengths);
            let matrix = Tensor::<2>::from_data(TensorData::new(numbers.clone(), [rows, columns]), &device);
            for rank in 1..=7 {
                let found = factors(matrix.clone(), &numbers, rank, &device);
                assert_eq!((found.up.len(), found.down.len()), (rows * rank, rank * columns));
                let off = distance(&product(&found, rows, rank), &numbers);
                // By Eckart and Young what is left out is what no product of this rank can have.
                let least = lengths.iter().skip(rank).map(|it| it * it).sum::<f64>().sqrt();
                assert!((off - least).abs() < 1e-4, "rank {rank} of {rows}x{columns}: {off} off, {least} is the least");
                for row in found.down.chunks_exact(columns).take(6) {
                    assert!((row.iter().map(|it| it * it).sum::<f32>() - 1.0).abs() < 1e-4, "a row of length 1");
                }
            }
        }
    }

    #[test]
    fn flat_spectra_lose_little() {
        let (rows, columns) = (80, 60);
        let mut noise = Noise(3);
        let numbers: Vec<f32> = (0..rows * columns).map(|_| noise.next() as f32).collect();
        let device = Device::flex();
        let matrix = Tensor::<2>::from_data(TensorData::new(numbers.clone(), [rows, columns]), &device);
        let exact = decomposed(numbers.chunks_exact(columns).map(|it| it.iter().map(|it| f64::from(*it)).collect()).collect());
        let mut lengths = exact.lengths;
        lengths.sort_by(|a, b| b.total_cmp(a));
        let least = lengths[8..].iter().map(|it| it * it).sum::<f64>().sqrt();
        let off = distance(&product(&factors(matrix, &numbers, 8, &device), rows, 8), &numbers);
        assert!(off >= least - 1e-3 && off < 1.002 * least, "{off} off, {least} is the least");
    }

    #[test]
    fn the_largest_numbers_are_cut() {
        let (mut one, mut other) = ((0..=60).map(|it| it as f32).collect(), (0..40).map(|it| -200.0 + it as f32).collect());
        cut([&mut one, &mut other]);
        // Between the hundredth and the last of 101 numbers: numpy.quantile says 59.
        assert_eq!((one[60], one[59], one[58], other[0], other[39]), (59.0, 59.0, 58.0, -59.0, -59.0));
    }

    fn models() -> (TempDir, PathBuf, Model, Model) {
        let (folder, weights) = Golden::open("sd15", "unet").write(Names::Original);
        let one = Model::new(&weights).unwrap();
        let mut noise = Noise(1);
        let tensors = one.weights.names().map(|name| {
            let numbers: Vec<f32> = one.weights.numbers(name).unwrap();
            let other = if name.starts_with("time_embed.0.") {
                numbers
            } else {
                numbers.into_iter().map(|it| it + noise.next() as f32 / 8.0).collect()
            };
            (name.to_owned(), TensorData::new(other, one.weights.shape(name).unwrap().to_vec()))
        });
        let other = Model::new(&Weights::from_tensors("other", tensors.collect::<Vec<_>>()).unwrap()).unwrap();
        let path = folder.path().join("lora.safetensors");
        (folder, path, one, other)
    }

    #[test]
    fn a_whole_difference_makes_one_model_the_other() {
        let (_folder, path, one, other) = models();
        let difference = merge_models(&other, &one, |_| Shares::difference(1.0)).unwrap().merged;
        extract_lora(Some(&difference), None, Form::Whole, true, &Unwatched).unwrap().write(&path).unwrap();
        let bent = Lora::open(&path).unwrap().apply(Some((&one, 1.0)), None).unwrap();
        assert_eq!(bent.unmatched, [""; 0]);
        let bent = bent.model.unwrap();
        for name in other.weights.names() {
            let found: Vec<f32> = bent.weights.drawn(name).unwrap().iter().collect();
            let wanted = other.weights.numbers(name).unwrap();
            assert!(found.iter().zip(&wanted).all(|it| (it.0 - it.1).abs() < 2e-4), "{name}");
        }
        let file = Weights::open(&path).unwrap();
        assert!(!file.names().any(|it| it.contains("time_embed.0.")), "what is equal is left out");
        assert!(file.names().all(|it| file.dtype(it) == Some(DType::F16)));
    }

    #[test]
    fn factors_bring_one_model_nearer_to_the_other_and_no_bias_where_none_is_wanted() {
        let (_folder, path, one, other) = models();
        let difference = merge_models(&other, &one, |_| Shares::difference(1.0)).unwrap().merged;
        extract_lora(Some(&difference), None, Form::Factors(6), false, &Unwatched).unwrap().write(&path).unwrap();
        let file = Weights::open(&path).unwrap();
        assert!(file.names().all(|it| it.starts_with("diffusion_model.") && it.contains(".lora_")), "{:?}", file.names().next());
        let kernel = "diffusion_model.input_blocks.0.0.lora_";
        assert_eq!(file.shape(&format!("{kernel}up.weight")).unwrap()[1..], [4, 1, 1], "no more than there are inputs");
        assert_eq!(file.shape(&format!("{kernel}down.weight")).unwrap(), [4, 4, 3, 3]);
        let bent = Lora::open(&path).unwrap().apply(Some((&one, 1.0)), None).unwrap();
        assert_eq!(bent.unmatched, [""; 0]);
        let bent = bent.model.unwrap();
        // Of noise six directions have a fifth.
        let (mut before, mut after) = (0.0, 0.0);
        for name in other.weights.names().filter(|it| other.weights.shape(it).unwrap().len() >= 2) {
            let wanted = other.weights.numbers(name).unwrap();
            before += distance(&one.weights.numbers(name).unwrap(), &wanted).powi(2);
            after += distance(&bent.weights.drawn(name).unwrap().iter().collect::<Vec<f32>>(), &wanted).powi(2);
        }
        assert!(after < 0.9 * before, "{after} is hardly nearer than {before}");
    }

    #[test]
    fn no_difference_makes_no_file() {
        let (_folder, _, one, _) = models();
        let difference = merge_models(&one, &one, |_| Shares::difference(1.0)).unwrap().merged;
        let error = extract_lora(Some(&difference), None, Form::Factors(4), true, &Unwatched).err().unwrap().to_string();
        assert!(error.contains("the difference is zero"), "{error}");
    }
}
