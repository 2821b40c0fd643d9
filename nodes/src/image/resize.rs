//! One node for every way to say how large a picture or a mask shall be.

use super::scaled;
use crate::pixels::Block;
use crate::pixels::resize::{CROPS, IMAGE_METHODS};
use models::{Image, Mask};
use runtime::{Context, Node, NodeError, Registry, Run, Socket, Value, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![ResizeImageMaskNode]
}

const DIMENSIONS: &str = "scale dimensions";
const FACTOR: &str = "scale by multiplier";
const LONGER: &str = "scale longer dimension";
const SHORTER: &str = "scale shorter dimension";
const WIDTH: &str = "scale width";
const HEIGHT: &str = "scale height";
const PIXELS: &str = "scale total pixels";
const MATCH: &str = "match size";
const MULTIPLE: &str = "scale to multiple";

const LONGEST_SIDE: u64 = super::LONGEST_SIDE;

/// Enlarges or shrinks pictures or masks.
#[derive(Node)]
#[node(display = "Resize Image/Mask", category = "transform", outputs(resized = "The pictures or masks in their new size."))]
struct ResizeImageMaskNode {
    /// The pictures or masks.
    #[input(socket = "IMAGE,MASK")]
    input: Value,
    /// What is said of the new size.
    #[input(options = [DIMENSIONS, FACTOR, LONGER, SHORTER, WIDTH, HEIGHT, PIXELS, MATCH, MULTIPLE])]
    resize_type: String,
    /// The new width; 0 keeps the aspect.
    #[input(name = "resize_type.width", when = ("resize_type", &[DIMENSIONS, WIDTH]), default = 512, min = 0, max = LONGEST_SIDE)]
    width: Option<u64>,
    /// The new height; 0 keeps the aspect.
    #[input(name = "resize_type.height", when = ("resize_type", &[DIMENSIONS, HEIGHT]), default = 512, min = 0, max = LONGEST_SIDE)]
    height: Option<u64>,
    /// The factor for both sides.
    #[input(name = "resize_type.multiplier", when = ("resize_type", &[FACTOR]), default = 1.0, min = 0.01, max = 8.0, step = 0.01)]
    multiplier: Option<f64>,
    /// The longer side; the other keeps the aspect.
    #[input(name = "resize_type.longer_size", when = ("resize_type", &[LONGER]), default = 512, min = 0, max = LONGEST_SIDE)]
    longer_size: Option<u64>,
    /// The shorter side; the other keeps the aspect.
    #[input(name = "resize_type.shorter_size", when = ("resize_type", &[SHORTER]), default = 512, min = 0, max = LONGEST_SIDE)]
    shorter_size: Option<u64>,
    /// Millions of pixels, of 1024 x 1024 each.
    #[input(name = "resize_type.megapixels", when = ("resize_type", &[PIXELS]), default = 1.0, min = 0.01, max = 16.0, step = 0.01)]
    megapixels: Option<f64>,
    /// The picture or mask whose size is taken.
    #[input(name = "resize_type.match", when = ("resize_type", &[MATCH]), socket = "IMAGE,MASK")]
    matched: Option<Value>,
    /// Whether the sides are cut first so that nothing is stretched.
    #[input(name = "resize_type.crop", when = ("resize_type", &[DIMENSIONS, MATCH]), options = CROPS, default = "center")]
    crop: Option<String>,
    /// What both sides can be divided by. The picture is cut for it rather than stretched.
    #[input(name = "resize_type.multiple", when = ("resize_type", &[MULTIPLE]), default = 8, min = 1, max = LONGEST_SIDE)]
    multiple: Option<u64>,
    /// How new pixels are made from old ones.
    #[input(options = IMAGE_METHODS, default = "area")]
    scale_method: String,
}

impl Run for ResizeImageMaskNode {
    type Output = Value;

    fn run(self, _: &Context) -> Result<Value, NodeError> {
        let (block, is_mask) = block(&self.input, "input")?;
        let (width, height) = (block.width, block.height);
        let (w, h) = (width as f64, height as f64);
        let crop = self.crop.as_deref() == Some("center");
        let whole = |it: f64| it.round_ties_even() as usize;
        let (new_width, new_height) = match self.resize_type.as_str() {
            DIMENSIONS => in_aspect(said(self.width, "width")?, said(self.height, "height")?, width, height),
            WIDTH => in_aspect(said(self.width, "width")?, 0, width, height),
            HEIGHT => in_aspect(0, said(self.height, "height")?, width, height),
            FACTOR => {
                let factor = said(self.multiplier, "multiplier")?;
                (whole(w * factor), whole(h * factor))
            }
            LONGER => {
                let side = said(self.longer_size, "longer_size")? as usize;
                if height > width { (whole(w / h * side as f64), side) } else { (side, whole(h / w * side as f64)) }
            }
            SHORTER => {
                let side = said(self.shorter_size, "shorter_size")? as usize;
                if height < width { (whole(w / h * side as f64), side) } else { (side, whole(h / w * side as f64)) }
            }
            PIXELS => {
                let pixels = (said(self.megapixels, "megapixels")? * 1024.0 * 1024.0).trunc();
                let factor = (pixels / (w * h)).sqrt();
                (whole(w * factor), whole(h * factor))
            }
            MATCH => {
                let other = self::block(&said(self.matched, "match")?, "resize_type.match")?.0;
                (other.width, other.height)
            }
            _ => return self.cut_to_multiple(&block, is_mask),
        };
        if (new_width, new_height) == (width, height) {
            return Ok(self.input);
        }
        Ok(back(scaled(&block, new_height, new_width, &self.scale_method, crop)?, is_mask))
    }
}

impl ResizeImageMaskNode {
    /// The smallest size that covers the largest multiples within the old one, cut in its middle to those.
    fn cut_to_multiple(self, block: &Block, is_mask: bool) -> Result<Value, NodeError> {
        let multiple = said(self.multiple, "multiple")? as usize;
        let (width, height) = (block.width / multiple * multiple, block.height / multiple * multiple);
        if width == 0 || height == 0 || (width, height) == (block.width, block.height) {
            return Ok(self.input);
        }
        let (across, down) = (width as f64 / block.width as f64, height as f64 / block.height as f64);
        let covering = |side: usize, factor: f64, least: usize| ((side as f64 * factor).ceil() as usize).max(least);
        let (wide, high) = if across >= down {
            (width, covering(block.height, across, height))
        } else {
            (covering(block.width, down, width), height)
        };
        let covered = Block::of_image(&scaled(block, high, wide, &self.scale_method, false)?);
        Ok(back(covered.crop((high - height) / 2, (wide - width) / 2, height, width).into_image(), is_mask))
    }
}

/// What the choice of the size needs.
fn said<T>(value: Option<T>, name: &str) -> Result<T, NodeError> {
    value.ok_or_else(|| NodeError::input(format!("resize_type.{name}"), "it is required and nothing is there"))
}

/// Width and height where 0 is what the aspect gives, or the old size where both are 0.
fn in_aspect(new_width: u64, new_height: u64, width: usize, height: usize) -> (usize, usize) {
    match (new_width as usize, new_height as usize) {
        (0, 0) => (width, height),
        (0, new_height) => (super::in_proportion(width, new_height, height), new_height),
        (new_width, 0) => (new_width, super::in_proportion(height, new_width, width)),
        both => both,
    }
}

/// The pixels of a picture or a mask, and whether it is one.
fn block(value: &Value, name: &str) -> Result<(Block, bool), NodeError> {
    let (block, is_mask) = match value.to::<Mask>() {
        Some(mask) => (Block::of_mask(&mask), true),
        None => (Block::of_image(&Image::from_value(value).map_err(|it| NodeError::input(name, it))?), false),
    };
    if block.data.is_empty() { Err(NodeError::input(name, "the batch is empty")) } else { Ok((block, is_mask)) }
}

fn back(image: Image, is_mask: bool) -> Value {
    if is_mask { Block::of_image(&image).into_mask().into_value() } else { image.into_value() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::node::{Inputs, Slot};
    use runtime::{Job, Outcome};
    use serde_json::json;

    /// Resizes this, as said.
    fn resized(input: Value, said: serde_json::Value) -> Result<Value, String> {
        let (spec, node) = nodes().class("ResizeImageMaskNode").expect("a class of this file");
        let mut slots = vec![("input".to_owned(), Slot::Values(vec![input.clone()]))];
        for (name, value) in said.as_object().expect("inputs by name") {
            let value = if name.ends_with("match") { input.clone() } else { Value::from_json(value) };
            slots.push((name.clone(), Slot::Values(vec![value])));
        }
        slots.push(("scale_method".to_owned(), Slot::Values(vec![Value::String("area".into())])));
        match node.run(Inputs::new(spec, slots), &Context::alone(Job::default())).map_err(|it| it.to_string())? {
            Outcome::Values(mut values) => Ok(values.swap_remove(0).swap_remove(0)),
            Outcome::Expand(_) => panic!("it does its work itself"),
        }
    }

    fn plain() -> Value {
        Block::filled(1, 30, 40, 3, 0.5).into_image().into_value()
    }

    #[test]
    fn every_way_to_say_a_size_is_understood() {
        for (said, size) in [
            (
                json!({ "resize_type": "scale dimensions", "resize_type.width": 20, "resize_type.height": 20, "resize_type.crop": "center" }),
                [20, 20],
            ),
            (
                json!({ "resize_type": "scale dimensions", "resize_type.width": 0, "resize_type.height": 15, "resize_type.crop": "center" }),
                [20, 15],
            ),
            (json!({ "resize_type": "scale by multiplier", "resize_type.multiplier": 1.5 }), [60, 45]),
            (json!({ "resize_type": "scale longer dimension", "resize_type.longer_size": 20 }), [20, 15]),
            (json!({ "resize_type": "scale shorter dimension", "resize_type.shorter_size": 15 }), [20, 15]),
            (json!({ "resize_type": "scale width", "resize_type.width": 80 }), [80, 60]),
            (json!({ "resize_type": "scale height", "resize_type.height": 60 }), [80, 60]),
            (json!({ "resize_type": "scale total pixels", "resize_type.megapixels": 0.01 }), [118, 89]),
            (json!({ "resize_type": "match size", "resize_type.match": ["0", 0], "resize_type.crop": "disabled" }), [40, 30]),
            (json!({ "resize_type": "scale to multiple", "resize_type.multiple": 16 }), [32, 16]),
        ] {
            let image: Image =
                resized(plain(), said.clone()).unwrap_or_else(|it| panic!("{said}: {it}")).to().expect("a picture");
            assert_eq!([image.0.dims()[2], image.0.dims()[1]], size, "{said}");
        }
    }

    #[test]
    fn a_mask_stays_a_mask() {
        let mask = Block::filled(2, 30, 40, 1, 0.5).into_mask().into_value();
        for (said, size) in [
            (json!({ "resize_type": "scale width", "resize_type.width": 20 }), [2, 15, 20]),
            (json!({ "resize_type": "scale to multiple", "resize_type.multiple": 16 }), [2, 16, 32]),
        ] {
            assert_eq!(resized(mask.clone(), said).expect("resized").to::<Mask>().expect("a mask").0.dims(), size);
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        assert!(resized(plain(), json!({ "resize_type": "scale width" })).expect_err("no width").contains("resize_type.width"));
        let tiny = json!({ "resize_type": "scale longer dimension", "resize_type.longer_size": 0 });
        assert!(resized(plain(), tiny).expect_err("no pixels").contains("no pixels"));
        assert!(resized(Value::Int(1), json!({ "resize_type": "scale width", "resize_type.width": 4 })).is_err());
    }

    #[test]
    fn editors_show_and_save_what_the_choice_needs() {
        use graph::Catalog;
        let catalogue = crate::catalogue();
        let workflow = json!({
            "version": 0.4, "links": [],
            "nodes": [{
                "id": 1, "type": "ResizeImageMaskNode", "mode": 0, "inputs": [],
                "widgets_values": ["scale longer dimension", 20, "lanczos"],
            }],
        });
        let read = graph::read(&workflow, &catalogue, 0).expect("a workflow");
        let literals: Vec<String> = read.node("1").expect("a node").literals().map(|(name, it)| format!("{name}={it}")).collect();
        let expected = ["resize_type=\"scale longer dimension\"", "resize_type.longer_size=20", "scale_method=\"lanczos\""];
        assert_eq!(literals, expected);
        let written = graph::ui_json::to_json(&read, &catalogue);
        assert_eq!(written["nodes"][0]["widgets_values"], workflow["nodes"][0]["widgets_values"]);
        // Nothing else is missed, or there.
        let problems = graph::validate(read, &catalogue, None).problems;
        let missed: Vec<&str> = problems.iter().filter_map(|it| it.input.as_deref()).collect();
        assert_eq!(missed, ["input"]);
        let spec = catalogue.spec("ResizeImageMaskNode").expect("a class");
        let configs: Vec<(&str, serde_json::Value)> =
            spec.inputs.iter().map(|input| (input.name.as_str(), input.config(&catalogue))).collect();
        assert_eq!(configs.iter().map(|it| it.0).collect::<Vec<_>>(), ["input", "resize_type", "scale_method"]);
        let options = &configs[1].1[1]["options"];
        assert_eq!((&configs[1].1[0], &options[2]["key"]), (&json!("COMFY_DYNAMICCOMBO_V3"), &json!("scale longer dimension")));
        assert_eq!(options[2]["inputs"]["required"]["longer_size"][0], "INT");
        assert_eq!(options[7]["inputs"]["required"].as_object().expect("inputs").len(), 2);
    }
}
