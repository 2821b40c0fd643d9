//! Schedules that others searched for and published as tables.

use crate::Stop;

/// Which of NVIDIA's tables: Sabour et al. 2024 (arXiv 2404.14507), "Align Your Steps".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aligned {
    /// Stable Diffusion 1.
    Sd1,
    /// Stable Diffusion XL.
    Sdxl,
    /// Stable Video Diffusion.
    Svd,
}

/// Levels that keep the discretisation error low for a family of models.
pub fn align_your_steps(table: Aligned, steps: usize) -> Vec<f32> {
    let levels: [f64; 11] = match table {
        Aligned::Sd1 => [
            14.6146412293,
            6.4745760956,
            3.8636745985,
            2.6946151520,
            1.8841921177,
            1.3943805092,
            0.9642583904,
            0.6523686016,
            0.3977456272,
            0.1515232662,
            0.0291671582,
        ],
        Aligned::Sdxl => [
            14.6146412293,
            6.3184485287,
            3.7681790315,
            2.1811480769,
            1.3405244945,
            0.8620721141,
            0.5550693289,
            0.3798540708,
            0.2332364134,
            0.1114188177,
            0.0291671582,
        ],
        Aligned::Svd => [700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002],
    };
    resampled(&levels, steps)
}

/// Which of the tables of "Optimal Steps" (bebebe666/OptimalSteps).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimal {
    /// FLUX.1.
    Flux,
    /// Wan 2.1.
    Wan,
    /// Chroma.
    Chroma,
}

/// Levels whose trajectory is closest to that of a very fine schedule.
pub fn optimal_steps(table: Optimal, steps: usize) -> Vec<f32> {
    let levels: &[f64] = match table {
        Optimal::Flux => &[0.9968, 0.9886, 0.9819, 0.975, 0.966, 0.9471, 0.9158, 0.8287, 0.5512, 0.2808, 0.001],
        Optimal::Wan => &[
            1.0, 0.997, 0.995, 0.993, 0.991, 0.989, 0.987, 0.985, 0.98, 0.975, 0.973, 0.968, 0.96, 0.946, 0.927, 0.902, 0.864,
            0.776, 0.539, 0.208, 0.001,
        ],
        Optimal::Chroma => &[
            0.992, 0.99, 0.988, 0.985, 0.982, 0.978, 0.973, 0.968, 0.961, 0.953, 0.943, 0.931, 0.917, 0.9, 0.881, 0.858, 0.832,
            0.802, 0.769, 0.731, 0.69, 0.646, 0.599, 0.55, 0.501, 0.451, 0.402, 0.355, 0.311, 0.27, 0.232, 0.199, 0.169, 0.143,
            0.12, 0.101, 0.084, 0.07, 0.058, 0.048, 0.001,
        ],
    };
    resampled(levels, steps)
}

/// The most steps that GITS has tables for; longer schedules are drawn through the longest.
const MOST_GITS: usize = 20;

/// Levels along the curvature of the trajectories of Stable Diffusion 1: Chen et al. 2024 (arXiv 2405.11326). A greater `coeff` goes
/// sooner to little noise.
///
/// # Errors
/// [`Stop::Unfit`] where there is no table: coefficients are 0.80 to 1.50 by 0.05, steps 2 and more.
pub fn gits(coeff: f64, steps: usize) -> Result<Vec<f32>, Stop> {
    let mut lines = include_str!("gits.txt").lines().filter(|it| !it.starts_with('#'));
    let numbers = |line: &str| line.split_whitespace().filter_map(|it| it.parse().ok()).collect::<Vec<f64>>();
    let levels: Vec<f64> =
        lines.by_ref().map_while(|it| (!it.starts_with("coefficient")).then(|| numbers(it))).flatten().collect();
    let twentieths = (coeff * 20.0).round();
    if !(16.0..=30.0).contains(&twentieths) || (coeff * 20.0 - twentieths).abs() > 0.1 || steps < 2 {
        return Err(Stop::Unfit(format!(
            "there are no GITS levels for a coefficient of {coeff} and {steps} steps: 0.80 to 1.50 by 0.05 and 2 steps or more are known"
        )));
    }
    // The first heading was taken by reading up to it.
    let row = (twentieths as usize - 16) * MOST_GITS + steps.min(MOST_GITS) - 2;
    let visited = lines.nth(row).unwrap_or_default().split_whitespace().filter_map(|it| levels.get(it.parse::<usize>().ok()?));
    let ends = [levels[0], levels[levels.len() - 1]];
    let row: Vec<f64> = [ends[0]].into_iter().chain(visited.copied()).chain([ends[1]]).collect();
    Ok(resampled(&row, steps))
}

/// A table with another number of steps, by straight lines in log σ; its last level becomes zero.
fn resampled(table: &[f64], steps: usize) -> Vec<f32> {
    let last = table.len() - 1;
    let level = |step: usize| {
        if steps == last {
            return table[step];
        }
        let place = step as f64 / steps.max(1) as f64 * last as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        let part = place - low as f64;
        (table[low].ln() * (1.0 - part) + table[high.min(last)].ln() * part).exp()
    };
    (0..steps).map(|it| level(it) as f32).chain([0.0]).collect()
}
