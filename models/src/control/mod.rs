//! Networks that look at a picture and bend a diffusion network towards it while it runs: ControlNets and T2I-Adapters.
//!
//! To add one: write its file, add its [`Architecture`] to [`ARCHITECTURES`], and a golden.

mod sd;
mod t2i;

pub use sd::CONTROLNET;
pub use t2i::{ADAPTER, LIGHT_ADAPTER};

use crate::patch;
use crate::weights::Layout;
use crate::{Engine, Image, LoadError, Model, Recipe, Stop, Watch, Weights};
use burn::tensor::{Device, Int, Tensor, TensorData};
use parking_lot::Mutex;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Every family, in the order in which a file is tried.
pub const ARCHITECTURES: &[&Architecture] = &[&CONTROLNET, &ADAPTER, &LIGHT_ADAPTER];

/// Pixels of a control picture for a cell of the latent, each way.
const CELL: usize = 8;

/// A family of networks that control others.
pub struct Architecture {
    /// Its short name.
    pub name: &'static str,
    /// Foreign names of its tensors.
    pub layouts: &'static [&'static Layout],
    /// Whether these tensors (canonical names) are of this family.
    pub detect: fn(&Weights) -> bool,
    /// Makes the network; every tensor comes from `weights`.
    pub build: Build,
}

/// Makes a controlling network.
pub type Build = fn(&Weights, &Device) -> Result<Box<dyn Network>, LoadError>;

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A controlling network in memory.
pub trait Network: Send + Sync {
    /// Runs it once.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] when the watch says so; [`Stop::Unfit`] when the inputs do not fit.
    fn run(&self, seen: &Seen<'_>, hint: Tensor<4>) -> Result<Residuals, Stop>;

    /// Channels of the pictures that it looks at.
    fn channels(&self) -> usize;

    /// Sides of the pictures are filled up to a multiple of this, pixels.
    fn multiple(&self) -> usize;

    /// Whether it looks at nothing but the picture.
    fn only_looks(&self) -> bool;
}

/// What a controlling network is told beside its picture: what the controlled one is told.
pub struct Seen<'a> {
    /// The noisy latent, scaled, without extra channels, `[b, c, h, w]`.
    pub x: Tensor<4>,
    /// The noise level.
    pub sigma: f32,
    /// One timestep for each latent of the batch.
    pub timestep: Tensor<1>,
    /// The encoded prompt, `[b, tokens, width]`.
    pub context: Tensor<3>,
    /// The pooled prompt and other vector conditions, `[b, width]`.
    pub vector: Option<Tensor<2>>,
    /// How many prompts share the batch: it is that many times the batch of latents.
    pub parts: usize,
    /// Who may stop it.
    pub watch: &'a dyn Watch,
}

/// What is added inside of a UNet.
#[derive(Clone, Debug, Default)]
pub struct Residuals {
    /// To what comes out of each block on the way down, by its index.
    pub falling: Vec<Option<Tensor<4>>>,
    /// To what comes out of the middle.
    pub middle: Option<Tensor<4>>,
    /// To what each block on the way down hands over to the way up, by its index.
    pub handed: Vec<Option<Tensor<4>>>,
}

impl Residuals {
    fn each(self, by: impl Fn(Tensor<4>) -> Tensor<4>) -> Self {
        let all = |list: Vec<Option<Tensor<4>>>| list.into_iter().map(|it| it.map(&by)).collect();
        Self { falling: all(self.falling), middle: self.middle.map(&by), handed: all(self.handed) }
    }

    fn plus(self, other: Self) -> Result<Self, Stop> {
        let all = |one: Vec<Option<Tensor<4>>>, other: Vec<Option<Tensor<4>>>| -> Result<Vec<_>, Stop> {
            let (one_count, other_count) = (one.len(), other.len());
            let fill = |list: Vec<Option<Tensor<4>>>| list.into_iter().chain(std::iter::repeat(None));
            fill(one).zip(fill(other)).take(one_count.max(other_count)).map(|(a, b)| sum(a, b)).collect()
        };
        Ok(Self {
            falling: all(self.falling, other.falling)?,
            middle: sum(self.middle, other.middle)?,
            handed: all(self.handed, other.handed)?,
        })
    }
}

fn sum(one: Option<Tensor<4>>, other: Option<Tensor<4>>) -> Result<Option<Tensor<4>>, Stop> {
    match (one, other) {
        (Some(one), Some(other)) => added(one, Some(&other)).map(Some),
        (one, other) => Ok(one.or(other)),
    }
}

/// Adds a residual, if there is one.
pub(crate) fn added(x: Tensor<4>, residual: Option<&Tensor<4>>) -> Result<Tensor<4>, Stop> {
    match residual {
        None => Ok(x),
        Some(residual) if residual.dims() == x.dims() => Ok(x + residual.clone()),
        Some(residual) => Err(Stop::Unfit(format!(
            "a control network adds {:?} where the model has {:?}: it was made for a model of another kind",
            residual.dims(),
            x.dims()
        ))),
    }
}

/// A CONTROL_NET on a wire: which weights, read as which architecture. Cloning costs nothing and loads nothing.
#[derive(Clone, Debug)]
pub struct ControlNet {
    weights: Weights,
    architecture: &'static Architecture,
    /// Whether only the mean of each channel is added, which leaves style and no shape.
    averaged: bool,
}

/// The tensor that marks a file whose values are differences from a model's.
const DIFFERENCE: &str = "difference";
/// Where the original code put a ControlNet beside other things.
const PREFIX: &str = "control_model";

impl ControlNet {
    /// Opens a file. One whose values are differences is added to the tensors of `model`.
    ///
    /// # Errors
    /// [`LoadError::Unknown`] when no family has these tensors; [`LoadError::Config`] for differences without a model; what is wrong
    /// with the file.
    pub fn open(path: &Path, model: Option<&Model>) -> Result<Self, LoadError> {
        let file = Weights::open(path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // As in ComfyUI, the name alone tells a network of this kind.
        let averaged = stem.ends_with("_shuffle") || stem.ends_with("_shuffle_fp16");
        let mut net = Self { averaged, ..Self::new(&file)? };
        if file.has(DIFFERENCE) {
            let Some(model) = model else {
                let reason = "it holds differences from a model: load it with DiffControlNetLoader".to_owned();
                return Err(LoadError::Config { source_name: file.source().to_owned(), reason });
            };
            net.weights = patch::plus(&net.weights, &model.weights)?;
        }
        Ok(net)
    }

    /// Recognises a control network, whatever its file is called and whether or not it holds differences.
    ///
    /// # Errors
    /// [`LoadError::Unknown`] when no family has these tensors.
    pub fn new(file: &Weights) -> Result<Self, LoadError> {
        let below = file.at(PREFIX);
        let weights = if below.names().next().is_some() { below } else { file.clone() };
        for &architecture in ARCHITECTURES {
            let weights = weights.canonical(architecture.layouts)?;
            if (architecture.detect)(&weights) {
                return Ok(Self { weights, architecture, averaged: false });
            }
        }
        Err(weights.unknown())
    }

    /// What it is.
    pub fn architecture(&self) -> &'static Architecture {
        self.architecture
    }

    /// Names what would be loaded: equal keys share one resident network.
    pub fn key(&self) -> String {
        format!("{}:{}", self.architecture.name, self.weights.identity())
    }
}

impl Recipe for ControlNet {
    fn networks(&self) -> Vec<(String, &Weights)> {
        vec![(self.key(), &self.weights)]
    }
}

/// A controlling network, the picture that it looks at, and how much and when it counts; and those that came before it.
#[derive(Clone, Debug)]
pub struct Control {
    /// The network.
    pub net: ControlNet,
    /// The picture, or one for each latent of the batch.
    pub hint: Image,
    /// How much it counts: 1 as trained.
    pub strength: f64,
    /// When it applies: from this part of the schedule (0 = start, 1 = end) ...
    pub start: f64,
    /// ... to this one.
    pub end: f64,
    /// Whether prompts to lead away from that have none get it too.
    pub for_both: bool,
    /// What else is added.
    pub before: Option<Arc<Self>>,
}

/// Gives the controls of prompts to follow to those prompts of another side that have none, as ComfyUI does for its older node.
///
/// Only prompts without an area take part, and nothing is given where one of the other side has a control of its own.
pub(crate) fn shared(from: &[crate::Cond], to: &[crate::Cond]) -> Vec<crate::Cond> {
    let everywhere = |it: &&crate::Cond| it.area.is_none() && !it.mask_bounds;
    let given: Vec<_> = from.iter().filter(everywhere).filter_map(|it| it.control.as_ref()).filter(|it| it.for_both).collect();
    let mut to = to.to_vec();
    if given.is_empty() || to.iter().filter(everywhere).any(|it| it.control.is_some()) {
        return to;
    }
    let free: Vec<usize> = (0..to.len()).filter(|it| everywhere(&&to[*it])).collect();
    if !free.is_empty() {
        for (index, control) in given.into_iter().enumerate() {
            to[free[index % free.len()]].control = Some(control.clone());
        }
    }
    to
}

/// Controls that are ready to run, each loaded once for a run of sampling.
pub(crate) struct Loader<'a> {
    pub(crate) engine: &'a Engine,
    loaded: Mutex<Vec<(Arc<Control>, Arc<Loaded>)>>,
}

/// A control that is ready to run.
pub(crate) struct Loaded {
    network: Arc<Box<dyn Network>>,
    averaged: bool,
    /// `[b, 3, h, w]`
    hint: Tensor<4>,
    strength: f32,
    /// From this level ...
    start: f32,
    /// ... down to this one.
    end: f32,
    before: Option<Arc<Self>>,
    /// The picture at the size that was needed last.
    fitted: Mutex<Option<Tensor<4>>>,
    /// What a network that only looks at the picture made of it.
    kept: Mutex<Option<([usize; 3], Residuals)>>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine, loaded: Mutex::default() }
    }

    /// Loads a control and those before it; `level` gives the noise level at a part of the schedule.
    pub(crate) fn load(&self, control: &Arc<Control>, level: &dyn Fn(f64) -> f32) -> Result<Arc<Loaded>, Stop> {
        if let Some((_, loaded)) = self.loaded.lock().iter().find(|it| Arc::ptr_eq(&it.0, control)) {
            return Ok(loaded.clone());
        }
        let before = control.before.as_ref().map(|it| self.load(it, level)).transpose()?;
        let ControlNet { weights, architecture, averaged } = &control.net;
        let network =
            self.engine.network(&control.net.key(), weights, |weights, device| (architecture.build)(weights, device))?;
        let [batch, height, width, channels] = control.hint.0.dims();
        let needed = network.channels();
        if batch == 0 || height == 0 || width == 0 || !(channels == needed || (needed == 1 && channels == 3)) {
            return Err(Stop::Unfit(format!(
                "the control network looks at pictures of {needed} channels, these are [{batch}, {height}, {width}, {channels}]"
            )));
        }
        let hint = control.hint.0.clone().permute([0, 3, 1, 2]).to_device(self.engine.device());
        let loaded = Arc::new(Loaded {
            hint: if channels == needed { hint } else { hint.mean_dim(1) },
            network,
            averaged: *averaged,
            strength: control.strength as f32,
            start: if control.start <= 0.0 { f32::INFINITY } else { level(control.start) },
            end: level(control.end),
            before,
            fitted: Mutex::default(),
            kept: Mutex::default(),
        });
        self.loaded.lock().push((control.clone(), loaded.clone()));
        Ok(loaded)
    }
}

impl Loaded {
    /// What it and those before it add; nothing at levels where none applies.
    pub(crate) fn run(&self, seen: &Seen<'_>) -> Result<Option<Residuals>, Stop> {
        let before = self.before.as_ref().map(|it| it.run(seen)).transpose()?.flatten();
        if !(self.end..=self.start).contains(&seen.sigma) {
            return Ok(before);
        }
        let residuals = self.looked(seen)?;
        let averaged = |it: Tensor<4>| if self.averaged { it.clone().mean_dim(2).mean_dim(3).expand(it.dims()) } else { it };
        let own = residuals.each(|it| averaged(it).mul_scalar(self.strength));
        Ok(Some(match before {
            Some(before) => before.plus(own)?,
            None => own,
        }))
    }

    fn looked(&self, seen: &Seen<'_>) -> Result<Residuals, Stop> {
        let [batch, _, height, width] = seen.x.dims();
        let size = [batch, height, width];
        if let Some((_, kept)) = self.kept.lock().as_ref().filter(|it| it.0 == size) {
            return Ok(kept.clone());
        }
        let multiple = self.network.multiple();
        let hint = self.at_size([height, width].map(|it| (it * CELL).next_multiple_of(multiple)));
        let residuals = self.network.run(seen, for_batch(hint, batch, seen.parts))?;
        if self.network.only_looks() {
            *self.kept.lock() = Some((size, residuals.clone()));
        }
        Ok(residuals)
    }

    /// The picture's middle at a size in pixels.
    fn at_size(&self, [height, width]: [usize; 2]) -> Tensor<4> {
        let mut fitted = self.fitted.lock();
        if let Some(fitted) = fitted.as_ref().filter(|it| it.dims()[2..] == [height, width]) {
            return fitted.clone();
        }
        let [_, _, h, w] = self.hint.dims();
        let (old, new) = (w as f64 / h as f64, width as f64 / height as f64);
        let (mut x, mut y) = (0, 0);
        if old > new {
            x = ((w as f64 - w as f64 * (new / old)) / 2.0).round_ties_even() as usize;
        } else if old < new {
            y = ((h as f64 - h as f64 * (old / new)) / 2.0).round_ties_even() as usize;
        }
        // At least one pixel stays, however different the shapes.
        let (x, y) = (x.min((w - 1) / 2), y.min((h - 1) / 2));
        let (rows, columns) = (lines(y, h - 2 * y, height), lines(x, w - 2 * x, width));
        let index = |it: Vec<i64>| Tensor::<1, Int>::from_data(TensorData::new(it.clone(), [it.len()]), &self.hint.device());
        let found = self.hint.clone().select(2, index(rows)).select(3, index(columns));
        fitted.insert(found).clone()
    }
}

/// Which of `count` lines from `start` on is nearest to the middle of each of `to` lines, as PyTorch's `nearest-exact` rounds.
fn lines(start: usize, count: usize, to: usize) -> Vec<i64> {
    let scale = count as f32 / to as f32;
    (0..to).map(|line| (start + (((line as f32 + 0.5) * scale) as usize).min(count - 1)) as i64).collect()
}

/// One picture for each latent of a batch that `parts` prompts share.
fn for_batch(hint: Tensor<4>, batch: usize, parts: usize) -> Tensor<4> {
    let own = (batch / parts.max(1)).max(1);
    let [count, channels, height, width] = hint.dims();
    if count == 1 {
        return hint.expand([batch, channels, height, width]);
    }
    let each = hint.repeat_dim(0, own.div_ceil(count)).narrow(0, 0, own);
    each.repeat_dim(0, parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditioning::Area;
    use crate::diffusion::Call;
    use crate::golden::{assert_close, off, values};
    use crate::{Cond, Samples, Unwatched};
    use safetensors::tensor::{Dtype, TensorView};
    use serde_json::Value;
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn goldens(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens").join(file)
    }

    fn wanted<const D: usize>(name: &str) -> Tensor<D> {
        let file = Weights::open(&goldens("control.safetensors")).unwrap();
        let shape: [usize; D] = file.shape(name).unwrap().try_into().unwrap();
        file.tensor(name, shape, &Device::flex()).unwrap()
    }

    /// A picture as it travels on wires.
    fn picture(name: &str) -> Image {
        Image(wanted::<4>(name).permute([0, 2, 3, 1]))
    }

    type Stored = (String, Vec<usize>, Vec<u8>);

    /// The tensors of a golden under its original names (0) or those of diffusers (1).
    fn tensors(case: &str, names: usize) -> Vec<Stored> {
        let cases: Value = serde_json::from_slice(&std::fs::read(goldens("control.json")).unwrap()).unwrap();
        let case = &cases[case];
        let rows = case["tensors"].as_array().unwrap().iter().zip(case["seed"].as_u64().unwrap()..);
        let made = rows.map(|(row, place)| {
            let shape: Vec<usize> = serde_json::from_value(row[2].clone()).unwrap();
            let made = values(place, shape.iter().product(), row[3].as_f64().unwrap() as f32, row[4].as_f64().unwrap() as f32);
            (row[names].as_str().unwrap().to_owned(), shape, made.flat_map(f32::to_le_bytes).collect())
        });
        made.collect()
    }

    fn written(file: &str, tensors: &[Stored]) -> (TempDir, PathBuf) {
        let views = tensors.iter().map(|it| (&it.0, TensorView::new(Dtype::F32, it.1.clone(), &it.2).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        (folder, path)
    }

    fn unet() -> (TempDir, Model) {
        let (folder, path) = written("unet.safetensors", &tensors("unet", 0));
        (folder, Model::new(&Weights::open(&path).unwrap()).unwrap())
    }

    fn control(net: ControlNet, hint: &str, strength: f64) -> Control {
        let hint = picture(hint);
        Control { net, hint, strength, start: 0.0, end: 1.0, for_both: false, before: None }
    }

    /// What the tiny UNet computes under a control; with two parts the second sees the latents at half their size.
    fn forward(control: Control, parts: usize) -> Tensor<4> {
        let engine = Engine::cpu();
        let loaded = Loader::new(&engine).load(&Arc::new(control), &|part| 1000.0 * (1.0 - part) as f32).unwrap();
        let (timestep, context) = (wanted::<1>("timestep").repeat_dim(0, parts), wanted::<3>("context").repeat_dim(0, parts));
        let x = Tensor::cat((1..=parts).map(|it| wanted::<4>("x") / it as f32).collect(), 0);
        let seen = Seen {
            x: x.clone(),
            sigma: 700.0,
            timestep: timestep.clone(),
            context: context.clone(),
            vector: None,
            parts,
            watch: &Unwatched,
        };
        let control = loaded.run(&seen).unwrap();
        let (_folder, model) = unet();
        let network = (model.architecture.build)(&model.weights, engine.device()).unwrap();
        let x = Samples::new(x);
        network.forward(Call { x, timestep, context, vector: None, control, hooks: None, watch: &Unwatched }).unwrap().tensor()
    }

    fn open(case: &str, names: usize) -> ControlNet {
        let (_folder, path) = written("control.safetensors", &tensors(case, names));
        ControlNet::open(&path, None).unwrap()
    }

    #[test]
    fn control_networks_of_both_namings_bend_a_unet_as_in_comfyui() {
        for names in [0, 1] {
            for (case, net, hint, strength) in [
                ("controlnet", "controlnet", "hint", 1.0),
                ("strength", "controlnet", "two", 0.6),
                ("adapter", "adapter", "hint", 0.8),
                ("adapter_conv", "adapter_conv", "hint", 0.8),
                ("adapter_light", "adapter_light", "two", 1.2),
            ] {
                let off = off(&forward(control(open(net, names), hint, strength), 1), &wanted(&format!("{case}.y")));
                assert!(off <= 1e-4, "{case} differs by {off}");
            }
        }
    }

    #[test]
    fn several_at_once_add_up_where_they_apply() {
        let before = |net, strength| Some(Arc::new(control(open(net, 0), "two", strength)));
        let net = || control(open("controlnet", 0), "hint", 0.7);
        assert_close(&forward(Control { before: before("adapter", 0.9), ..net() }, 1), &wanted("both.y"), 1e-4);
        assert_close(&forward(Control { before: before("adapter_light", 0.9), ..net() }, 2), &wanted("shared.y"), 1e-4);
        let late = Control { before: before("adapter", 0.9), start: 0.5, ..net() };
        assert_close(&forward(late, 1), &wanted("late.y"), 1e-4);
        assert_close(&forward(Control { end: 0.1, ..net() }, 1), &wanted("plain.y"), 1e-4);
    }

    #[test]
    fn a_file_named_shuffle_gives_the_mean_of_each_channel() {
        let (_folder, path) = written("control_v11e_sd15_shuffle.safetensors", &tensors("controlnet", 0));
        let net = ControlNet::open(&path, None).unwrap();
        assert_close(&forward(control(net, "two", 0.6), 1), &wanted("averaged.y"), 1e-4);
    }

    #[test]
    fn the_larger_adapter_makes_features_at_the_places_of_xl() {
        let engine = Engine::cpu();
        let loaded = Loader::new(&engine).load(&Arc::new(control(open("adapter_xl", 0), "hint", 1.0)), &|_| 0.0).unwrap();
        let latent = Tensor::<4>::zeros([1, 4, 8, 12], engine.device());
        let (timestep, context) = (wanted("timestep"), wanted("context"));
        let seen = Seen { x: latent, sigma: 1.0, timestep, context, vector: None, parts: 1, watch: &Unwatched };
        let found = loaded.run(&seen).unwrap().unwrap();
        for (index, place) in [3, 5, 8].into_iter().enumerate() {
            assert_close(found.falling[place].as_ref().unwrap(), &wanted(&format!("adapter_xl.{index}")), 1e-4);
        }
        assert_close(&found.middle.unwrap(), &wanted("adapter_xl.3"), 1e-4);
        assert_eq!(found.falling.iter().flatten().count(), 3);
    }

    #[test]
    fn differences_are_added_to_a_model() {
        let (_folder, model) = unet();
        let mut changed = tensors("controlnet", 0);
        for (name, shape, bytes) in &mut changed {
            if model.weights.has(name) {
                let base = model.weights.numbers(name).unwrap();
                let own = bytes.chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap()));
                let difference: Vec<u8> = own.zip(base).flat_map(|(own, base)| (own - base).to_le_bytes()).collect();
                *bytes = difference;
            }
            assert_eq!(shape.iter().product::<usize>() * 4, bytes.len());
            name.insert_str(0, "control_model.");
        }
        changed.push(("difference".to_owned(), vec![1], vec![0; 4]));
        let (_folder, path) = written("difference.safetensors", &changed);
        let net = ControlNet::open(&path, Some(&model)).unwrap();
        assert_close(&forward(control(net, "hint", 1.0), 1), &wanted("controlnet.y"), 1e-4);
        let error = ControlNet::open(&path, None).unwrap_err().to_string();
        assert!(error.ends_with("load it with DiffControlNetLoader"), "{error}");
    }

    #[test]
    fn the_other_side_gets_a_shared_control_unless_it_has_its_own() {
        let cond = || Cond::new(Tensor::zeros([1, 1, 1], &Device::flex()), None);
        let with = |for_both| {
            let control = Control { for_both, ..control(open("adapter", 0), "hint", 1.0) };
            Cond { control: Some(Arc::new(control)), ..cond() }
        };
        let area = Cond { area: Some(Area::Cells { y: 0, x: 0, height: 1, width: 1 }), ..cond() };
        let got = |from: &[Cond], to: &[Cond]| -> Vec<bool> { shared(from, to).iter().map(|it| it.control.is_some()).collect() };
        assert_eq!(got(&[with(true)], &[cond(), area.clone(), cond()]), [true, false, false]);
        assert_eq!(got(&[with(true), with(true)], &[cond(), area.clone(), cond()]), [true, false, true]);
        assert_eq!(got(&[with(false)], &[cond()]), [false]);
        assert_eq!(got(&[with(true)], &[area]), [false]);
        let own = with(false);
        let kept = shared(&[with(true)], &[own.clone(), cond()]);
        assert!(Arc::ptr_eq(kept[0].control.as_ref().unwrap(), own.control.as_ref().unwrap()) && kept[1].control.is_none());
    }

    #[test]
    fn a_control_bends_a_run_of_sampling_while_it_applies() {
        use crate::sampling::{Guidance, Guider, Levels, SampleRequest, sample};
        let (_folder, model) = unet();
        let latent = crate::Latent::new(Samples::new(Tensor::<4>::zeros([1, 4, 6, 10], &Device::flex())));
        let engine = Engine::cpu();
        let net = open("controlnet", 0);
        let run = |control: Option<Control>| {
            let cond = || Cond::new(wanted::<3>("context").narrow(0, 0, 1), None);
            let positive = vec![Cond { control: control.map(Arc::new), ..cond() }];
            let guidance = Guidance::Away { positive, negative: vec![cond()], cfg: 2.0 };
            let guider = Guider { model: model.clone(), guidance };
            let levels = Levels::Schedule { scheduler: "normal", steps: 3, denoise: 1.0 };
            let request = SampleRequest { levels, ..SampleRequest::new(&guider, &latent) };
            sample(&engine, &request, &Unwatched).unwrap().latent.samples.tensor::<4>()
        };
        let control = |start, end, for_both| Some(Control { start, end, for_both, ..control(net.clone(), "hint", 1.0) });
        let (plain, bent, both) = (run(None), run(control(0.0, 1.0, false)), run(control(0.0, 1.0, true)));
        let differ = |one: &Tensor<4>, other: &Tensor<4>| off(one, other) > 0.01;
        assert!(differ(&plain, &bent) && differ(&bent, &both) && differ(&both, &plain));
        assert!(differ(&run(control(0.0, 0.1, false)), &bent), "it ends after the first step");
        assert_close(&run(control(0.9999, 0.9999, false)), &plain, 1e-4);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let engine = Engine::cpu();
        let load = |hint: [usize; 4]| {
            let hint = Image(Tensor::zeros(hint, &Device::flex()));
            let control = Control { hint, ..control(open("controlnet", 0), "hint", 1.0) };
            Loader::new(&engine).load(&Arc::new(control), &|_| 0.0)
        };
        for hint in [[0, 4, 4, 3], [1, 0, 4, 3], [1, 4, 4, 4], [1, 4, 4, 1]] {
            assert!(matches!(load(hint), Err(Stop::Unfit(_))), "{hint:?}");
        }
        let loaded = load([1, 1, 1, 3]).unwrap();
        let run = |channels: usize, width: usize| {
            let (x, context) =
                (Tensor::zeros([1, channels, 4, 4], engine.device()), Tensor::zeros([1, 2, width], engine.device()));
            let timestep = Tensor::zeros([1], engine.device());
            loaded.run(&Seen { x, sigma: 1.0, timestep, context, vector: None, parts: 1, watch: &Unwatched })
        };
        assert!(run(4, 24).is_ok());
        assert!(matches!(run(9, 24), Err(Stop::Unfit(_))));
        assert!(matches!(run(4, 768), Err(Stop::Unfit(_))));
        let mut lost = tensors("controlnet", 0);
        lost.retain(|it| it.0 != "input_hint_block.4.weight");
        let (_folder, path) = written("lost.safetensors", &lost);
        let net = ControlNet::open(&path, None).unwrap();
        assert!(Loader::new(&engine).load(&Arc::new(control(net, "hint", 1.0)), &|_| 0.0).is_err());
        let (_folder, path) = written("none.safetensors", &tensors("unet", 0));
        assert!(matches!(ControlNet::open(&path, None), Err(LoadError::Unknown { .. })));
    }
}
