//! What the CPU arms share: instruction sets, memory, threads, and the blocked matrix product.

pub(crate) mod int8;
pub(crate) mod memory;
pub(crate) mod simd;
pub(crate) mod stored;
pub(crate) mod tile;

use rayon::prelude::*;
use simd::{Arm, Kernel};

/// Runs `task(0..count)` on the threads of rayon's global pool, the one that Flex uses too.
pub(crate) fn parallel(count: usize, task: impl Fn(usize) + Sync + Send) {
    match count {
        0 => {}
        1 => task(0),
        _ => (0..count).into_par_iter().with_max_len(1).for_each(task),
    }
}

/// Runs a computation of many small operations on a thread of the pool that the kernels share.
///
/// From any other thread each operation has to wake the pool and be woken by it, which takes longer than a product of a small language
/// model. The computation must not wait for a lock that another computation on the pool may hold.
pub fn on_the_pool<R: Send>(compute: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| compute())
}

/// [`parallel`] where each task is a kernel.
///
/// # Safety
/// As [`Arm::launch`], for every task; no two tasks write the same memory.
pub(crate) unsafe fn launch_all<K: Kernel>(arm: Arm, count: usize, task: impl Fn(usize) -> K + Sync + Send) {
    // SAFETY: the caller answers for every task.
    parallel(count, |it| unsafe { arm.launch(task(it)) });
}

/// How many threads share the work.
pub(crate) fn threads() -> usize {
    rayon::current_num_threads()
}

/// A pointer that may be handed to several threads, which then touch disjoint or read-only memory.
#[derive(Debug)]
pub(crate) struct Shared<T>(pub(crate) *mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: a pointer does nothing by itself; the unsafe code that follows it answers for disjointness.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) fn of(slice: &[T]) -> Self {
        Self(slice.as_ptr().cast_mut())
    }

    /// The pointer, taken as a whole so that closures capture the wrapper and not its field.
    pub(crate) fn at(self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

/// Splits `total` into equal blocks no longer than `limit`, lengths rounded up to `unit`: the length of a block.
pub(crate) fn block(total: usize, limit: usize, unit: usize) -> usize {
    let blocks = total.div_ceil(limit).max(1);
    total.div_ceil(blocks).next_multiple_of(unit).max(unit)
}
