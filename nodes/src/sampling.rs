//! The samplers, and what they are put together from.

mod custom;
mod guidance;
mod levels;
mod methods;
mod network;
mod operations;
mod schedulers;
mod sigmas;

#[cfg(test)]
mod tests;

use models::sampling::{Guider, InitialNoise, Levels, Method, SAMPLERS, SCHEDULERS, SampleRequest, sample};
use models::{Conditioning, Latent, Model};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file and its folder.
pub(crate) fn nodes() -> Registry {
    let files = [
        custom::nodes,
        methods::nodes,
        schedulers::nodes,
        sigmas::nodes,
        levels::nodes,
        guidance::nodes,
        operations::nodes,
        network::nodes,
    ];
    files.into_iter().fold(registry![KSampler, KSamplerAdvanced], |all, nodes| all.merge(nodes()))
}

/// The longest run; the start and end of a part of one have the same limit.
const MOST_STEPS: u64 = 10_000;

fn sampler_names() -> impl Iterator<Item = &'static str> {
    SAMPLERS.iter().map(|it| it.name)
}

fn scheduler_names() -> impl Iterator<Item = &'static str> {
    SCHEDULERS.iter().map(|it| it.0)
}

/// Makes a latent out of noise, or a new one out of an old one, step by step, led by prompts.
#[derive(Node)]
#[node(category = "sampling", outputs(LATENT = "The latent without noise."))]
struct KSampler {
    /// The network that removes noise.
    model: Model,
    /// Which noise is added. The same seed with the same settings makes the same picture.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    seed: u64,
    /// In how many steps the noise is removed. More take longer; beyond some number they change little.
    #[input(default = 20, min = 1, max = MOST_STEPS)]
    steps: u64,
    /// How closely the prompts are followed. 1 leaves the negative prompt out; very high values harm the picture.
    #[input(default = 8.0, min = 0.0, max = 100.0, step = 0.1, round = 0.01)]
    cfg: f64,
    /// The method that removes the noise. It decides on look, quality and time for each step.
    #[input(options = sampler_names())]
    sampler_name: String,
    /// How much of the noise is removed at each step.
    #[input(options = scheduler_names())]
    scheduler: String,
    /// What the picture shall show.
    positive: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// Where to start. An empty latent makes a picture from nothing.
    latent_image: Latent,
    /// How much of the start is replaced: 1 keeps nothing of it, less keeps its composition.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    denoise: f64,
}

impl Run for KSampler {
    type Output = Latent;

    fn run(self, cx: &Context) -> Result<Latent, NodeError> {
        let guider = Guider::away(self.model, self.positive, self.negative, self.cfg);
        let request = SampleRequest {
            noise: InitialNoise::drawn(self.seed),
            method: Method::named(&self.sampler_name)?,
            levels: Levels::Schedule { scheduler: &self.scheduler, steps: count(self.steps), denoise: self.denoise },
            ..SampleRequest::new(&guider, &self.latent_image)
        };
        Ok(sample(cx.engine(), &request, &cx.watch(guider.model.latent))?.latent)
    }
}

/// Runs a part of a sampler's steps, so that several samplers can share the work on one picture.
///
/// The first one adds noise and returns what is left of it; the last one adds none and returns none.
#[derive(Node)]
#[node(display = "KSampler (Advanced)", category = "sampling", outputs(LATENT = "The latent after the last step that was run."))]
struct KSamplerAdvanced {
    /// The network that removes noise.
    model: Model,
    /// Whether noise is added first. Without, the latent should have some from an earlier sampler.
    add_noise: Switch,
    /// Which noise is added.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    noise_seed: u64,
    /// How many steps the whole work has, of which this node may run a part.
    #[input(default = 20, min = 1, max = MOST_STEPS)]
    steps: u64,
    /// How closely the prompts are followed. 1 leaves the negative prompt out; very high values harm the picture.
    #[input(default = 8.0, min = 0.0, max = 100.0, step = 0.1, round = 0.01)]
    cfg: f64,
    /// The method that removes the noise.
    #[input(options = sampler_names())]
    sampler_name: String,
    /// How much of the noise is removed at each step.
    #[input(options = scheduler_names())]
    scheduler: String,
    /// What the picture shall show.
    positive: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// Where to start.
    latent_image: Latent,
    /// The first step that is run.
    #[input(default = 0, min = 0, max = MOST_STEPS)]
    start_at_step: u64,
    /// The step before which the run ends. A number beyond the last step means the end.
    #[input(default = 10_000, min = 0, max = MOST_STEPS)]
    end_at_step: u64,
    /// Whether a run that ends early leaves the rest of the noise to the next sampler, instead of removing it in the last step.
    return_with_leftover_noise: Leftover,
}

/// Yes or no, usually yes.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Switch {
    Enable,
    Disable,
}

/// Yes or no, usually no.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Leftover {
    Disable,
    Enable,
}

impl Run for KSamplerAdvanced {
    type Output = Latent;

    fn run(self, cx: &Context) -> Result<Latent, NodeError> {
        let guider = Guider::away(self.model, self.positive, self.negative, self.cfg);
        let request = SampleRequest {
            noise: InitialNoise::drawn_if(self.add_noise == Switch::Enable, self.noise_seed),
            method: Method::named(&self.sampler_name)?,
            levels: Levels::Schedule { scheduler: &self.scheduler, steps: count(self.steps), denoise: 1.0 },
            start_step: count(self.start_at_step),
            end_step: Some(count(self.end_at_step)),
            force_full_denoise: self.return_with_leftover_noise == Leftover::Disable,
            ..SampleRequest::new(&guider, &self.latent_image)
        };
        Ok(sample(cx.engine(), &request, &cx.watch(guider.model.latent))?.latent)
    }
}

fn count(steps: u64) -> usize {
    usize::try_from(steps).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod whole_pictures {
    use super::*;
    use burn::tensor::{Device, Tensor};
    use graph::{Graph, Node as Step};
    use models::{Engine, Image, Samples};
    use runtime::cache::Policy;
    use runtime::{Ended, Event, Executor, Folders, Job};
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    /// An empty latent of 32x32 pixels.
    #[derive(Node)]
    struct Nothing {}

    impl Run for Nothing {
        type Output = Latent;

        fn run(self, _: &Context) -> Result<Latent, NodeError> {
            Ok(Latent::new(Samples::new(Tensor::<4>::zeros([1, 4, 4, 4], &Device::flex()))))
        }
    }

    /// Says what pictures look like.
    #[derive(Node)]
    #[node(output_node)]
    struct Look {
        images: Image,
    }

    impl Run for Look {
        type Output = ();

        fn run(self, cx: &Context) -> Result<(), NodeError> {
            let values = crate::pixels::values(self.images.0.clone());
            cx.text(serde_json::to_string(&(self.images.0.dims(), values))?);
            Ok(())
        }
    }

    fn demo(sampler: impl FnOnce(Step) -> Step) -> Graph {
        let step = Step::new;
        let sampler = sampler(step("KSampler"));
        let nodes = [
            ("model", step("DiffusersLoader").with("model_path", "burnish-demo")),
            ("skip", step("CLIPSetLastLayer").linked("clip", "model", 1).with("stop_at_clip_layer", -1)),
            ("yes", step("CLIPTextEncode").with("text", "a (red:1.2) apple").linked("clip", "skip", 0)),
            ("no", step("CLIPTextEncode").with("text", "").linked("clip", "model", 1)),
            ("nothing", step("Nothing")),
            (
                "sampler",
                sampler
                    .linked("model", "model", 0)
                    .with("cfg", 4.0)
                    .with("steps", 2)
                    .linked("positive", "yes", 0)
                    .linked("negative", "no", 0)
                    .linked("latent_image", "nothing", 0),
            ),
            ("picture", step("VAEDecode").linked("samples", "sampler", 0).linked("vae", "model", 2)),
            ("look", step("Look").linked("images", "picture", 0)),
        ];
        let mut graph = Graph::new();
        for (id, node) in nodes {
            graph.insert(id, node).unwrap();
        }
        graph
    }

    /// Runs it: the values of its picture, and how often progress and previews were reported.
    fn run(graph: Graph) -> Result<(Vec<f32>, usize, usize), String> {
        let models = models::Folders::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models"));
        let folders = Arc::new(Folders { models, ..Folders::default() });
        let registry = crate::catalogue().merge(registry![Nothing, Look]).in_folders(folders.clone());
        let heard = Arc::new(Mutex::new((String::new(), 0, 0)));
        let listener = heard.clone();
        let job = Job::new(Arc::new(Engine::cpu()), folders).heard_by(move |event| {
            let mut heard = listener.lock().unwrap();
            match event {
                Event::Text { text, .. } => heard.0 = text,
                Event::Progress { node, .. } if node.id.as_str() == "sampler" => heard.1 += 1,
                Event::Preview { .. } => heard.2 += 1,
                _ => {}
            }
        });
        let job = Arc::new(Job { previews: true, ..job });
        let mut executor = Executor::new(Arc::new(registry), Policy::Classic);
        executor.run(graph, &["look".into()], &job).map_err(|ended| match ended {
            Ended::Failed(failure) => failure.to_string(),
            Ended::Interrupted { .. } => "interrupted".to_owned(),
        })?;
        let (picture, progress, previews) = heard.lock().unwrap().clone();
        let (dims, values): ([usize; 4], Vec<f32>) = serde_json::from_str(&picture).unwrap();
        assert_eq!(dims, [1, 32, 32, 3]);
        Ok((values, progress, previews))
    }

    fn plain(sampler: Step, seed: u64) -> Step {
        sampler.with("seed", seed).with("sampler_name", "euler").with("scheduler", "normal").with("denoise", 1.0)
    }

    #[test]
    fn a_prompt_becomes_a_picture_and_the_seed_decides_which() {
        let (picture, progress, previews) = run(demo(|it| plain(it, u64::MAX))).unwrap();
        assert!(picture.iter().all(|it| (0.0..=1.0).contains(it)));
        let mean = picture.iter().sum::<f32>() / picture.len() as f32;
        assert!(picture.iter().any(|it| (it - mean).abs() > 0.05), "a picture of one colour");
        assert!(progress >= 2 && previews >= 1, "{progress} {previews}");
        assert_eq!(run(demo(|it| plain(it, u64::MAX))).unwrap().0, picture);
        assert_ne!(run(demo(|it| plain(it, 1))).unwrap().0, picture);
    }

    #[test]
    fn two_halves_are_the_whole() {
        let whole = run(demo(|it| plain(it, 5))).unwrap().0;
        let half = |it: Step, noise: &str, start: u64, end: u64, left: &str| {
            let it = it.with("add_noise", noise).with("noise_seed", 5).with("sampler_name", "euler").with("scheduler", "normal");
            it.with("start_at_step", start).with("end_at_step", end).with("return_with_leftover_noise", left)
        };
        let mut graph = demo(|_| half(Step::new("KSamplerAdvanced"), "disable", 1, 10_000, "disable"));
        let first = half(Step::new("KSamplerAdvanced"), "enable", 0, 1, "enable").with("steps", 2).with("cfg", 4.0);
        let links = [("model", "model"), ("positive", "yes"), ("negative", "no"), ("latent_image", "nothing")];
        graph.insert("first", links.into_iter().fold(first, |it, (input, from)| it.linked(input, from, 0))).unwrap();
        graph.connect("first", 0, "sampler", "latent_image").unwrap();
        let parts = run(graph).unwrap().0;
        // Scaling the latent there and back costs its last bits.
        assert!(parts.iter().zip(&whole).all(|(part, whole)| (part - whole).abs() < 1e-4));
    }
}
