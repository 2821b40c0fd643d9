//! Curves that say what becomes of a brightness, and histograms that say which there are.

use crate::image::pixels;
use models::Image;
use runtime::declare::SocketType;
use runtime::{Context, Node, NodeError, Registry, Run, Shown, Socket, Value, registry};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![CurveEditor, ImageHistogram]
}

/// The most points of a curve.
const MOST_POINTS: usize = 4096;

/// A curve over 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve(Arc<Points>);

#[derive(Debug, PartialEq)]
struct Points {
    /// Places, ascending, with their values and, for a smooth curve, the slopes there.
    at: Vec<(f64, f64)>,
    slopes: Option<Vec<f64>>,
}

impl Socket for Curve {
    const TYPE: SocketType = SocketType::named("CURVE");

    fn bytes(&self) -> usize {
        self.0.at.len() * 24
    }
}

/// How often each of 256 brightnesses occurs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram(Arc<[u64; 256]>);

impl Socket for Histogram {
    const TYPE: SocketType = SocketType::named("HISTOGRAM");

    fn bytes(&self) -> usize {
        256 * 8
    }
}

impl Curve {
    /// Reads `{"points": [[x, y], ...], "interpolation": "monotone_cubic" | "linear"}`, or the points alone.
    ///
    /// # Errors
    /// What is wrong, in words that follow "input `x`: ".
    pub(crate) fn read(json: &Json) -> Result<Self, String> {
        let points = json.as_array().or_else(|| json["points"].as_array()).ok_or("needs a list `points` of [x, y]")?;
        if points.len() > MOST_POINTS {
            return Err(format!("has {} points, and {MOST_POINTS} are the most", points.len()));
        }
        let point = |it: &Json| match it.as_array().map(Vec::as_slice) {
            Some([x, y]) => Some((x.as_f64()?, y.as_f64()?)),
            _ => None,
        };
        let read = points.iter().map(|it| point(it).ok_or_else(|| format!("{it} is no point [x, y]")));
        let mut at = read.collect::<Result<Vec<_>, _>>()?;
        at.sort_by(|a, b| a.0.total_cmp(&b.0));
        let slopes = match json.get("interpolation").map_or(Some("monotone_cubic"), Json::as_str) {
            Some("monotone_cubic") => Some(slopes(&at)),
            Some("linear") => None,
            _ => return Err(format!("interpolation {} is neither monotone_cubic nor linear", json["interpolation"])),
        };
        Ok(Self(Arc::new(Points { at, slopes })))
    }

    /// Its value at a place.
    fn value(&self, x: f64) -> f64 {
        let Points { at, slopes } = &*self.0;
        let (Some(first), Some(last)) = (at.first(), at.last()) else { return 0.0 };
        if x <= first.0 {
            return first.1;
        }
        if x >= last.0 {
            return last.1;
        }
        let above = at.partition_point(|it| it.0 <= x);
        let ((x0, y0), (x1, y1)) = (at[above - 1], at[above]);
        let (step, t) = (x1 - x0, (x - x0) / (x1 - x0));
        match slopes {
            None => y0 + (y1 - y0) * t,
            // The cubic with these values and slopes at its ends (Hermite).
            Some(slopes) => {
                let (m0, m1) = (slopes[above - 1] * step, slopes[above] * step);
                let (square, cube) = (t * t, t * t * t);
                (2.0 * cube - 3.0 * square + 1.0) * y0
                    + (cube - 2.0 * square + t) * m0
                    + (3.0 * square - 2.0 * cube) * y1
                    + (cube - square) * m1
            }
        }
    }

    /// Its values at 256 places from 0 to 1.
    pub(crate) fn table(&self) -> Vec<f32> {
        (0..256).map(|it| self.value(f64::from(it) / 255.0) as f32).collect()
    }
}

/// Slopes for which the curve between two points never leaves the span of their values: Fritsch and Carlson, "Monotone Piecewise Cubic
/// Interpolation" (1980), with means of neighbouring secants to begin with.
fn slopes(at: &[(f64, f64)]) -> Vec<f64> {
    let secants: Vec<f64> =
        at.windows(2).map(|it| if it[1].0 > it[0].0 { (it[1].1 - it[0].1) / (it[1].0 - it[0].0) } else { 0.0 }).collect();
    let (Some(first), Some(last)) = (secants.first(), secants.last()) else { return vec![0.0; at.len()] };
    let between = secants.windows(2).map(|it| if it[0] * it[1] > 0.0 { f64::midpoint(it[0], it[1]) } else { 0.0 });
    let mut slopes: Vec<f64> = std::iter::once(*first).chain(between).chain([*last]).collect();
    for (i, secant) in secants.iter().enumerate() {
        if *secant == 0.0 {
            (slopes[i], slopes[i + 1]) = (0.0, 0.0);
            continue;
        }
        let (a, b) = (slopes[i] / secant, slopes[i + 1] / secant);
        let length = a.hypot(b);
        if length > 3.0 {
            (slopes[i], slopes[i + 1]) = (3.0 / length * a * secant, 3.0 / length * b * secant);
        }
    }
    slopes
}

/// Holds a curve, to change the brightness or a colour of pictures.
#[derive(Node)]
#[node(display = "Curve Editor", category = "utils", outputs(curve = "The curve."))]
struct CurveEditor {
    /// The points of the curve.
    #[input(socket = "CURVE", literal, default = json!({ "points": [[0, 0], [1, 1]], "interpolation": "monotone_cubic" }))]
    curve: Value,
    /// Shown behind the curve.
    histogram: Option<Histogram>,
}

impl Run for CurveEditor {
    type Output = Curve;

    fn run(self, cx: &Context) -> Result<Curve, NodeError> {
        if let Some(histogram) = &self.histogram {
            for count in histogram.0.iter() {
                cx.show(Shown::Data { key: "histogram".to_owned(), value: json!(count) });
            }
        }
        match &self.curve {
            Value::Json(json) => Curve::read(json).map_err(|it| NodeError::input("curve", it)),
            other => Curve::from_value(other).map_err(|it| NodeError::input("curve", it)),
        }
    }
}

/// Counts how often each brightness occurs in the first picture of a batch.
#[derive(Node)]
#[node(
    display = "Image Histogram",
    category = "utils",
    outputs(
        rgb = "The mean of red, green and blue.",
        luminance = "Of the brightness (ITU-R BT.709).",
        red = "Of red.",
        green = "Of green.",
        blue = "Of blue."
    )
)]
struct ImageHistogram {
    /// The pictures.
    image: Image,
}

impl Run for ImageHistogram {
    type Output = (Histogram, Histogram, Histogram, Histogram, Histogram);

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let block = pixels(&self.image, "image")?;
        if block.inner < 3 {
            let message = format!("has {} channels, red, green and blue are needed", block.inner);
            return Err(NodeError::input("image", message));
        }
        let byte = |it: f32| (it * 255.0).clamp(0.0, 255.0) as u8;
        let (mut colours, mut luminance) = ([[0_u64; 256]; 3], [0_u64; 256]);
        for pixel in block.item(0).chunks_exact(block.inner) {
            let [red, green, blue] = [byte(pixel[0]), byte(pixel[1]), byte(pixel[2])];
            for (counts, value) in colours.iter_mut().zip([red, green, blue]) {
                counts[usize::from(value)] += 1;
            }
            let bright = 0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue);
            luminance[usize::from(bright.clamp(0.0, 255.0) as u8)] += 1;
        }
        let [red, green, blue] = colours;
        let mean = std::array::from_fn(|i| (red[i] + green[i] + blue[i]) / 3);
        let held = |counts| Histogram(Arc::new(counts));
        Ok((held(mean), held(luminance), held(red), held(green), held(blue)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Block;
    use runtime::Job;

    fn curve(json: Json) -> Curve {
        Curve::read(&json).expect("a curve")
    }

    #[test]
    fn a_curve_goes_through_its_points_and_never_beyond_them() {
        let points = [[0.0, 0.0], [0.25, 0.7], [0.5, 0.2], [0.51, 0.9], [1.0, 1.0]];
        let curve = curve(json!({ "points": points }));
        for [x, y] in points {
            assert!((curve.value(x) - y).abs() < 1e-12, "{x}");
        }
        for pair in points.windows(2) {
            let (low, high) = (pair[0][1].min(pair[1][1]), pair[0][1].max(pair[1][1]));
            for step in 0..=50 {
                let value = curve.value(pair[0][0] + (pair[1][0] - pair[0][0]) * f64::from(step) / 50.0);
                assert!((low - 1e-9..=high + 1e-9).contains(&value), "{value} beyond {low} to {high}");
            }
        }
    }

    #[test]
    fn points_may_be_written_in_any_order_and_a_straight_curve_is_straight() {
        for kind in ["linear", "monotone_cubic"] {
            let table = curve(json!({ "points": [[1, 1], [0, 0]], "interpolation": kind })).table();
            assert!(table.iter().enumerate().all(|(i, it)| (it - i as f32 / 255.0).abs() < 1e-6), "{kind}");
        }
        assert_eq!(curve(json!([[0.5, 0.25]])).table(), [0.25; 256]);
        assert_eq!(curve(json!([])).table(), [0.0; 256]);
        assert!((curve(json!({ "points": [[0, 1], [1, 0]], "interpolation": "linear" })).value(0.25) - 0.75).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_curve_is_refused() {
        for json in [json!({}), json!([[1]]), json!([["a", 1]]), json!({ "points": [], "interpolation": "wild" }), json!(null)] {
            assert!(Curve::read(&json).is_err(), "{json}");
        }
        assert!(Curve::read(&json!(vec![[0.0, 0.0]; MOST_POINTS + 1])).is_err());
        assert!(curve(json!([[0.5, 0.1], [0.5, 0.9]])).table().iter().all(|it| it.is_finite()));
    }

    #[test]
    fn a_histogram_counts_every_pixel() {
        let block = Block { outer: 1, height: 1, width: 2, inner: 3, data: vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0] };
        let (mean, luminance, red, green, _) =
            ImageHistogram { image: block.into_image() }.run(&Context::alone(Job::default())).expect("counted");
        assert_eq!((red.0[255], green.0[0], green.0[255], mean.0[255]), (2, 1, 1, 1));
        // White may be a hair below 255.
        assert_eq!((luminance.0[54], luminance.0[254] + luminance.0[255]), (1, 1));
    }
}
