//! Writes docs/samplers.md and its plots: every sampler with its source, order and cost, and how its error falls.
//!
//! `cargo run --release -p benches --bin sampler_page` from the root of the repository. With `--check` it writes nothing and fails
//! where the page's text is not what it would write.

use burn::tensor::{Device, Tensor, TensorData};
use models::Stop;
use models::diffusion::Prediction;
use models::sampling::analytic::Normal;
use models::sampling::noise::Noise;
use models::sampling::samplers::Steps;
use models::sampling::{ModelSampling, SAMPLERS, SCHEDULERS, Sampler, schedules};
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

/// The plots: a title, and the samplers on it.
const PLOTS: &[(&str, &str, &[&str])] = &[
    ("one-step", "One step after another", &["euler", "heun", "heunpp2", "dpm_2", "dpm_fast", "gradient_estimation"]),
    ("multistep", "Slopes of earlier steps", &["euler", "lms", "ipndm", "ipndm_v", "deis"]),
    (
        "solver",
        "DPM-Solver++ and its kin",
        &["euler", "dpmpp_2m", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde"],
    ),
    (
        "exponential",
        "Exponential integrators and predictor-correctors",
        &[
            "euler",
            "res_multistep",
            "uni_pc",
            "uni_pc_bh2",
            "er_sde",
            "exp_heun_2_x0",
            "seeds_2",
            "seeds_3",
            "sa_solver",
            "sa_solver_pece",
        ],
    ),
];

/// From where to where the plots go. The last step to no noise at all would hide the rest: it is of order 1 for every sampler.
const LEVELS: [f32; 2] = [40.0, 0.05];

const STEPS: [usize; 8] = [6, 9, 13, 18, 26, 37, 52, 74];

fn main() -> Result<(), Box<dyn Error>> {
    let check = std::env::args().any(|it| it == "--check");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let page = page();
    if check {
        let found = std::fs::read_to_string(docs.join("samplers.md"))?;
        return if found == page { Ok(()) } else { Err("docs/samplers.md is stale: run the bench `sampler_page`".into()) };
    }
    std::fs::create_dir_all(docs.join("samplers"))?;
    for (file, title, names) in PLOTS {
        let curves: Vec<_> = names.iter().map(|name| curve(name)).collect::<Result<_, _>>()?;
        std::fs::write(docs.join("samplers").join(format!("{file}.svg")), plot(title, &curves))?;
    }
    std::fs::write(docs.join("samplers.md"), page)?;
    Ok(())
}

/// A name and its errors.
type Curve = (&'static str, Vec<f64>);

fn curve(name: &'static str) -> Result<Curve, Stop> {
    let sampler = models::sampling::sampler(name)?;
    Ok((name, STEPS.iter().map(|steps| error(sampler, *steps)).collect::<Result<_, _>>()?))
}

/// The greatest error on the exact paths of a normal distribution, in its standard deviations.
fn error(sampler: &Sampler, steps: usize) -> Result<f64, Stop> {
    let mut model = Normal { mean: 0.3, spread: 1.0, flow: false };
    let sampling = ModelSampling::new(Prediction::Epsilon);
    let [high, low] = LEVELS;
    let mut sigmas = schedules::exponential(steps + 1, low, high);
    sigmas.pop();
    let start: Vec<f32> = (0..16).map(|i| model.mean + high * (i as f32 / 8.0 - 0.9)).collect();
    let (device, size) = (Device::flex(), [1, start.len()]);
    let x = Tensor::from_data(TensorData::new(start.clone(), size), &device);
    let options = sampler.quiet().unwrap_or(sampler.options);
    let steps = Steps { sigmas: &sigmas, sampling: &sampling };
    let found = (sampler.run)(&mut model, x, steps, &mut Noise::new(1, size, &device), &options)?;
    // Where the last level is not zero, SA-Solver hands on the latent of the level before, as in ComfyUI.
    let low = if sampler.name.starts_with("sa_solver") { sigmas[sigmas.len() - 2] } else { low };
    let off = |(found, start): (f32, &f32)| f64::from((found - model.path(*start, high, low)).abs());
    let worst = found.into_data().iter::<f32>().zip(&start).map(off).fold(0.0, f64::max);
    Ok(worst / f64::from(model.variance(low)).sqrt())
}

fn page() -> String {
    let mut page = String::from(
        "# Samplers\n\n\
         *Written by `cargo run --release -p benches --bin sampler_page`.*\n\n\
         A sampler leads a latent from noise to a picture. At each step it asks the model what it believes the clean latent is, at\n\
         the cost of one run of the network (two with a negative prompt). The order says by which power the error falls with the\n\
         length of the steps: with order 2, twice as many steps leave a quarter of it. Those with noise draw some afresh at each\n\
         step; what is said of their order holds without it.\n\n\
         | Name | What it does | Source | Order | Calls a step | Noise |\n|---|---|---|---|---|---|\n",
    );
    for sampler in SAMPLERS {
        let facts = sampler.facts;
        let source = match facts.source.strip_prefix("arXiv ") {
            Some(number) => format!("[arXiv {number}](https://arxiv.org/abs/{number})"),
            None => facts.source.to_owned(),
        };
        let order = facts.order.map_or_else(|| "-".to_owned(), |it| it.to_string());
        let noise = if facts.stochastic { "yes" } else { "no" };
        let _ = writeln!(page, "| `{}` | {} | {source} | {order} | {} | {noise} |", sampler.name, facts.about, facts.calls);
    }
    let _ = write!(
        page,
        "\nThe names that end in `_gpu` draw the same noise as those without: a seed means one picture on every device.\n\n\
         ## Error against steps\n\n\
         The model of these plots is exact: the best denoiser of a normal distribution, whose noise-free paths are known. The error\n\
         is the greatest over sixteen paths from a noise level of {} to {}, in standard deviations of what is found there; single\n\
         precision ends near 10⁻⁶. Stochastic samplers are shown without their noise. Real models are not this smooth: there the\n\
         order shows less, and few steps matter most.\n\n",
        LEVELS[0], LEVELS[1]
    );
    for (file, title, _) in PLOTS {
        let _ = writeln!(page, "![{title}](samplers/{file}.svg)\n");
    }
    page.push_str("## Schedules\n\nWhich noise levels are visited: ");
    let names: Vec<String> = SCHEDULERS.iter().map(|it| format!("`{}`", it.0)).collect();
    let _ = writeln!(
        page,
        "{}. More of them, with parameters, are the scheduler nodes of the menu `sampling/custom_sampling/schedulers`.",
        names.join(", ")
    );
    page
}

const COLOURS: [&str; 9] = ["#888888", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2"];

/// A plot with both axes logarithmic, as SVG.
fn plot(title: &str, curves: &[Curve]) -> String {
    let [width, height] = [760.0, 440.0];
    let [left, top, right, bottom] = [64.0, 40.0, 560.0, 390.0];
    let (first, last) = (STEPS[0] as f64, STEPS[STEPS.len() - 1] as f64);
    let (low, high) = (-6.5, 0.5);
    let across = |steps: f64| left + (steps / first).ln() / (last / first).ln() * (right - left);
    let down = |error: f64| bottom - (error.log10().clamp(low, high) - low) / (high - low) * (bottom - top);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{left}\" y=\"24\" font-size=\"16\">{title}</text>\n"
    );
    for power in -6..=0 {
        let y = down(10_f64.powi(power));
        let _ = writeln!(svg, "<path d=\"M{left} {y:.1}H{right}\" stroke=\"#ddd\"/>");
        let exponent = if power == 0 { "1".to_owned() } else { format!("10<tspan dy=\"-5\" font-size=\"10\">{power}</tspan>") };
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{exponent}</text>", left - 8.0, y + 4.0);
    }
    for steps in [6, 10, 20, 40, 74] {
        let x = across(f64::from(steps));
        let _ = writeln!(svg, "<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"#ddd\"/>");
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{steps}</text>", bottom + 18.0);
    }
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">steps</text>", (left + right) / 2.0, bottom + 38.0);
    let _ = writeln!(
        svg,
        "<text x=\"18\" y=\"{0}\" transform=\"rotate(-90 18 {0})\" text-anchor=\"middle\">error</text>",
        (top + bottom) / 2.0
    );
    // Labels beside the last points, moved apart where these are close.
    let mut labels: Vec<(usize, f64)> =
        curves.iter().enumerate().map(|(i, it)| (i, down(it.1.last().copied().unwrap_or(1.0)))).collect();
    labels.sort_by(|a, b| a.1.total_cmp(&b.1));
    for at in 1..labels.len() {
        labels[at].1 = labels[at].1.max(labels[at - 1].1 + 16.0);
    }
    let beyond = labels.last().map_or(0.0, |it| (it.1 - bottom).max(0.0));
    for (index, y) in labels {
        let (name, errors) = &curves[index];
        let colour = COLOURS[index % COLOURS.len()];
        let points = STEPS.iter().zip(errors).map(|(steps, error)| format!("{:.1},{:.1}", across(*steps as f64), down(*error)));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>", right + 10.0, y - beyond + 4.0);
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_says_what_the_samplers_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/samplers.md");
        assert!(
            std::fs::read_to_string(path).unwrap() == super::page(),
            "docs/samplers.md is stale: run the bench `sampler_page`"
        );
    }
}
