//! The table of contents of a ZIP archive, as far as files of models need it: entries that are stored as they are, and where they lie.
//!
//! The crate `zip` makes room for as many entries as a file claims to have, which a hostile one uses to end the process (9.8); so the table
//! is read here, within limits, and nothing is ever unpacked.
//!
//! Reference: PKWARE `APPNOTE.TXT` 6.3.10, sections 4.3 and 4.5.3.

use super::error::shown;
use std::collections::BTreeMap;
use std::ops::Range;

/// The first bytes of an archive with something in it, which begin each entry.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const WIDE_END: &[u8] = b"PK\x06\x06";
const WIDE_LOCATOR: &[u8] = b"PK\x06\x07";

// Bytes of each kind of header before what has any length.
const LOCAL_SIZE: usize = 30;
const CENTRAL_SIZE: usize = 46;
const END_SIZE: usize = 22;
const WIDE_END_SIZE: usize = 56;
const WIDE_LOCATOR_SIZE: usize = 20;

/// The longest comment that an archive can have.
const LONGEST_COMMENT: usize = 0xffff;
/// More than any model has tensors.
const MOST_ENTRIES: u64 = 1 << 20;
/// The kind of extra field that holds sizes of 64 bits.
const WIDE_SIZES: u16 = 1;
/// Stands in 32 bits where the 64 bits elsewhere count.
const ELSEWHERE: u64 = 0xffff_ffff;

/// Where the bytes of each entry lie, by its name.
///
/// # Errors
/// What is wrong with the archive.
pub(super) fn entries(all: &[u8]) -> Result<BTreeMap<&str, Range<usize>>, String> {
    let from = all.len().saturating_sub(END_SIZE + LONGEST_COMMENT);
    let end = all[from..].windows(END.len()).rposition(|it| it == END).map(|it| from + it);
    let end = end.ok_or("has no table of contents at its end: it is cut off")?;
    let (mut count, mut at) = (number::<2>(all, end + 10)?, number::<4>(all, end + 16)?);
    let locator = end.checked_sub(WIDE_LOCATOR_SIZE).filter(|it| all[*it..].starts_with(WIDE_LOCATOR));
    if let Some(locator) = locator {
        let wide = header(all, number::<8>(all, locator + 8)?, WIDE_END, WIDE_END_SIZE)?;
        (count, at) = (number::<8>(all, wide + 32)?, number::<8>(all, wide + 48)?);
    }
    if count > MOST_ENTRIES {
        return Err(format!("has {count} entries, and {MOST_ENTRIES} is the most"));
    }
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let central = header(all, at, CENTRAL, CENTRAL_SIZE)?;
        let [name, extra, comment] = [28, 30, 32].map(|it| number::<2>(all, central + it).map(|it| it as usize));
        let (name_from, extra_length) = (central + CENTRAL_SIZE, extra?);
        let extra_from = name_from + name?;
        let name = all.get(name_from..extra_from).ok_or("has a table of contents that is cut off")?;
        let name = std::str::from_utf8(name).map_err(|_| "has an entry whose name is not UTF-8")?;
        at = (extra_from + extra_length + comment?) as u64;

        let mut sizes = [24, 20, 42].map(|it| number::<4>(all, central + it).unwrap_or(0));
        let extra = all.get(extra_from..extra_from + extra_length).ok_or("has a table of contents that is cut off")?;
        widen(&mut sizes, extra).ok_or_else(|| format!("has an entry `{}` of unknown size", shown(name)))?;
        let [length, packed, local] = sizes;
        let (flags, method) = (number::<2>(all, central + 8)?, number::<2>(all, central + 10)?);
        if method != 0 || flags & 1 != 0 || length != packed {
            return Err(format!(
                "has an entry `{}` that is compressed or encrypted, which torch.save does not write",
                shown(name)
            ));
        }
        let local = header(all, local, MAGIC, LOCAL_SIZE)?;
        let from = local + LOCAL_SIZE + (number::<2>(all, local + 26)? + number::<2>(all, local + 28)?) as usize;
        let to = usize::try_from(length).ok().and_then(|it| from.checked_add(it)).filter(|it| *it <= all.len());
        let to =
            to.ok_or_else(|| format!("has an entry `{}` of {length} bytes, more than the file: it is cut off", shown(name)))?;
        if entries.insert(name, from..to).is_some() {
            return Err(format!("has two entries of the name `{}`", shown(name)));
        }
    }
    Ok(entries)
}

/// Puts sizes of 64 bits in the places of those that say that they are elsewhere.
fn widen(sizes: &mut [u64; 3], mut extra: &[u8]) -> Option<()> {
    let mut wide: &[u8] = &[];
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let [kind, length] = [0, 2].map(|it| u16::from_le_bytes([head[it], head[it + 1]]));
        // Some writers fill what remains with zeros.
        let Some((field, after)) = rest.split_at_checked(length.into()) else { break };
        if kind == WIDE_SIZES {
            wide = field;
        }
        extra = after;
    }
    for size in sizes.iter_mut().filter(|it| **it == ELSEWHERE) {
        let (first, rest) = wide.split_first_chunk::<8>()?;
        *size = u64::from_le_bytes(*first);
        wide = rest;
    }
    Some(())
}

/// Says that a header of this kind and size lies at a byte.
fn header(all: &[u8], at: u64, magic: &[u8], size: usize) -> Result<usize, String> {
    let here = usize::try_from(at).ok().filter(|it| all.get(*it..).is_some_and(|it| it.len() >= size && it.starts_with(magic)));
    here.ok_or_else(|| format!("has a table of contents that leads to byte {at} of {}, where nothing of it is", all.len()))
}

/// A number of `N` bytes, the lowest one first.
fn number<const N: usize>(all: &[u8], at: usize) -> Result<u64, String> {
    let bytes = all.get(at..).and_then(|it| it.first_chunk::<N>()).ok_or("has a table of contents that is cut off")?;
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(bytes);
    Ok(u64::from_le_bytes(wide))
}
