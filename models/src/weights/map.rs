//! Files mapped into memory.

use super::LoadError;
use memmap2::Mmap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A file mapped into memory, only to read.
pub(super) struct Map(Mmap);

/// Keeps a map alive for the bytes that are cut out of it.
struct Owner(Arc<Map>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0.0
    }
}

impl Map {
    /// Maps a file.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, LoadError> {
        let read = |source| LoadError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        let kind = file.metadata().map_err(read)?;
        if kind.is_dir() {
            return Err(read(std::io::ErrorKind::IsADirectory.into()));
        }
        if !kind.is_file() {
            return Err(LoadError::Malformed { path: path.to_owned(), reason: "is not a regular file".to_owned() });
        }
        // SAFETY: the map is only read. Another process that truncates the file meanwhile would fault, which no safe interface
        // prevents; model files are replaced, not rewritten in place.
        #[expect(unsafe_code, reason = "mapping a file is what keeps gigabytes of weights out of memory")]
        let map = unsafe { Mmap::map(&file) }.map_err(read)?;
        Ok(Arc::new(Self(map)))
    }

    /// All of it.
    pub(super) fn bytes(self: &Arc<Self>) -> bytes::Bytes {
        bytes::Bytes::from_owner(Owner(self.clone()))
    }

    /// Where a piece of it lies, if it is one.
    pub(super) fn range(&self, piece: &[u8]) -> Option<Range<usize>> {
        let start = (piece.as_ptr() as usize).checked_sub(self.0.as_ptr() as usize)?;
        let end = start.checked_add(piece.len())?;
        (end <= self.0.len() && !piece.is_empty()).then_some(start..end)
    }

    /// Asks for the pages of a part to be read in the background.
    #[cfg(unix)]
    pub(super) fn will_need(&self, range: Range<usize>) {
        // Advice that the system refuses is advice not taken.
        let _ = self.0.advise_range(memmap2::Advice::WillNeed, range.start, range.len());
    }

    /// Asks for the pages of a part to be read in the background, which this system cannot be asked for.
    #[cfg(not(unix))]
    pub(super) fn will_need(&self, _: Range<usize>) {}

    /// Gives the pages of a part back to the system.
    #[cfg(unix)]
    pub(super) fn not_needed(&self, range: Range<usize>) {
        // SAFETY: the pages are of a shared map of a file that nobody writes through: a later look at them reads the file again and
        // finds the same bytes.
        #[expect(unsafe_code, reason = "the only way to give mapped pages back without unmapping them")]
        let _ = unsafe { self.0.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) };
    }

    /// Gives the pages of a part back to the system, which does so by itself here.
    #[cfg(not(unix))]
    pub(super) fn not_needed(&self, _: Range<usize>) {}
}

/// Sorted ranges, joined where little lies between them.
pub(super) fn merged(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    const PAGE: usize = 4096;
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(PAGE) => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
