//! How long one call of an SD 1.5-sized UNet takes, and how much memory, at 64x64 cells (a picture of 512x512).
//!
//! `python benches/make/sd15_unet.py FOLDER`, then `UNET=FOLDER cargo run --release -p models --example unet_step`.

use burn::tensor::{Device, Tensor};
use models::diffusion::{Call, SD15};
use models::{Samples, Unwatched, Weights};
use std::path::PathBuf;
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(folder) = std::env::var_os("UNET").map(PathBuf::from) else {
        println!("UNET names no folder, nothing measured");
        return Ok(());
    };
    let device = Device::flex();
    let start = Instant::now();
    let weights = Weights::open_folder(&folder)?.canonical(SD15.layouts)?;
    let unet = (SD15.build)(&weights, &device)?;
    println!("load: {:.3} s, {}", start.elapsed().as_secs_f64(), resident());
    for batch in [1, 1, 1, 2] {
        let wave = |count: usize| (0..count).map(|it| (it as f32 * 0.7).sin()).collect::<Vec<_>>();
        let x = Tensor::<1>::from_floats(wave(batch * 4 * 64 * 64).as_slice(), &device).reshape([batch, 4, 64, 64]);
        let context = Tensor::<1>::from_floats(wave(batch * 77 * 768).as_slice(), &device).reshape([batch, 77, 768]);
        let timestep = Tensor::full([batch], 500.0, &device);
        let start = Instant::now();
        let call = Call { x: Samples::new(x), timestep, context, vector: None, control: None, hooks: None, watch: &Unwatched };
        let sum = unet.forward(call)?.values().clone().abs().mean().into_scalar::<f32>();
        println!("batch {batch}: {:.2} s, mean {sum:.4}, {}", start.elapsed().as_secs_f64(), resident());
    }
    Ok(())
}

/// What the process holds now and at its peak, where the system tells.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| status.lines().find_map(|it| it.strip_prefix(name)).map_or("unknown", str::trim).to_owned();
    format!("resident {} (of it file {}), peak {}", line("VmRSS:"), line("RssFile:"), line("VmHWM:"))
}
