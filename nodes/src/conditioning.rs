//! Nodes that encode prompts and say where and when each applies.

use runtime::Registry;

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    Registry::new()
}
