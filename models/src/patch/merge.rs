//! Models mixed of two: every tensor is a share of the one and a share of the other.
//!
//! Nothing is computed before a tensor is drawn. The other model's tensors are drawn with their own patches; patches that are put on the
//! merged model change what comes out.

use super::Changes;
use super::Patch;
use super::change::{Change, Kind, Scale};
use crate::weights::shown;
use crate::{Clip, LoadError, Model, Weights};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many models' tensors one tensor may be mixed of. A merge of a model with itself doubles it, so that a few nodes reach any number.
const MOST_MIXED: u64 = 256;
/// Tensors of text encoders that say nothing of how they were trained.
const NOT_TRAINED: &[&str] = &["position_ids", "logit_scale"];

/// What a tensor is made of: `keep` times that of the first model and `take` times that of the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// How much of the first.
    pub keep: f64,
    /// How much of the second.
    pub take: f64,
}

impl Shares {
    /// Both together are one: `ratio` of the first, the rest of the second.
    pub fn ratio(ratio: f64) -> Self {
        Self { keep: ratio, take: 1.0 - ratio }
    }

    /// The sum of both.
    pub const SUM: Self = Self { keep: 1.0, take: 1.0 };

    /// The difference of both, times `multiplier`.
    pub fn difference(multiplier: f64) -> Self {
        Self { keep: multiplier, take: -multiplier }
    }

    /// Whether the first stays as it is.
    fn is_first(self) -> bool {
        self == Self { keep: 1.0, take: 0.0 }
    }
}

/// What came of two models.
#[derive(Clone, Debug)]
pub struct Merged<T> {
    /// The merged one; all but its tensors is the first one's.
    pub merged: T,
    /// Tensors of the second one that have another shape than those of the first, which keep what `keep` leaves of them.
    pub misfits: Vec<String>,
}

/// Mixes two networks; `shares` says for the name of each tensor how much of each.
///
/// # Errors
/// [`LoadError::Layout`] where they are of different families, or fit each other in less than half of their tensors.
pub fn merge_models(one: &Model, other: &Model, shares: impl Fn(&str) -> Shares) -> Result<Merged<Model>, LoadError> {
    let families = [one.architecture.name, other.architecture.name];
    let (patch, misfits) = mixed(&one.weights, &other.weights, families, shares)?;
    Ok(Merged { merged: Model { weights: one.weights.patched(patch), ..one.clone() }, misfits })
}

/// Mixes the text encoders of two models, each with its counterpart.
///
/// # Errors
/// As [`merge_models`], and where they are not of the same number.
pub fn merge_text_encoders(one: &Clip, other: &Clip, shares: Shares) -> Result<Merged<Clip>, LoadError> {
    let (ours, theirs): (Vec<_>, Vec<_>) = (one.encoders().collect(), other.encoders().collect());
    if ours.len() != theirs.len() {
        let reason = format!("has {} text encoders, the model that it is to be merged into {}", theirs.len(), ours.len());
        let source_name = theirs.first().map_or_else(|| "a text encoder".to_owned(), |it| it.1.source().to_owned());
        return Err(LoadError::Layout { source_name, reason });
    }
    let mut result = Merged { merged: one.clone(), misfits: Vec::new() };
    for (index, ((family, weights), (other_family, other))) in ours.into_iter().zip(theirs).enumerate() {
        let said = |name: &str| NOT_TRAINED.contains(&name.rsplit('.').next().unwrap_or(name));
        let shares = |name: &str| if said(name) { Shares::ratio(1.0) } else { shares };
        let (patch, misfits) = mixed(weights, other, [family.name, other_family.name], shares)?;
        result.merged = result.merged.patched(index, patch);
        result.misfits.extend(misfits);
    }
    Ok(result)
}

/// The patch that mixes another model's tensors into those of the same name, and the names of those that do not fit.
fn mixed(
    one: &Weights,
    other: &Weights,
    [family, other_family]: [&str; 2],
    shares: impl Fn(&str) -> Shares,
) -> Result<(Patch, Vec<String>), LoadError> {
    let other = other.fresh();
    let floats = |weights: &Weights, name: &str| weights.dtype(name).is_some_and(|it| it.is_float());
    let trained = |name: &str| one.shape(name).is_some_and(|it| !it.is_empty()) && floats(one, name);
    let (fit, misfits): (Vec<&str>, Vec<&str>) =
        one.names().filter(|it| trained(it)).partition(|it| one.shape(it) == other.shape(it) && floats(&other, it));
    if family != other_family || misfits.len() > fit.len() {
        let mut first: Vec<String> = misfits.iter().map(|it| format!("`{}`", shown(it))).collect();
        // Of another family there are tensors that the first one lacks, if nothing else differs.
        let strange = other.names().filter(|it| !one.has(it)).map(|it| format!("`{}`", shown(it)));
        first.extend(strange.take(3));
        first.truncate(3);
        let (count, all) = (misfits.len(), fit.len() + misfits.len());
        let source_name = other.source().to_owned();
        let reason = format!(
            "is a model of {other_family} that does not fit the one of {family} in {}: {count} of {all} tensors differ, first: {}",
            one.source(),
            first.join(", ")
        );
        return Err(LoadError::Layout { source_name, reason });
    }
    let draws = other.draws();
    if one.draws().saturating_add(draws) > MOST_MIXED {
        let reason = format!("would be a mixture of more than {MOST_MIXED} models: save one on the way and go on with the file");
        return Err(LoadError::Layout { source_name: other.source().to_owned(), reason });
    }
    let mut by_name = BTreeMap::new();
    let mut identity = blake3::Hasher::new();
    identity.update(other.identity().as_bytes());
    let named = fit.iter().map(|it| (*it, true)).chain(misfits.iter().filter(|it| other.has(it)).map(|it| (*it, false)));
    for (name, fits) in named {
        let shares = shares(name);
        let take = if fits { shares.take } else { 0.0 };
        if (Shares { take, ..shares }).is_first() {
            continue;
        }
        // What nothing is taken of need not be read.
        let from = (take != 0.0).then(|| name.to_owned());
        let kind = Kind::Mix { other: from, keep: shares.keep, take };
        identity.update(format!("\n{name} {} {take}", shares.keep).as_bytes());
        by_name.insert(one.full(name), Change { file: other.clone(), kind, scale: Scale(None), magnitude: None });
    }
    let identity = format!("mix:{}", identity.finalize().to_hex());
    let patch = Patch { changes: Arc::new(Changes { by_name, identity, draws }), strength: 1.0 };
    let misfits = misfits.into_iter().filter(|it| other.has(it)).map(str::to_owned).collect();
    Ok((patch, misfits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;
    use crate::golden::{Golden, Names};
    use crate::text::Tokenizer;
    use crate::{Lora, recipe::Recipe};
    use burn::tensor::{Device, TensorData};
    use std::path::Path;
    use tempfile::TempDir;

    fn goldens() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens")
    }

    fn model() -> (TempDir, Model) {
        let (folder, weights) = Golden::open("sd15", "unet").write(Names::Original);
        (folder, Model::new(&weights).unwrap())
    }

    /// The same network with other numbers: its own, changed tensor by tensor.
    fn made(model: &Model, change: impl Fn(&str, f32) -> f32) -> Model {
        let tensors = model.weights.names().map(|name| {
            let numbers: Vec<f32> = model.weights.numbers(name).unwrap().into_iter().map(|it| change(name, it)).collect();
            (name.to_owned(), TensorData::new(numbers, model.weights.shape(name).unwrap().to_vec()))
        });
        Model::new(&Weights::from_tensors("other", tensors).unwrap()).unwrap()
    }

    fn numbers(model: &Model, name: &str) -> Vec<f32> {
        model.weights.drawn(name).unwrap().iter().collect()
    }

    /// Says that every tensor of a model is this function of those of two others.
    #[track_caller]
    fn check(merged: &Model, one: &Model, other: &Model, wanted: impl Fn(&str, f32, f32) -> f32) {
        for name in one.weights.names() {
            let (a, b) = (numbers(one, name), numbers(other, name));
            for (found, (a, b)) in numbers(merged, name).into_iter().zip(a.into_iter().zip(b)) {
                let wanted = wanted(name, a, b);
                assert!((found - wanted).abs() <= 1e-6 * wanted.abs().max(1.0), "{name}: {found} is not {wanted}");
            }
        }
    }

    fn mix(one: &Model, other: &Model, shares: Shares) -> Model {
        merge_models(one, other, |_| shares).unwrap().merged
    }

    #[test]
    fn tensors_are_mixed_by_their_shares() {
        let (_folder, one) = model();
        let other = made(&one, |_, it| 0.5 - 3.0 * it);
        check(&mix(&one, &other, Shares::ratio(0.3)), &one, &other, |_, a, b| 0.3 * a + 0.7 * b);
        check(&mix(&one, &other, Shares::SUM), &one, &other, |_, a, b| a + b);
        check(&mix(&one, &other, Shares::difference(-2.5)), &one, &other, |_, a, b| -2.5 * (a - b));
        check(&mix(&one, &other, Shares::difference(0.0)), &one, &other, |_, _, _| 0.0);
        check(&mix(&one, &other, Shares::ratio(0.0)), &one, &other, |_, _, b| b);
        let shares = |name: &str| Shares::ratio(if name.starts_with("input_blocks.1.") { 0.25 } else { 1.0 });
        let blocks = merge_models(&one, &other, shares).unwrap().merged;
        check(&blocks, &one, &other, |name, a, b| if name.starts_with("input_blocks.1.") { 0.25 * a + 0.75 * b } else { a });
    }

    #[test]
    fn all_of_the_first_is_the_first_and_equal_merges_are_one_network() {
        let (_folder, one) = model();
        let other = made(&one, |_, it| -it);
        assert_eq!(mix(&one, &other, Shares::ratio(1.0)).key(), one.key());
        assert_eq!(mix(&one, &other, Shares::ratio(0.5)).key(), mix(&one, &other, Shares::ratio(0.5)).key());
        let keys = [
            one.key(),
            other.key(),
            mix(&one, &other, Shares::ratio(0.5)).key(),
            mix(&one, &other, Shares::ratio(0.4)).key(),
            mix(&other, &one, Shares::ratio(0.5)).key(),
            mix(&one, &other, Shares::SUM).key(),
            merge_models(&one, &other, |it| Shares::ratio(if it.starts_with("out.") { 0.5 } else { 1.0 })).unwrap().merged.key(),
        ];
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len());
    }

    /// Numbers that a LoRA of the goldens has where it changes a network.
    fn lora() -> (TempDir, Lora) {
        let layer = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q";
        let tensors = [("up", [32, 1]), ("down", [1, 32])].map(|(part, shape)| {
            let numbers: Vec<f32> = (0..32).map(|it| it as f32 / 32.0).collect();
            (format!("{layer}.lora_{part}.weight"), TensorData::new(numbers, shape))
        });
        (tempfile::tempdir().unwrap(), Lora::new(Weights::from_tensors("lora", tensors).unwrap()).unwrap())
    }

    fn bent(model: &Model, strength: f64) -> Model {
        lora().1.apply(Some((model, strength)), None).unwrap().model.unwrap()
    }

    #[test]
    fn patches_of_the_other_model_come_before_the_mix_and_later_ones_behind_it() {
        let (_folder, one) = model();
        let other = made(&one, |_, it| 0.5 - it);
        let layer = "input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight";
        let difference: Vec<f32> =
            numbers(&bent(&one, 1.0), layer).iter().zip(numbers(&one, layer)).map(|it| it.0 - it.1).collect();
        let (a, b) = (numbers(&one, layer), numbers(&other, layer));
        let near = |model: &Model, wanted: &dyn Fn(usize) -> f32| {
            for (index, found) in numbers(model, layer).into_iter().enumerate() {
                assert!((found - wanted(index)).abs() < 1e-5, "{index}: {found} is not {}", wanted(index));
            }
        };
        let third = Shares::ratio(1.0 / 3.0);
        near(&mix(&one, &bent(&other, 2.0), third), &|i| a[i] / 3.0 + (b[i] + 2.0 * difference[i]) * 2.0 / 3.0);
        near(&mix(&bent(&one, 2.0), &other, third), &|i| (a[i] + 2.0 * difference[i]) / 3.0 + b[i] * 2.0 / 3.0);
        near(&bent(&mix(&one, &other, third), 2.0), &|i| a[i] / 3.0 + b[i] * 2.0 / 3.0 + 2.0 * difference[i]);
        // A merge that adds to all of the first says the same before and behind a LoRA.
        assert_eq!(bent(&mix(&one, &other, Shares::SUM), 2.0).key(), mix(&bent(&one, 2.0), &other, Shares::SUM).key());
        assert_ne!(bent(&mix(&one, &other, third), 2.0).key(), mix(&bent(&one, 2.0), &other, third).key());
    }

    #[test]
    fn a_saved_merge_has_the_merged_numbers() {
        let (folder, one) = model();
        let other = made(&one, |_, it| 0.5 - it);
        let merged = mix(&one, &bent(&other, 1.0), Shares::ratio(0.5));
        let path = folder.path().join("merged.safetensors");
        crate::Export::checkpoint(&merged, None, None).unwrap().write(&path).unwrap();
        let saved = crate::checkpoint::open_model(&path).unwrap();
        for name in merged.weights.names() {
            assert_eq!(numbers(&saved, name), numbers(&merged, name), "{name}");
        }
    }

    #[test]
    fn a_merged_network_is_loaded_beside_the_others() {
        let (_folder, one) = model();
        let other = made(&one, |_, it| 0.5 * it);
        let engine = Engine::cpu();
        for model in [&one, &other, &mix(&one, &other, Shares::ratio(0.5)), &mix(&one, &other, Shares::ratio(1.0))] {
            let build = |weights: &Weights, device: &Device| (model.architecture.build)(weights, device);
            assert_eq!(model.networks().len(), 1);
            engine.network(&model.key(), &model.weights, build).unwrap();
        }
        assert_eq!((engine.statistics().loads, engine.statistics().hits), (3, 1));
    }

    #[test]
    fn models_that_do_not_fit_are_refused_and_single_tensors_are_named() {
        let (_folder, one) = model();
        let wide = |name: &str| name == "input_blocks.0.0.weight";
        let tensors = one.weights.names().map(|name| {
            let mut shape = one.weights.shape(name).unwrap().to_vec();
            let mut numbers = one.weights.numbers(name).unwrap();
            if wide(name) {
                shape[1] += 1;
                numbers.resize(shape.iter().product(), 0.0);
            }
            (name.to_owned(), TensorData::new(numbers, shape))
        });
        let inpaint = Model::new(&Weights::from_tensors("inpaint", tensors).unwrap()).unwrap();
        let merged = merge_models(&one, &inpaint, |_| Shares::ratio(0.5)).unwrap();
        assert_eq!(merged.misfits, ["input_blocks.0.0.weight"]);
        // As ComfyUI has it, what is kept of the first is kept all the same.
        check(&merged.merged, &one, &one, |name, a, _| if wide(name) { 0.5 * a } else { a });
        let (_folder, flux) = Golden::open("flux", "dev").write(Names::Original);
        let flux = Model::new(&flux).unwrap();
        let error = merge_models(&one, &flux, |_| Shares::SUM).unwrap_err().to_string();
        assert!(error.contains("is a model of flux that does not fit the one of sd15"), "{error}");
        assert!(error.contains("first: `input_blocks.0.0.bias`, "), "{error}");
    }

    #[test]
    fn a_model_that_is_merged_with_itself_again_and_again_comes_to_an_end() {
        let (_folder, mut model) = model();
        let error = (0..64).find_map(|_| match merge_models(&model, &model, |_| Shares::SUM) {
            Ok(merged) => {
                model = merged.merged;
                None
            }
            Err(error) => Some(error.to_string()),
        });
        assert!(error.unwrap().contains("a mixture of more than 256 models"));
        assert_eq!(model.weights.draws(), 256);
    }

    #[test]
    fn text_encoders_are_mixed_one_with_another() {
        let folder = goldens().join("text/gelu");
        let weights = Weights::open(&folder.join("text_encoder/model.safetensors")).unwrap();
        let tokenizer = || Tokenizer::open(&folder.join("tokenizer")).unwrap();
        let one = Clip::new(&weights, tokenizer()).unwrap();
        let trained = || weights.names().filter(|it| weights.dtype(it).unwrap().is_float());
        let doubled = trained().map(|it| {
            let numbers: Vec<f32> = weights.numbers(it).unwrap().into_iter().map(|it| 2.0 * it).collect();
            (it.to_owned(), TensorData::new(numbers, weights.shape(it).unwrap().to_vec()))
        });
        let other = Weights::from_tensors("doubled", doubled).unwrap().with_config(weights.config().unwrap().clone());
        let other = Clip::new(&other, tokenizer()).unwrap();
        let merged = merge_text_encoders(&one, &other, Shares::ratio(0.5)).unwrap();
        assert_eq!(merged.misfits, [""; 0]);
        let (_, before) = one.encoders().next().unwrap();
        let (_, after) = merged.merged.encoders().next().unwrap();
        for name in before.names().filter(|it| before.dtype(it).unwrap().is_float()) {
            let wanted: Vec<f32> = before.numbers(name).unwrap().into_iter().map(|it| 1.5 * it).collect();
            let found: Vec<f32> = after.drawn(name).unwrap().iter().collect();
            assert!(found.iter().zip(&wanted).all(|it| (it.0 - it.1).abs() < 1e-6), "{name}");
        }
        assert_eq!(merge_text_encoders(&one, &other, Shares::ratio(1.0)).unwrap().merged.key(), one.key());
    }
}
