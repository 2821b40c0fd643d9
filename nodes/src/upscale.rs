//! Nodes that enlarge pictures with networks made for it.

use crate::loaders::{find, load_error};
use models::{Image, Upscaler, Weights};
use runtime::{Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![UpscaleModelLoader, ImageUpscaleWithModel]
}

/// Opens a network that enlarges pictures: ESRGAN and Real-ESRGAN, their compact networks, or SPAN.
#[derive(Node)]
#[node(display = "Load Upscale Model", category = "loaders", outputs(UPSCALE_MODEL = "Enlarges pictures."))]
struct UpscaleModelLoader {
    /// The file, from the folder `upscale_models`.
    #[input(files = "upscale_models")]
    model_name: String,
}

impl Run for UpscaleModelLoader {
    type Output = Upscaler;

    fn run(self, cx: &Context) -> Result<Upscaler, NodeError> {
        let path = find(cx, "upscale_models", &self.model_name, "model_name")?;
        let upscaler = Weights::open(&path).and_then(|it| Upscaler::new(&it));
        upscaler.map_err(|error| load_error(error, "model_name"))
    }
}

/// Enlarges pictures by as much as the network does, inventing what detail should be there.
///
/// Pictures with a side of more than 512 pixels are enlarged in overlapping tiles that fade into each other.
#[derive(Node)]
#[node(display = "Upscale Image (using Model)", category = "image/upscaling", outputs(IMAGE = "The large pictures."))]
struct ImageUpscaleWithModel {
    /// The network.
    upscale_model: Upscaler,
    /// The small pictures.
    image: Image,
}

impl Run for ImageUpscaleWithModel {
    type Output = Image;

    fn run(self, cx: &Context) -> Result<Image, NodeError> {
        Ok(self.upscale_model.upscale(&self.image, cx.engine(), cx)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor};
    use models::Engine;
    use runtime::{Folders, Job};
    use std::path::Path;
    use std::sync::Arc;

    #[test]
    fn a_picture_becomes_four_times_as_large() {
        let models = models::Folders::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models"));
        let folders = Arc::new(Folders { models, ..Folders::default() });
        let cx = Context::alone(Job::new(Arc::new(Engine::cpu()), folders));
        let load = |name: &str| UpscaleModelLoader { model_name: name.into() }.run(&cx);
        let upscale_model = load("realesr-animevideov3-x4.safetensors").unwrap();
        let image = Image(Tensor::full([2, 5, 8, 3], 0.5, &Device::flex()));
        let large = ImageUpscaleWithModel { upscale_model, image }.run(&cx).unwrap();
        assert_eq!(large.0.dims(), [2, 20, 32, 3]);
        let grey = large.0.sub_scalar(0.5).abs().max().into_scalar::<f32>();
        assert!(grey < 0.05, "grey stays grey, off by {grey}");
        assert_eq!(load("none.safetensors").unwrap_err().blamed(), Some("model_name"));
    }
}
