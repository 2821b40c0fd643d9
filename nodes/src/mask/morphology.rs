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
        let least = |it: &Block| over_squares(it, size, |new, old| new <= old, cx);
        let most = |it: &Block| over_squares(it, size, |new, old| new >= old, cx);
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

/// Replaces each value by the winner of the square around it, clipped to the picture: first along rows, then along columns.
fn over_squares(block: &Block, size: usize, wins: fn(f32, f32) -> bool, cx: &Context) -> Result<Block, NodeError> {
    cx.check()?;
    let mut out = block.clone();
    let (width, inner) = (block.width, block.inner);
    out.data.par_chunks_exact_mut(width * inner).for_each(|row| {
        for channel in 0..inner {
            over_line(row, channel, inner, size, wins);
        }
    });
    cx.check()?;
    out.data.par_chunks_exact_mut(block.height * width * inner).for_each(|picture| {
        for column in 0..width * inner {
            over_line(picture, column, width * inner, size, wins);
        }
    });
    Ok(out)
}

/// Does so along every `step`th value from `first` on. An even window reaches one further back than ahead, as in kornia.
fn over_line(values: &mut [f32], first: usize, step: usize, size: usize, wins: fn(f32, f32) -> bool) {
    let line: Vec<f32> = values[first..].iter().step_by(step).copied().collect();
    let (back, ahead) = (size / 2, size - size / 2 - 1);
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
