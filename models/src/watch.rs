//! How a long computation is followed and stopped.

use crate::text::PromptError;
use crate::{LoadError, Samples};

/// Follows a computation: hears of its progress and may stop it.
pub trait Watch: Send + Sync {
    /// Whether the computation should end now. Asked often: between the blocks of a network, between tiles, between steps.
    fn cancelled(&self) -> bool;

    /// `done` of `total` units are finished; `denoised` is the model's present belief, in the model's latent space, if there is one.
    fn progress(&self, done: usize, total: usize, denoised: Option<&Samples>);

    /// Ends the computation if that was asked for.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] once [`Watch::cancelled`] says so.
    fn check(&self) -> Result<(), Stop> {
        if self.cancelled() { Err(Stop::Cancelled) } else { Ok(()) }
    }
}

/// Nobody follows and nobody stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn cancelled(&self) -> bool {
        false
    }

    fn progress(&self, _: usize, _: usize, _: Option<&Samples>) {}
}

/// Why a computation ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Somebody asked for it.
    #[error("cancelled")]
    Cancelled,
    /// A file could not become a model.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A prompt cannot be read.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The inputs do not fit the model or each other.
    #[error("{0}")]
    Unfit(String),
    /// The device has no room for it, even with everything else evicted.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
}
