//! Nodes that bend a model towards a picture by networks made for it.

use crate::loaders::{find, load_error};
use models::{Conditioning, Control, ControlNet, Image, Model, Vae};
use runtime::{Context, Node, NodeError, Registry, Run, registry};
use std::sync::Arc;

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![ControlNetLoader, DiffControlNetLoader, ControlNetApply, ControlNetApplyAdvanced]
}

/// Opens a network that bends a model towards a picture: a ControlNet or a T2I-Adapter.
#[derive(Node)]
#[node(display = "Load ControlNet Model", category = "loaders", outputs(CONTROL_NET = "Bends a model towards a picture."))]
struct ControlNetLoader {
    /// The file, from the folder `controlnet` or `t2i_adapter`.
    #[input(files = "controlnet")]
    control_net_name: String,
}

impl Run for ControlNetLoader {
    type Output = ControlNet;

    fn run(self, cx: &Context) -> Result<ControlNet, NodeError> {
        open(cx, &self.control_net_name, None)
    }
}

/// Opens a ControlNet whose file holds what it differs by from a model. Any other file is opened as it is.
#[derive(Node)]
#[node(display = "Load ControlNet Model (diff)", category = "loaders", outputs(CONTROL_NET = "Bends a model towards a picture."))]
struct DiffControlNetLoader {
    /// The model that the differences are added to.
    model: Model,
    /// The file, from the folder `controlnet` or `t2i_adapter`.
    #[input(files = "controlnet")]
    control_net_name: String,
}

impl Run for DiffControlNetLoader {
    type Output = ControlNet;

    fn run(self, cx: &Context) -> Result<ControlNet, NodeError> {
        open(cx, &self.control_net_name, Some(&self.model))
    }
}

fn open(cx: &Context, name: &str, model: Option<&Model>) -> Result<ControlNet, NodeError> {
    let path = find(cx, "controlnet", name, "control_net_name")?;
    ControlNet::open(&path, model).map_err(|error| load_error(error, "control_net_name"))
}

/// Bends every prompt towards a picture, and the prompts to lead away from with them.
///
/// `Apply ControlNet` can do more: it takes part in a part of the steps only, and leaves the choice of prompts to you.
#[derive(Node)]
#[node(
    display = "Apply ControlNet (OLD)",
    category = "conditioning/controlnet",
    deprecated,
    outputs(CONDITIONING = "The prompts with the picture.")
)]
struct ControlNetApply {
    /// The prompts.
    conditioning: Conditioning,
    /// The network that looks at the picture.
    control_net: ControlNet,
    /// The picture: edges, depths, poses, or whatever else the network was trained to see.
    image: Image,
    /// How much it counts: 1 as trained, 0 not at all.
    #[input(default = 1.0, min = 0.0, max = 10.0, step = 0.01)]
    strength: f64,
}

impl Run for ControlNetApply {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        let Self { conditioning, control_net, image, strength } = self;
        let control = Control { net: control_net, hint: image, strength, start: 0.0, end: 1.0, for_both: true, before: None };
        let [conditioning] = applied([conditioning], &control);
        Ok(conditioning)
    }
}

/// Bends prompts towards a picture during a part of the steps. Several in a row add up.
#[derive(Node)]
#[node(
    display = "Apply ControlNet",
    category = "conditioning/controlnet",
    outputs(
        positive = "The prompts to follow, with the picture.",
        negative = "The prompts to lead away from, with the picture."
    )
)]
struct ControlNetApplyAdvanced {
    /// The prompts to follow.
    positive: Conditioning,
    /// The prompts to lead away from.
    negative: Conditioning,
    /// The network that looks at the picture.
    control_net: ControlNet,
    /// The picture: edges, depths, poses, or whatever else the network was trained to see.
    image: Image,
    /// How much it counts: 1 as trained, 0 not at all.
    #[input(default = 1.0, min = 0.0, max = 10.0, step = 0.01)]
    strength: f64,
    /// From which part of the steps on: 0 is the beginning.
    #[input(default = 0.0, min = 0.0, max = 1.0, step = 0.001)]
    start_percent: f64,
    /// Up to which part of the steps: 1 is the end.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.001)]
    end_percent: f64,
    /// The autoencoder, for networks that look at latents. Those that are supported look at pictures.
    #[expect(dead_code, reason = "no network that is supported looks at latents")]
    vae: Option<Vae>,
}

impl Run for ControlNetApplyAdvanced {
    type Output = (Conditioning, Conditioning);

    fn run(self, _: &Context) -> Result<(Conditioning, Conditioning), NodeError> {
        let Self { positive, negative, control_net, image, strength, start_percent, end_percent, .. } = self;
        let (start, end) = (start_percent, end_percent);
        let control = Control { net: control_net, hint: image, strength, start, end, for_both: false, before: None };
        let [positive, negative] = applied([positive, negative], &control);
        Ok((positive, negative))
    }
}

/// Puts a control behind those that prompts have. Prompts that had the same have the same afterwards, so that they run together.
fn applied<const N: usize>(sides: [Conditioning; N], control: &Control) -> [Conditioning; N] {
    if control.strength == 0.0 {
        return sides;
    }
    let mut made: Vec<Arc<Control>> = Vec::new();
    sides.map(|mut side| {
        for cond in &mut side {
            let before = cond.control.take();
            let same = |it: &&Arc<Control>| it.before.as_ref().map(Arc::as_ptr) == before.as_ref().map(Arc::as_ptr);
            let found = made.iter().find(same).cloned();
            cond.control = Some(found.unwrap_or_else(|| {
                let new = Arc::new(Control { before: before.clone(), ..control.clone() });
                made.push(new.clone());
                new
            }));
        }
        side
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor};
    use models::{Cond, Engine};
    use runtime::{Folders, Job};
    use safetensors::tensor::{Dtype, TensorView};

    /// A light adapter of no use, opened through its loader.
    fn net() -> ControlNet {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("controlnet")).unwrap();
        let zero = [0; 4];
        let names = ["body.0.in_conv.weight", "body.0.body.0.block1.weight"];
        let tensors = names.map(|it| (it, TensorView::new(Dtype::F32, vec![1, 1, 1, 1], &zero).unwrap()));
        std::fs::write(root.path().join("controlnet/a.safetensors"), safetensors::serialize(tensors, None).unwrap()).unwrap();
        let folders = Folders { models: models::Folders::new(root.path()), ..Folders::default() };
        let cx = Context::alone(Job::new(Arc::new(Engine::cpu()), Arc::new(folders)));
        let load = |name: &str| ControlNetLoader { control_net_name: name.into() }.run(&cx);
        assert_eq!(load("b.safetensors").unwrap_err().blamed(), Some("control_net_name"));
        load("a.safetensors").unwrap()
    }

    fn picture() -> Image {
        Image(Tensor::zeros([1, 4, 4, 3], &Device::flex()))
    }

    fn prompts(count: usize) -> Conditioning {
        vec![Cond::new(Tensor::zeros([1, 1, 4], &Device::flex()), None); count]
    }

    fn advanced(positive: Conditioning, negative: Conditioning, strength: f64) -> (Conditioning, Conditioning) {
        let node = ControlNetApplyAdvanced {
            positive,
            negative,
            control_net: net(),
            image: picture(),
            strength,
            start_percent: 0.25,
            end_percent: 0.5,
            vae: None,
        };
        node.run(&Context::alone(Job::default())).unwrap()
    }

    #[test]
    fn both_sides_share_one_control_and_a_second_stands_behind_the_first() {
        let (positive, negative) = advanced(prompts(2), prompts(1), 0.75);
        let first = positive[0].control.clone().unwrap();
        assert!([&positive[1], &negative[0]].iter().all(|it| Arc::ptr_eq(it.control.as_ref().unwrap(), &first)));
        assert_eq!((first.strength, first.start, first.end, first.for_both), (0.75, 0.25, 0.5, false));
        let (positive, negative) = advanced(positive, prompts(1), 1.0);
        assert!(Arc::ptr_eq(positive[0].control.as_ref().unwrap().before.as_ref().unwrap(), &first));
        assert!(negative[0].control.as_ref().unwrap().before.is_none(), "it had none");
    }

    #[test]
    fn strength_zero_leaves_the_prompts_as_they_are() {
        let (positive, negative) = advanced(prompts(1), prompts(1), 0.0);
        assert!(positive[0].control.is_none() && negative[0].control.is_none());
    }

    #[test]
    fn the_older_node_reaches_the_other_side_too() {
        let node = ControlNetApply { conditioning: prompts(1), control_net: net(), image: picture(), strength: 1.0 };
        let found = node.run(&Context::alone(Job::default())).unwrap();
        let control = found[0].control.as_ref().unwrap();
        assert!(control.for_both && (control.start, control.end) == (0.0, 1.0));
    }
}
