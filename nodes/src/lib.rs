//! The built-in nodes.
//!
//! To add one: write its struct with `#[derive(Node)]` and `Run` in the file of its kind, and name it in that file's list. Its doc
//! comments are its help.

pub mod files;
mod pixels;

mod canny;
mod conditioning;
mod control;
mod curve;
mod flow;
mod image;
mod language;
mod latent;
mod loaders;
mod lora;
mod mask;
mod merging;
mod sampling;
mod saving;
mod sdxl;
mod shader;
mod text;
mod upscale;
mod vae;

use runtime::Registry;

/// Every built-in class.
pub fn catalogue() -> Registry {
    [
        loaders::nodes,
        saving::nodes,
        lora::nodes,
        merging::nodes,
        conditioning::nodes,
        control::nodes,
        sdxl::nodes,
        flow::nodes,
        canny::nodes,
        curve::nodes,
        shader::nodes,
        latent::nodes,
        sampling::nodes,
        vae::nodes,
        image::nodes,
        upscale::nodes,
        mask::nodes,
        text::nodes,
        language::nodes,
    ]
    .into_iter()
    .fold(Registry::new(), |all, nodes| all.merge(nodes()))
}

#[cfg(test)]
mod tests {
    use graph::Catalog;

    #[test]
    fn every_node_and_input_is_documented() {
        let catalogue = super::catalogue();
        for class in catalogue.classes() {
            let spec = catalogue.spec(&class).expect("listed");
            assert!(!spec.description.is_empty(), "{class} has no description");
            assert!(!spec.category.is_empty(), "{class} has no category");
            for input in &spec.inputs {
                assert!(!input.tooltip.is_empty(), "{class}.{} has no tooltip", input.name);
            }
        }
    }
}
