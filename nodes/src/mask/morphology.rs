//! Growth and shrinkage of the bright parts of pictures.

use crate::image::pixels;
use crate::pixels::Block;
use models::Image;
use rayon::prelude::*;
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};
use std::collections::VecDeque;

pub(super) fn nodes() -> Registry {
    registry![Morphology]
}

/// What is done with the bright parts of a picture.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Erode,
    Dilate,
    Open,
    Close,
    Gradient,
    BottomHat,
    TopHat,
}

/// Grows or shrinks the bright parts of a picture, each channel by itself.
#[derive(Node)]
#[node(display = "ImageMorphology", category = "image/postprocessing")]
struct Morphology {
    /// The picture.
    image: Image,
    /// `erode` shrinks what is bright and `dilate` grows it. `open` drops small bright spots, `close` fills small dark ones; `top_hat`
    /// and `bottom_hat` show what these two drop and fill. `gradient` shows edges.
    operation: Operation,
    /// How far, as the side of a square in pixels.
    #[input(default = 3, min = 3, max = 999, step = 1)]
    kernel_size: u64,
}

impl Run for Morphology {
    type Output = Image;

    fn run(self, cx: &Context) -> Result<Image, NodeError> {
        let block = pixels(&self.image, "image")?;
        let size = self.kernel_size as usize;
        // An even square has no middle: as in kornia, shrinking looks one further back than ahead, and growing the other way round.
        let (short, long) = (size - size / 2 - 1, size / 2);
        let least = |it: &Block| over_squares(it, (long, short), |new, old| new <= old, cx);
        let most = |it: &Block| over_squares(it, (short, long), |new, old| new >= old, cx);
        let minus = |a: Block, b: &Block| Block { data: a.data.iter().zip(&b.data).map(|(a, b)| a - b).collect(), ..a };
        let done = match self.operation {
            Operation::Erode => least(&block)?,
            Operation::Dilate => most(&block)?,
            Operation::Open => most(&least(&block)?)?,
            Operation::Close => least(&most(&block)?)?,
            Operation::Gradient => minus(most(&block)?, &least(&block)?),
            Operation::BottomHat => minus(least(&most(&block)?)?, &block),
            Operation::TopHat => {
                let open = most(&least(&block)?)?;
                minus(block, &open)
            }
        };
        Ok(done.into_image())
    }
}

/// How many values a window reaches back and ahead.
type Reach = (usize, usize);

/// Replaces each value by the winner of the square around it, clipped to the picture: first along rows, then along columns.
fn over_squares(block: &Block, reach: Reach, wins: fn(f32, f32) -> bool, cx: &Context) -> Result<Block, NodeError> {
    cx.check()?;
    let mut out = block.clone();
    let (width, inner) = (block.width, block.inner);
    out.data.par_chunks_exact_mut(width * inner).for_each(|row| {
        for channel in 0..inner {
            over_line(row, channel, inner, reach, wins);
        }
    });
    cx.check()?;
    out.data.par_chunks_exact_mut(block.height * width * inner).for_each(|picture| {
        for column in 0..width * inner {
            over_line(picture, column, width * inner, reach, wins);
        }
    });
    Ok(out)
}

/// Does so along every `step`th value from `first` on.
fn over_line(values: &mut [f32], first: usize, step: usize, (back, ahead): Reach, wins: fn(f32, f32) -> bool) {
    let line: Vec<f32> = values[first..].iter().step_by(step).copied().collect();
    // The candidates of the window, the winner in front; whoever is beaten by a later one can never win again.
    let mut candidates = VecDeque::new();
    let mut next = 0;
    for at in 0..line.len() {
        while next < line.len() && next <= at + ahead {
            while candidates.back().is_some_and(|it: &usize| wins(line[next], line[*it])) {
                candidates.pop_back();
            }
            candidates.push_back(next);
            next += 1;
        }
        while candidates.front().is_some_and(|it| it + back < at) {
            candidates.pop_front();
        }
        if let Some(winner) = candidates.front() {
            values[first + at * step] = line[*winner];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    fn done(operation: Operation, kernel_size: u64) -> Vec<f32> {
        let data = vec![0.1, 0.9, 0.3, 0.2, 0.5, 0.4, 0.2, 0.8, 0.7, 0.6, 0.0, 0.3, 1.0, 0.1, 0.2];
        // Three equal channels: each is done by itself.
        let data = data.into_iter().flat_map(|it| [it; 3]).collect();
        let image = Block { outer: 1, height: 3, width: 5, inner: 3, data }.into_image();
        let out =
            Block::of_image(&Morphology { image, operation, kernel_size }.run(&Context::alone(Job::default())).expect("done"));
        assert!(out.data.chunks(3).all(|it| it[0] == it[1] && it[1] == it[2]));
        // Rounded to what the expected values are written with.
        out.data.iter().step_by(3).map(|it| (it * 1e4).round() / 1e4).collect()
    }

    #[test]
    fn operations_give_the_numbers_of_kornia() {
        for (operation, size, expected) in [
            (Operation::Erode, 3, [0.1, 0.1, 0.2, 0.2, 0.2, 0.0, 0.0, 0.1, 0.1, 0.1, 0.0, 0.0, 0.1, 0.1, 0.1]),
            (Operation::Dilate, 3, [0.9, 0.9, 0.9, 0.8, 0.7, 0.9, 1.0, 1.0, 1.0, 0.7, 0.4, 1.0, 1.0, 1.0, 0.7]),
            (Operation::Open, 3, [0.1, 0.2, 0.2, 0.2, 0.2, 0.1, 0.2, 0.2, 0.2, 0.2, 0.0, 0.1, 0.1, 0.1, 0.1]),
            (Operation::Close, 3, [0.9, 0.9, 0.8, 0.7, 0.7, 0.4, 0.4, 0.8, 0.7, 0.7, 0.4, 0.4, 1.0, 0.7, 0.7]),
            (Operation::Gradient, 3, [0.8, 0.8, 0.7, 0.6, 0.5, 0.9, 1.0, 0.9, 0.9, 0.6, 0.4, 1.0, 0.9, 0.9, 0.6]),
            (Operation::BottomHat, 3, [0.8, 0.0, 0.5, 0.5, 0.2, 0.0, 0.2, 0.0, 0.0, 0.1, 0.4, 0.1, 0.0, 0.6, 0.5]),
            (Operation::TopHat, 3, [0.0, 0.7, 0.1, 0.0, 0.3, 0.3, 0.0, 0.6, 0.5, 0.4, 0.0, 0.2, 0.9, 0.0, 0.1]),
            (Operation::Erode, 4, [0.1, 0.1, 0.1, 0.2, 0.2, 0.0, 0.0, 0.0, 0.1, 0.1, 0.0, 0.0, 0.0, 0.1, 0.1]),
            (Operation::Dilate, 4, [1.0, 1.0, 1.0, 1.0, 0.7, 1.0, 1.0, 1.0, 1.0, 0.7, 1.0, 1.0, 1.0, 1.0, 0.7]),
            (Operation::Open, 4, [0.1, 0.2, 0.2, 0.2, 0.2, 0.1, 0.2, 0.2, 0.2, 0.2, 0.0, 0.1, 0.1, 0.1, 0.1]),
            (Operation::Close, 4, [1.0, 1.0, 1.0, 0.7, 0.7, 1.0, 1.0, 1.0, 0.7, 0.7, 1.0, 1.0, 1.0, 0.7, 0.7]),
        ] {
            assert_eq!(done(operation, size), expected, "{operation:?} {size}");
        }
        assert_eq!(done(Operation::Dilate, 999), [1.0; 15]);
    }
}
