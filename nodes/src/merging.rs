//! Nodes that make a model of two.

use crate::loaders::load_error;
use models::patch::{Merged, Shares, merge_models, merge_text_encoders};
use models::{Clip, LoadError, Model};
use runtime::declare::{NodeSpec, declare, finish};
use runtime::node::{Class, Field, Inputs, Outcome, Outputs};
use runtime::{Context, Node, NodeError, Registry, Run, registry};
use std::sync::Arc;

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    let nodes = registry![
        ModelMergeSimple,
        ModelMergeBlocks,
        ModelMergeAdd,
        ModelMergeSubtract,
        CLIPMergeSimple,
        CLIPMergeAdd,
        CLIPMergeSubtract,
    ];
    FAMILIES.iter().fold(nodes, |nodes, family| nodes.with_class(Arc::new(family)))
}

/// Takes what came of two models, and says which tensors of the second were left out.
fn taken<T>(cx: &Context, merged: Result<Merged<T>, LoadError>, input: &'static str) -> Result<T, NodeError> {
    let Merged { merged, misfits } = merged.map_err(|error| load_error(error, input))?;
    if let [first, ..] = misfits.as_slice() {
        let count = misfits.len();
        let first: String = first.chars().take(160).collect();
        cx.text(format!("{count} tensors of `{input}` have another shape and were left out, first: {first}"));
    }
    Ok(merged)
}

/// Mixes two diffusion networks: at 1 the first, at 0 the second, in between a weighted mean of their numbers.
///
/// Nothing is computed before the network is loaded, and nothing is copied: the models stay as they are, with all changes made to them.
#[derive(Node)]
#[node(category = "advanced/model_merging", outputs(MODEL = "The mixture; how it is sampled is as the first has it."))]
struct ModelMergeSimple {
    /// The first network.
    model1: Model,
    /// The second network, of the same family.
    model2: Model,
    /// How much of the first.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    ratio: f64,
}

impl Run for ModelMergeSimple {
    type Output = Model;

    fn run(self, cx: &Context) -> Result<Model, NodeError> {
        taken(cx, merge_models(&self.model1, &self.model2, |_| Shares::ratio(self.ratio)), "model2")
    }
}

/// Mixes two networks of Stable Diffusion, each of their three parts in its own way: 1 is the first, 0 the second.
#[derive(Node)]
#[node(category = "advanced/model_merging", outputs(MODEL = "The mixture; how it is sampled is as the first has it."))]
struct ModelMergeBlocks {
    /// The first network.
    model1: Model,
    /// The second network, of the same family.
    model2: Model,
    /// How much of the first in the blocks that make the picture smaller, and in what belongs to none of the three.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    input: f64,
    /// How much of the first in the blocks in the middle.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    middle: f64,
    /// How much of the first in the blocks that make the picture larger again.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    out: f64,
}

impl Run for ModelMergeBlocks {
    type Output = Model;

    fn run(self, cx: &Context) -> Result<Model, NodeError> {
        let ratios = [("input", self.input), ("middle", self.middle), ("out", self.out)];
        taken(cx, merge_models(&self.model1, &self.model2, |it| Shares::ratio(ratio_of(it, &ratios))), "model2")
    }
}

/// The ratio of the longest beginning that a tensor's name has, or the first one.
fn ratio_of(name: &str, ratios: &[(impl AsRef<str>, f64)]) -> f64 {
    let fit = ratios.iter().filter(|it| name.starts_with(it.0.as_ref()));
    fit.max_by_key(|it| it.0.as_ref().len()).or(ratios.first()).map_or(1.0, |it| it.1)
}

/// Adds the numbers of two diffusion networks, for instance a difference that ModelMergeSubtract made.
#[derive(Node)]
#[node(category = "advanced/model_merging", outputs(MODEL = "The sum; how it is sampled is as the first has it."))]
struct ModelMergeAdd {
    /// The first network.
    model1: Model,
    /// The second network, of the same family.
    model2: Model,
}

impl Run for ModelMergeAdd {
    type Output = Model;

    fn run(self, cx: &Context) -> Result<Model, NodeError> {
        taken(cx, merge_models(&self.model1, &self.model2, |_| Shares::SUM), "model2")
    }
}

/// Takes the numbers of one diffusion network from those of another: what the first learned and the second did not.
#[derive(Node)]
#[node(category = "advanced/model_merging", outputs(MODEL = "The difference, to be added to another network."))]
struct ModelMergeSubtract {
    /// The first network.
    model1: Model,
    /// The network that is taken from it, of the same family.
    model2: Model,
    /// What the difference is multiplied with.
    #[input(default = 1.0, min = -10.0, max = 10.0, step = 0.01)]
    multiplier: f64,
}

impl Run for ModelMergeSubtract {
    type Output = Model;

    fn run(self, cx: &Context) -> Result<Model, NodeError> {
        taken(cx, merge_models(&self.model1, &self.model2, |_| Shares::difference(self.multiplier)), "model2")
    }
}

/// Mixes two text encoders: at 1 the first, at 0 the second, in between a weighted mean of their numbers.
#[derive(Node)]
#[node(category = "advanced/model_merging", outputs(CLIP = "The mixture, with the first one's tokenizer."))]
struct CLIPMergeSimple {
    /// The first text encoder.
    clip1: Clip,
    /// The second text encoder, of the same kind.
    clip2: Clip,
    /// How much of the first.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    ratio: f64,
}

impl Run for CLIPMergeSimple {
    type Output = Clip;

    fn run(self, cx: &Context) -> Result<Clip, NodeError> {
        taken(cx, merge_text_encoders(&self.clip1, &self.clip2, Shares::ratio(self.ratio)), "clip2")
    }
}

/// Adds the numbers of two text encoders, for instance a difference that CLIPMergeSubtract made.
#[derive(Node)]
#[node(category = "advanced/model_merging", outputs(CLIP = "The sum, with the first one's tokenizer."))]
struct CLIPMergeAdd {
    /// The first text encoder.
    clip1: Clip,
    /// The second text encoder, of the same kind.
    clip2: Clip,
}

impl Run for CLIPMergeAdd {
    type Output = Clip;

    fn run(self, cx: &Context) -> Result<Clip, NodeError> {
        taken(cx, merge_text_encoders(&self.clip1, &self.clip2, Shares::SUM), "clip2")
    }
}

/// Takes the numbers of one text encoder from those of another: what the first learned and the second did not.
#[derive(Node)]
#[node(category = "advanced/model_merging", outputs(CLIP = "The difference, to be added to another text encoder."))]
struct CLIPMergeSubtract {
    /// The first text encoder.
    clip1: Clip,
    /// The text encoder that is taken from it, of the same kind.
    clip2: Clip,
    /// What the difference is multiplied with.
    #[input(default = 1.0, min = -10.0, max = 10.0, step = 0.01)]
    multiplier: f64,
}

impl Run for CLIPMergeSubtract {
    type Output = Clip;

    fn run(self, cx: &Context) -> Result<Clip, NodeError> {
        taken(cx, merge_text_encoders(&self.clip1, &self.clip2, Shares::difference(self.multiplier)), "clip2")
    }
}

/// A class that mixes two networks of one family block by block.
struct FamilyMerge {
    class: &'static str,
    /// The family, for its description.
    family: &'static str,
    /// Beginnings of tensors' names: one, or one for each number up to a count where there is a `{}` in it.
    parts: &'static [(&'static str, usize)],
}

/// One class for each family, with a ratio for each of its blocks. What stands before none of the names counts to the first.
const FAMILIES: &[FamilyMerge] = &[
    FamilyMerge { class: "ModelMergeSD1", family: "Stable Diffusion 1", parts: SD },
    FamilyMerge { class: "ModelMergeSD2", family: "Stable Diffusion 2", parts: SD },
    FamilyMerge {
        class: "ModelMergeSDXL",
        family: "Stable Diffusion XL",
        parts: &[
            ("time_embed.", 1),
            ("label_emb.", 1),
            ("input_blocks.{}", 9),
            ("middle_block.{}", 3),
            ("output_blocks.{}", 9),
            ("out.", 1),
        ],
    },
    FamilyMerge {
        class: "ModelMergeSD3_2B",
        family: "Stable Diffusion 3 medium",
        parts: &[SD3[0], SD3[1], SD3[2], SD3[3], SD3[4], ("joint_blocks.{}.", 24), ("final_layer.", 1)],
    },
    FamilyMerge {
        class: "ModelMergeSD35_Large",
        family: "Stable Diffusion 3.5 large",
        parts: &[SD3[0], SD3[1], SD3[2], SD3[3], SD3[4], ("joint_blocks.{}.", 38), ("final_layer.", 1)],
    },
    FamilyMerge {
        class: "ModelMergeFlux1",
        family: "FLUX.1",
        parts: &[
            ("img_in.", 1),
            ("time_in.", 1),
            ("guidance_in", 1),
            ("vector_in.", 1),
            ("txt_in.", 1),
            ("double_blocks.{}.", 19),
            ("single_blocks.{}.", 38),
            ("final_layer.", 1),
        ],
    },
];

const SD: &[(&str, usize)] = &[
    ("time_embed.", 1),
    ("label_emb.", 1),
    ("input_blocks.{}.", 12),
    ("middle_block.{}.", 3),
    ("output_blocks.{}.", 12),
    ("out.", 1),
];
const SD3: [(&str, usize); 5] =
    [("pos_embed.", 1), ("x_embedder.", 1), ("context_embedder.", 1), ("y_embedder.", 1), ("t_embedder.", 1)];

impl FamilyMerge {
    /// The beginnings of names, which are the names of the inputs.
    fn names(&self) -> impl Iterator<Item = String> {
        let numbered = |(name, count): &(&'static str, usize)| {
            let name = *name;
            (0..*count).map(move |it| name.replace("{}", &it.to_string()))
        };
        self.parts.iter().flat_map(numbered)
    }
}

impl Class for &'static FamilyMerge {
    fn spec(&self) -> NodeSpec {
        let mut spec = NodeSpec {
            class: self.class.to_owned(),
            display_name: self.class.to_owned(),
            category: "advanced/model_merging/model_specific".to_owned(),
            description: format!(
                "Mixes two networks of {}, each block in its own way: 1 is the first, 0 the second. What no name stands for is mixed as the \
                 first input says.",
                self.family
            ),
            inputs: Vec::new(),
            outputs: <Model as Outputs>::describe(),
            output_node: false,
            input_is_list: false,
            not_idempotent: false,
            extra_inputs: false,
            deprecated: false,
            experimental: false,
        };
        declare::<Model>(&mut spec, "model1", "The first network.", |it| it);
        declare::<Model>(&mut spec, "model2", "The second network, of the same family.", |it| it);
        for name in self.names() {
            let tooltip = format!("How much of the first in tensors whose names begin with `{name}`.");
            declare::<f64>(&mut spec, &name, &tooltip, |it| it.default(1.0).min(0.0).max(1.0).step(0.01));
        }
        finish(spec, &[("MODEL", "The mixture; how it is sampled is as the first has it.")])
    }

    fn run(&self, inputs: Inputs, cx: &Context) -> Result<Outcome, NodeError> {
        let (one, other) = (Model::take(&inputs, "model1")?, Model::take(&inputs, "model2")?);
        let ratios = self.names().map(|name| Ok((name.clone(), f64::take(&inputs, &name)?)));
        let ratios: Vec<(String, f64)> = ratios.collect::<Result<_, NodeError>>()?;
        let merged = merge_models(&one, &other, |it| Shares::ratio(ratio_of(it, &ratios)));
        Ok(taken(cx, merged, "model2")?.into_outcome())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_of_a_name_counts() {
        let ratios = [("first", 0.1), ("input_blocks.1", 0.2), ("input_blocks.11", 0.3), ("out", 0.4)];
        for (name, ratio) in [
            ("input_blocks.1.0.weight", 0.2),
            ("input_blocks.11.0.weight", 0.3),
            ("input_blocks.2.0.weight", 0.1),
            ("output_blocks.2.0.weight", 0.4),
            ("time_embed.0.weight", 0.1),
        ] {
            assert_eq!(ratio_of(name, &ratios), ratio, "{name}");
        }
    }
}
