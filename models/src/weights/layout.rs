//! Tables that translate foreign tensor names into the canonical ones.

/// One foreign naming of a family's tensors.
#[derive(Debug)]
pub struct Layout {
    /// Its name, for messages.
    pub name: &'static str,
}
