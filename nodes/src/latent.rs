//! Nodes that make, cut, turn and mix latents.

use runtime::Registry;

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    Registry::new()
}
