//! What a run takes in memory does not grow with its steps.

use burn::tensor::{Device, Tensor};
use models::Stop;
use models::diffusion::Prediction;
use models::sampling::denoise::{Both, Denoise};
use models::sampling::noise::{Noise, initial};
use models::sampling::samplers::Steps;
use models::sampling::{ModelSampling, SAMPLERS, Sampler, schedules};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A batch of one latent, 256 kB.
const SIZE: [usize; 2] = [1, 4 * 128 * 128];

/// Believes in a part of what it is asked, so that what samplers remember differs from step to step.
struct Half;

impl Denoise for Half {
    fn denoise(&mut self, x: &Tensor<2>, _: f32) -> Result<Tensor<2>, Stop> {
        Ok(x.clone() * 0.5)
    }

    fn denoise_both(&mut self, x: &Tensor<2>, _: f32) -> Result<Both, Stop> {
        Ok(Both { guided: x.clone() * 0.5, unguided: x.clone() * 0.25 })
    }
}

/// The most bytes that a run of so many steps has at one time.
fn peak(sampler: &Sampler, steps: usize) -> Result<usize, Stop> {
    let device = Device::flex();
    let sampling = ModelSampling::new(Prediction::Epsilon);
    let sigmas = schedules::karras(steps, 0.03, 14.6, 7.0);
    let x = initial(1, SIZE, None, &device) * 14.6;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let steps = Steps { sigmas: &sigmas, sampling: &sampling };
    let x = (sampler.run)(&mut Half, x, steps, &mut Noise::new(3, SIZE, &device), &sampler.options)?;
    drop(x);
    Ok(MEMORY.peak_usage() - before)
}

#[test]
fn no_sampler_takes_more_memory_for_more_steps() {
    let latent = SIZE[1] * size_of::<f32>();
    for sampler in SAMPLERS {
        // The first run pays for what is made once.
        peak(sampler, 12).unwrap();
        let (few, many) = (peak(sampler, 12).unwrap(), peak(sampler, 48).unwrap());
        println!(
            "{:28} {:5.1} latents for 12 steps, {:5.1} for 48",
            sampler.name,
            few as f64 / latent as f64,
            many as f64 / latent as f64
        );
        assert!(many < few + latent / 2, "{}: {few} bytes for 12 steps, {many} for 48", sampler.name);
    }
}
