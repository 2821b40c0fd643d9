//! Tensors beside the frames: files in memory that both sides see.
//!
//! The worker maps them and looks at the numbers where they are. This side reads and writes them as files, which is one copy each way and
//! buys that nothing a worker does to a file can hurt: a mapped file that somebody cuts short ends the process that looks at it.

use crate::protocol::Shared;
use burn::tensor::{DType, Device, Tensor, TensorData};
use models::{Image, Latent, Mask, Samples};
use parking_lot::Mutex;
use runtime::NodeError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The most numbers that one tensor may have: 16 GB.
const MOST_NUMBERS: u64 = 4 << 30;

/// The directory of a worker's tensors. It is gone with its last user.
#[derive(Debug)]
pub(crate) struct Room {
    directory: tempfile::TempDir,
    /// The most that all files together may take, in bytes.
    limit: u64,
    pages: Mutex<Pages>,
}

/// Files of inputs by name and size.
#[derive(Debug, Default)]
struct Pages {
    /// Those of this call.
    lent: Vec<(String, u64)>,
    /// Those that nobody looks at.
    free: Vec<(String, u64)>,
}

/// Files that are kept to be filled again: how many, and how large.
const MOST_FREE: usize = 8;
const LARGEST_FREE: u64 = 256 << 20;

impl Room {
    /// Makes one, in memory where the system has such a place.
    pub(crate) fn new(limit: u64) -> io::Result<Self> {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir_in(&place).or_else(|_| {
            // A place in memory may be closed to this user.
            tempfile::Builder::new().prefix(&prefix).tempdir()
        })?;
        std::fs::create_dir(directory.path().join("tensors"))?;
        Ok(Self { directory, limit, pages: Mutex::default() })
    }

    /// The whole directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The part that tensors are in.
    pub(crate) fn tensors(&self) -> PathBuf {
        self.directory.path().join("tensors")
    }

    /// Whether a worker put more there than it may.
    pub(crate) fn is_full(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.tensors()) else { return true };
        // A file with holes counts as what it takes.
        let taken = |it: std::fs::DirEntry| it.metadata().map_or(0, |it| std::os::unix::fs::MetadataExt::blocks(&it) * 512);
        entries.flatten().map(taken).fold(0, u64::saturating_add) > self.limit
    }

    /// Begins a call: what the worker of an earlier one still looks at is its own from now on.
    pub(crate) fn begin(&self) {
        self.pages.lock().lent.clear();
    }

    /// Removes every file but those that can be filled again. What the worker still maps lives on there, and nowhere else.
    pub(crate) fn clear(&self) {
        let pages = self.pages.lock();
        for entry in std::fs::read_dir(self.tensors()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let kept = |it: &(String, u64)| name.to_str() == Some(&it.0);
            if !pages.free.iter().any(kept) && !pages.lent.iter().any(kept) {
                std::fs::remove_file(entry.path()).or_else(|_| std::fs::remove_dir_all(entry.path())).ok();
            }
        }
    }

    /// Hears that the worker looks at these files of inputs no more.
    pub(crate) fn freed(&self, files: &[String]) {
        let mut pages = self.pages.lock();
        for file in files {
            if let Some(at) = pages.lent.iter().position(|it| it.0 == *file) {
                let page = pages.lent.swap_remove(at);
                if pages.free.len() < MOST_FREE && page.1 <= LARGEST_FREE {
                    pages.free.push(page);
                }
            }
        }
    }

    /// Writes a tensor: into a file of an earlier call that nobody looks at any more, else into a new one of this name.
    ///
    /// New memory costs more than the copy.
    pub(crate) fn put(&self, name: String, shape: &[usize], values: &[f32]) -> Result<Shared, NodeError> {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let size = bytes.len() as u64;
        let mut pages = self.pages.lock();
        let fits = |it: &(String, u64)| (size..=size.saturating_mul(2)).contains(&it.1);
        let again = pages.free.iter().position(fits).map(|at| pages.free.swap_remove(at));
        let fresh = again.is_none();
        let (name, before) = again.unwrap_or((name, size));
        open(&self.tensors().join(&name), OpenOptions::new().write(true).create_new(fresh))
            .and_then(|it| if before == size { Ok(it) } else { it.set_len(size).map(|()| it) })
            .and_then(|it| it.write_all_at(bytes, 0))
            .map_err(|it| NodeError::new(format!("{size} bytes could not be shared with the worker: {it}")))?;
        pages.lent.push((name.clone(), size));
        Ok(Shared { file: name, shape: shape.iter().map(|it| *it as u64).collect() })
    }

    /// Reads a tensor that the worker says is there.
    fn take(&self, shared: &Shared) -> Result<(Vec<usize>, Vec<u8>), String> {
        let Shared { file, shape } = shared;
        let plain = !file.is_empty() && file.len() <= 64 && file.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        if !plain {
            return Err(format!("its file is called {file:?}"));
        }
        let count = shape.iter().try_fold(1_u64, |product, it| product.checked_mul(*it)).filter(|it| *it <= MOST_NUMBERS);
        let count = count.ok_or_else(|| format!("its shape {shape:?} is too large"))?;
        let file = open(&self.tensors().join(file), OpenOptions::new().read(true))
            .map_err(|it| format!("its memory cannot be read: {it}"))?;
        let about = file.metadata().map_err(|it| it.to_string())?;
        if !about.is_file() || about.len() < count * 4 {
            return Err(format!("its shape {shape:?} needs {} bytes and its memory has {}", count * 4, about.len()));
        }
        // Read, not filled with zeros and read: at this size that is felt.
        let mut bytes = Vec::with_capacity(count as usize * 4);
        let read = file.take(count * 4).read_to_end(&mut bytes).map_err(|it| format!("its memory cannot be read: {it}"))?;
        if read as u64 != count * 4 {
            return Err("its memory became shorter".to_owned());
        }
        Ok((shape.iter().map(|it| *it as usize).collect(), bytes))
    }

    pub(crate) fn image(&self, shared: &Shared) -> Result<Image, String> {
        let (shape, bytes) = self.take(shared)?;
        match <[usize; 4]>::try_from(shape) {
            Ok(shape @ [.., 1..=4]) => {
                Ok(Image(Tensor::from_data(TensorData::from_bytes_vec(bytes, shape, DType::F32), &Device::flex())))
            }
            Ok(shape) => Err(format!("an IMAGE has 1 to 4 channels in the last place, not {shape:?}")),
            Err(shape) => Err(format!("an IMAGE is [batch, height, width, channels], not {shape:?}")),
        }
    }

    pub(crate) fn mask(&self, shared: &Shared) -> Result<Mask, String> {
        let (shape, bytes) = self.take(shared)?;
        let shape = <[usize; 3]>::try_from(shape).map_err(|it| format!("a MASK is [batch, height, width], not {it:?}"))?;
        Ok(Mask(Tensor::from_data(TensorData::from_bytes_vec(bytes, shape, DType::F32), &Device::flex())))
    }

    pub(crate) fn latent(
        &self,
        samples: &Shared,
        noise_mask: Option<&Shared>,
        batch_index: Option<Vec<u64>>,
    ) -> Result<Latent, String> {
        let (shape, bytes) = self.take(samples)?;
        if !(3..=5).contains(&shape.len()) || bytes.is_empty() {
            return Err(format!("a LATENT has 3 to 5 dimensions and none of them is empty, not {shape:?}"));
        }
        let flat = [shape[0], bytes.len() / 4 / shape[0]];
        let samples =
            Samples::with_shape(Tensor::from_data(TensorData::from_bytes_vec(bytes, flat, DType::F32), &Device::flex()), &shape);
        let mask = |shared| -> Result<Tensor<4>, String> {
            let (mut shape, bytes) = self.take(shared)?;
            // Nodes of old give [batch, height, width].
            if let [batch, height, width] = shape[..] {
                shape = vec![batch, 1, height, width];
            }
            let shape =
                <[usize; 4]>::try_from(shape).map_err(|it| format!("a noise_mask is [batch, 1, height, width], not {it:?}"))?;
            if shape[1] != 1 {
                return Err(format!("a noise_mask is [batch, 1, height, width], not {shape:?}"));
            }
            Ok(Tensor::from_data(TensorData::from_bytes_vec(bytes, shape, DType::F32), &Device::flex()))
        };
        let batch_index = batch_index.map(|it| it.into_iter().map(|it| it as usize).collect());
        Ok(Latent { samples, noise_mask: noise_mask.map(mask).transpose()?, batch_index })
    }
}

/// How the directories are called; the number of the process follows.
const PREFIX: &str = "burnish-worker-";

/// Opens a file without following links: its name may lead elsewhere by now. A pipe in its place does not make anybody wait.
fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    const NOFOLLOW_NONBLOCK: u32 = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK).bits();
    how.custom_flags(NOFOLLOW_NONBLOCK.cast_signed()).mode(0o600).open(path)
}

/// Removes what servers left that were killed.
pub(crate) fn sweep() {
    for place in [Path::new("/dev/shm").to_owned(), std::env::temp_dir()] {
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let process = name.to_str().and_then(|it| it.strip_prefix(PREFIX)?.split('-').next()?.parse::<i32>().ok());
            let Some(process) = process.and_then(rustix::process::Pid::from_raw) else { continue };
            if rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH) {
                std::fs::remove_dir_all(entry.path()).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(file: &str, shape: &[u64]) -> Shared {
        Shared { file: file.to_owned(), shape: shape.to_vec() }
    }

    #[test]
    fn a_picture_survives_the_way() {
        let room = Room::new(1 << 20).unwrap();
        let values: Vec<f32> = (0..12).map(|it| it as f32).collect();
        let put = room.put("in-0".to_owned(), &[1, 2, 2, 3], &values).unwrap();
        let Image(pixels) = room.image(&put).unwrap();
        assert_eq!(pixels.into_data().as_slice::<f32>().unwrap(), values);
        let smaller = room.put("in-1".to_owned(), &[1, 1, 2], &[1.0, 2.0]).unwrap();
        assert_eq!(room.mask(&smaller).unwrap().0.dims(), [1, 1, 2]);
    }

    #[test]
    fn shapes_that_lie_are_refused() {
        let room = Room::new(1 << 20).unwrap();
        room.put("in-0".to_owned(), &[1, 2, 2, 3], &[0.5; 12]).unwrap();
        for (shape, why) in [
            (&[1, 2, 2, 4][..], "needs 64 bytes"),
            (&[u64::MAX, 2, 2, 3], "too large"),
            (&[1 << 32, 1 << 32, 1, 3], "too large"),
            (&[2, 2, 3], "an IMAGE is"),
            (&[1, 1, 2, 6], "1 to 4 channels"),
        ] {
            let error = room.image(&shared("in-0", shape)).unwrap_err();
            assert!(error.contains(why), "{shape:?}: {error}");
        }
        assert!(room.latent(&shared("in-0", &[0, 4, 1]), None, None).is_err());
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        let room = Room::new(1 << 20).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", room.tensors().join("link")).unwrap();
        std::fs::create_dir(room.tensors().join("folder")).unwrap();
        for name in ["../x", "/etc/passwd", "link", "folder", "absent", "", "."] {
            assert!(room.mask(&shared(name, &[1, 1, 1])).is_err(), "{name}");
        }
        // And nothing is written through a link either.
        std::os::unix::fs::symlink("/dev/null", room.tensors().join("in-3")).unwrap();
        assert!(room.put("in-3".to_owned(), &[1], &[1.0]).is_err());
    }

    #[test]
    fn a_room_that_is_full_says_so_and_is_cleared() {
        let room = Room::new(1 << 16).unwrap();
        room.put("in-0".to_owned(), &[4], &[0.0; 4]).unwrap();
        assert!(!room.is_full());
        room.put("in-1".to_owned(), &[1 << 16], &[0.0; 1 << 16]).unwrap();
        assert!(room.is_full());
        room.begin();
        room.clear();
        assert!(!room.is_full() && !room.tensors().join("in-0").exists());
    }

    #[test]
    fn memory_that_nobody_looks_at_is_filled_again() {
        let room = Room::new(1 << 16).unwrap();
        let first = room.put("in-1".to_owned(), &[4], &[0.0; 4]).unwrap();
        room.freed(&[first.file.clone(), "in-7".to_owned(), "../x".to_owned()]);
        room.clear();
        let second = room.put("in-2".to_owned(), &[1, 1, 3], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(second.file, first.file);
        assert_eq!(room.mask(&second).unwrap().0.into_data().as_slice::<f32>().unwrap(), [1.0, 2.0, 3.0]);
        // This one is still looked at.
        assert_eq!(room.put("in-3".to_owned(), &[3], &[0.0; 3]).unwrap().file, "in-3");
    }
}
