//! Nodes that arrange batches anew.

use super::{bounded, repeated};
use crate::pixels::Block;
use crate::pixels::resize::{Method, resize};
use burn::tensor::{Device, Tensor};
use models::{Image, Latent, Samples};
use runtime::{Context, List, Node, NodeError, Registry, Run, registry};

pub(super) fn nodes() -> Registry {
    registry![LatentBatchSeedBehavior, RebatchLatents, RebatchImages]
}

/// Says whether the latents of a batch get noise of their own or all the same.
#[derive(Node)]
#[node(category = "latent/advanced")]
struct LatentBatchSeedBehavior {
    /// The batch.
    samples: Latent,
    /// `random`: each its own. `fixed`: all that of the first.
    #[input(default = "fixed", options = ["random", "fixed"])]
    seed_behavior: String,
}

impl Run for LatentBatchSeedBehavior {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let batch_index = match self.seed_behavior.as_str() {
            "random" => None,
            "fixed" => {
                let first = self.samples.batch_index.as_ref().and_then(|it| it.first()).copied().unwrap_or(0);
                Some(vec![first; self.samples.samples.batch()])
            }
            other => return Err(NodeError::input("seed_behavior", format!("`{other}` is none of random, fixed"))),
        };
        Ok(Latent { batch_index, ..self.samples })
    }
}

/// The size of batches: an input that is a list, of which the first counts.
fn size(batch_size: &[u64]) -> Result<usize, NodeError> {
    match batch_size.first() {
        Some(size) if *size > 0 => Ok(*size as usize),
        _ => Err(NodeError::input("batch_size", "a batch holds at least one")),
    }
}

/// One latent of a batch.
struct Single {
    /// Its values, `[1, everything else]`.
    values: Tensor<2>,
    /// Its shape without the batch.
    shape: Vec<usize>,
    /// Its mask, `[1, 1, h, w]`.
    mask: Option<Tensor<4>>,
    /// Which noise it gets.
    index: usize,
}

/// Makes batches of one size out of any number of batches. Only latents of one shape come together.
#[derive(Node)]
#[node(display = "Rebatch Latents", category = "latent/batch", input_is_list)]
struct RebatchLatents {
    /// The batches.
    latents: List<Latent>,
    /// How many latents a batch holds; the last of a shape may hold fewer.
    #[input(default = 1, min = 1, max = 4096)]
    batch_size: List<u64>,
}

impl Run for RebatchLatents {
    type Output = List<Latent>;

    fn run(self, cx: &Context) -> Result<List<Latent>, NodeError> {
        let size = size(&self.batch_size)?;
        let mut singles: Vec<Single> = Vec::new();
        for latent in &*self.latents {
            let (batch, before) = (latent.samples.batch(), singles.len());
            let masks = latent.noise_mask.as_ref().filter(|it| it.shape().num_elements() > 0);
            for item in 0..batch {
                let index = latent.batch_index.as_ref().and_then(|it| it.get(item)).copied();
                singles.push(Single {
                    values: latent.samples.values().clone().narrow(0, item, 1),
                    shape: latent.samples.shape()[1..].to_vec(),
                    mask: masks.map(|it| it.clone().narrow(0, item % it.dims()[0], 1)),
                    index: index.unwrap_or(before + item),
                });
            }
        }
        let alike = singles.chunk_by(|a, b| a.shape == b.shape);
        alike.flat_map(|it| it.chunks(size)).map(|it| cx.check().and_then(|()| together(it))).collect::<Result<_, _>>().map(List)
    }
}

/// One batch of latents of one shape; there is at least one.
fn together(singles: &[Single]) -> Result<Latent, NodeError> {
    let shape = [&[singles.len()], &*singles[0].shape].concat();
    let samples = Samples::with_shape(Tensor::cat(singles.iter().map(|it| it.values.clone()).collect(), 0), &shape);
    let noise_mask = masks(singles)?.filter(|it| it.clone().lower_elem(1.0).any().into_scalar::<bool>());
    Ok(Latent { samples, noise_mask, batch_index: Some(singles.iter().map(|it| it.index).collect()) })
}

/// The masks of latents that have some, white where one has none, and at the resolution of the picture where they differ.
fn masks(singles: &[Single]) -> Result<Option<Tensor<4>>, NodeError> {
    let mut found = singles.iter().filter_map(|it| it.mask.as_ref()).map(|it| (it.dims()[2], it.dims()[3]));
    let Some(first) = found.next() else { return Ok(None) };
    let [.., rows, columns] = *singles[0].shape else { return Ok(singles[0].mask.clone().map(|it| repeated(it, singles.len()))) };
    let (height, width) = if found.all(|it| it == first) { first } else { (rows * 8, columns * 8) };
    bounded(singles.len() as u64 * height as u64 * width as u64)?;
    let masks = singles.iter().map(|single| match &single.mask {
        Some(mask) if (mask.dims()[2], mask.dims()[3]) == (height, width) => mask.clone(),
        Some(mask) => resize(&Block::of_planes(mask.clone()), height, width, Method::Bilinear, 1).into_planes(1),
        None => Tensor::ones([1, 1, height, width], &Device::flex()),
    });
    Ok(Some(Tensor::cat(masks.collect(), 0)))
}

/// Makes batches of one size out of any number of batches of pictures.
#[derive(Node)]
#[node(display = "Rebatch Images", category = "image/batch", input_is_list)]
struct RebatchImages {
    /// The batches.
    images: List<Image>,
    /// How many pictures a batch holds; the last may hold fewer.
    #[input(default = 1, min = 1, max = 4096)]
    batch_size: List<u64>,
}

impl Run for RebatchImages {
    type Output = List<Image>;

    fn run(self, cx: &Context) -> Result<List<Image>, NodeError> {
        let size = size(&self.batch_size)?;
        let single = |batch: &Image| {
            let batch = batch.0.clone();
            (0..batch.dims()[0]).map(move |it| batch.clone().narrow(0, it, 1)).collect::<Vec<_>>()
        };
        let singles: Vec<Tensor<4>> = self.images.iter().flat_map(single).collect();
        let together = |pictures: &[Tensor<4>]| {
            cx.check()?;
            let first = pictures[0].dims();
            if let Some(other) = pictures.iter().map(Tensor::dims).find(|it| *it != first) {
                let [[_, h, w, c], [_, oh, ow, oc]] = [first, other];
                let message = format!("pictures of {w} x {h} with {c} channels and of {ow} x {oh} with {oc} cannot be one batch");
                return Err(NodeError::input("images", message).hint("scale them to one size first, or set batch_size to 1"));
            }
            Ok(Image(Tensor::cat(pictures.to_vec(), 0)))
        };
        singles.chunks(size).map(together).collect::<Result<_, _>>().map(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use runtime::Job;

    fn cx() -> Context {
        Context::alone(Job::default())
    }

    fn latent(shape: [usize; 4]) -> Latent {
        let data = (0..shape.iter().product()).map(|it: usize| it as f32).collect::<Vec<_>>();
        Latent::new(Samples::new(Tensor::<4>::from_data(TensorData::new(data, shape), &Device::flex())))
    }

    fn rebatched(latents: Vec<Latent>, size: u64) -> Vec<Latent> {
        RebatchLatents { latents: List(latents), batch_size: List(vec![size]) }.run(&cx()).expect("rebatched").0
    }

    #[test]
    fn latents_of_one_shape_come_together_and_keep_their_noise() {
        let out = rebatched(vec![latent([3, 1, 1, 1]), latent([2, 1, 1, 1]), latent([1, 1, 1, 2])], 2);
        let found: Vec<_> = out
            .iter()
            .map(|it| {
                assert!(it.noise_mask.is_none());
                (crate::pixels::values(it.samples.values().clone()), it.batch_index.clone().expect("numbers"))
            })
            .collect();
        let expected =
            [(vec![0.0, 1.0], vec![0, 1]), (vec![2.0, 0.0], vec![2, 3]), (vec![1.0], vec![4]), (vec![0.0, 1.0], vec![5])];
        assert_eq!(found, expected);
        assert!(rebatched(vec![latent([0, 1, 1, 1])], 2).is_empty());
        assert!(RebatchLatents { latents: List(vec![]), batch_size: List(vec![]) }.run(&cx()).is_err());
    }

    #[test]
    fn masks_go_with_their_latents() {
        let masked = |height, width, value: f32| Latent {
            noise_mask: Some(Tensor::full([1, 1, height, width], value, &Device::flex())),
            ..latent([2, 1, 1, 1])
        };
        let mask = |it: &Latent| it.noise_mask.clone().map(|it| (it.dims(), crate::pixels::values(it)[0]));
        let out = rebatched(vec![masked(4, 4, 0.5), latent([2, 1, 1, 1])], 3);
        assert_eq!([mask(&out[0]), mask(&out[1])], [Some(([3, 1, 4, 4], 0.5)), None]);
        let out = rebatched(vec![masked(4, 4, 0.5), masked(2, 3, 0.25)], 4);
        assert_eq!(mask(&out[0]), Some(([4, 1, 8, 8], 0.5)));
        assert_eq!(mask(&rebatched(vec![masked(4, 4, 1.0)], 2)[0]), None);
    }

    #[test]
    fn pictures_of_one_size_come_together() {
        let picture = |batch, width| Block::filled(batch, 1, width, 3, 0.5).into_image();
        let rebatch = |images, size| RebatchImages { images: List(images), batch_size: List(vec![size]) }.run(&cx());
        let counts: Vec<_> =
            rebatch(vec![picture(3, 1), picture(2, 1)], 2).expect("rebatched").iter().map(|it| it.0.dims()[0]).collect();
        assert_eq!(counts, [2, 2, 1]);
        assert_eq!(rebatch(vec![picture(1, 1), picture(1, 2)], 2).expect_err("sizes differ").blamed(), Some("images"));
        assert_eq!(rebatch(vec![picture(1, 1), picture(1, 2)], 1).expect("one by one").len(), 2);
    }

    #[test]
    fn noise_is_fixed_to_that_of_the_first() {
        let behave = |samples, seed_behavior: &str| {
            LatentBatchSeedBehavior { samples, seed_behavior: seed_behavior.into() }.run(&cx()).expect("known").batch_index
        };
        let numbered = Latent { batch_index: Some(vec![5, 6]), ..latent([2, 1, 1, 1]) };
        assert_eq!(behave(numbered.clone(), "fixed"), Some(vec![5, 5]));
        assert_eq!(behave(latent([2, 1, 1, 1]), "fixed"), Some(vec![0, 0]));
        assert_eq!(behave(numbered, "random"), None);
    }
}
