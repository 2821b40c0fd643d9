//! What a sampler costs beside the model: milliseconds a step for a latent of 4 by 128 by 128, with a model that costs nothing.
//!
//! `cargo run --release -p benches --bin samplers -- [--python PATH --comfyui PATH] [--rounds N] [FILTER]`. With an interpreter that
//! has torch and a checkout of ComfyUI (0.3.64) its samplers run beside ours, each by turns with ours; what is printed is the median
//! of each and the ratio. `dpm_adaptive` chooses its own steps: with this model it takes few, and what is printed is the whole run
//! over the steps asked for.

use burn::tensor::{Device, Tensor};
use models::sampling::denoise::{Both, Denoise};
use models::sampling::noise::{Noise, initial};
use models::sampling::samplers::Steps;
use models::sampling::{ModelSampling, SAMPLERS, Sampler, schedules};
use models::{Stop, diffusion::Prediction};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

const SIZE: [usize; 2] = [1, 4 * 128 * 128];
const STEPS: usize = 20;

/// Believes the same, whatever it is asked.
struct Free(Tensor<2>);

impl Denoise for Free {
    fn denoise(&mut self, _: &Tensor<2>, _: f32) -> Result<Tensor<2>, Stop> {
        Ok(self.0.clone())
    }

    fn denoise_both(&mut self, _: &Tensor<2>, _: f32) -> Result<Both, Stop> {
        Ok(Both { guided: self.0.clone(), unguided: self.0.clone() })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut python, mut comfyui, mut rounds, mut filter) = (None, None, 9, String::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--python" => python = arguments.next(),
            "--comfyui" => comfyui = arguments.next(),
            "--rounds" => rounds = arguments.next().ok_or("--rounds needs a number")?.parse()?,
            _ => filter = argument,
        }
    }
    let mut peer = match (python, comfyui) {
        (Some(python), Some(comfyui)) => Some(Peer::start(&python, &comfyui)?),
        _ => None,
    };
    let mut out = std::io::stdout();
    for sampler in SAMPLERS.iter().filter(|it| it.name.contains(&filter) && !it.name.ends_with("_gpu")) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        time(sampler)?;
        for _ in 0..rounds {
            ours.push(time(sampler)?);
            if let Some(peer) = &mut peer {
                theirs.push(peer.time(sampler.name)?);
            }
        }
        let (ours, theirs) = (median(ours), median(theirs));
        write!(out, "{:28} {ours:7.3} ms a step", sampler.name)?;
        match theirs.is_nan() {
            true => writeln!(out)?,
            false => writeln!(out, "   ComfyUI {theirs:7.3}   ratio {:.2}", ours / theirs)?,
        }
    }
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Milliseconds a step.
fn time(sampler: &Sampler) -> Result<f64, Stop> {
    let device = Device::flex();
    let sampling = ModelSampling::new(Prediction::Epsilon);
    let sigmas = schedules::karras(STEPS, 0.03, 14.6, 7.0);
    let x = initial(1, SIZE, None, &device).mul_scalar(14.6);
    let mut model = Free(initial(2, SIZE, None, &device));
    let begun = Instant::now();
    let steps = Steps { sigmas: &sigmas, sampling: &sampling };
    let x = (sampler.run)(&mut model, x, steps, &mut Noise::new(3, SIZE, &device), &sampler.options)?;
    let elapsed = begun.elapsed().as_secs_f64();
    drop(x.into_data());
    Ok(elapsed * 1e3 / STEPS as f64)
}

/// ComfyUI in a process of its own.
struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &str, comfyui: &str) -> Result<Self, Box<dyn Error>> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/torch/samplers.py");
        let mut process = Command::new(python)
            .args([script, comfyui])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (input, output) = (process.stdin.take().ok_or("no input")?, process.stdout.take().ok_or("no output")?);
        Ok(Self { process, input, output: BufReader::new(output) })
    }

    fn time(&mut self, name: &str) -> Result<f64, Box<dyn Error>> {
        writeln!(self.input, "{name}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().parse::<f64>()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
