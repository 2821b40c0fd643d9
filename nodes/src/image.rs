//! Picture nodes: loading, saving, resizing, cutting, filters.

use runtime::Registry;

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    Registry::new()
}
