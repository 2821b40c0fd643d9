//! Socket types and which may be linked.

use std::borrow::Cow;
use std::fmt;

/// The type of a socket, as ComfyUI writes it: `MODEL`, `IMAGE`, a union `INT,FLOAT`, or the wildcard `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SocketType(Cow<'static, str>);

impl SocketType {
    /// The type that matches every other.
    pub const ANY: Self = Self::named("*");

    /// A type known when the program was written.
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A type read from outside.
    pub fn new(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// The name as it is written in workflow files.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an output of this type may feed an input of type `wanted`.
    ///
    /// Equal types match, a wildcard on either side matches everything, and two unions match when they share a member.
    pub fn feeds(&self, wanted: &Self) -> bool {
        if self == wanted {
            return true;
        }
        let wild = |it: &Self| it.members().any(|member| member == "*");
        wild(self) || wild(wanted) || self.members().any(|from| wanted.members().any(|to| from == to))
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').map(str::trim).filter(|member| !member.is_empty())
    }
}

impl fmt::Display for SocketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
