//! The blocked matrix product that linear layers, convolutions and attention share.
//!
//! A panel of the left operand lies as `[k][ROWS]`, one of the right as `[k][COLUMNS]`: the inner loop reads both front to back, and
//! holds `ROWS x COLUMNS` sums in registers.
#![expect(unsafe_op_in_unsafe_fn, reason = "these functions are the inner loops of one unsafe kernel")]

use super::simd::{Kernel, Simd};
use super::stored::Stored;

/// Sums at most so many products before going back to memory: two panels of this length stay close.
pub(crate) const DEPTH: usize = 384;

/// What a finished tile does to the memory below it.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// Adds to it.
    Add,
    /// Takes its place.
    Set,
    /// Takes its place, with a number added to each row.
    SetRows(*const f32),
    /// Takes its place, with a number added to each column.
    SetColumns(*const f32),
    /// Adds to it after multiplying each column.
    Scale(*const f32),
}

impl End {
    #[inline(always)]
    unsafe fn moved(self, rows: usize, columns: usize) -> Self {
        match self {
            Self::SetRows(p) => Self::SetRows(p.add(rows)),
            Self::SetColumns(p) => Self::SetColumns(p.add(columns)),
            Self::Scale(p) => Self::Scale(p.add(columns)),
            other => other,
        }
    }
}

/// `c (rows x columns) ← a b` for one tile; `a` holds its rows side by side, `step` floats from one `k` to the next.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd>(
    k: usize,
    (a, step): (*const f32, usize),
    b: *const f32,
    (c, stride): (*mut f32, usize),
    rows: usize,
    columns: usize,
    end: End,
) {
    if S::ROWS >= 12 && rows > 10 {
        sums::<S, 12>(k, a, step, b, c, stride, rows, columns, end);
    } else if S::ROWS >= 12 && rows > 8 {
        sums::<S, 10>(k, a, step, b, c, stride, rows, columns, end);
    } else if S::ROWS >= 12 && rows > 6 {
        sums::<S, 8>(k, a, step, b, c, stride, rows, columns, end);
    } else if S::ROWS >= 6 && rows > 4 {
        sums::<S, 6>(k, a, step, b, c, stride, rows, columns, end);
    } else if rows > 2 {
        sums::<S, 4>(k, a, step, b, c, stride, rows, columns, end);
    } else {
        sums::<S, 2>(k, a, step, b, c, stride, rows, columns, end);
    }
}

#[inline(always)]
unsafe fn sums<S: Simd, const R: usize>(
    k: usize,
    mut a: *const f32,
    step: usize,
    mut b: *const f32,
    c: *mut f32,
    stride: usize,
    rows: usize,
    columns: usize,
    end: End,
) {
    let mut t = [[S::zero(); 2]; R];
    for _ in 0..k {
        let (b0, b1) = (S::load(b), S::load(b.add(S::LANES)));
        for (i, t) in t.iter_mut().enumerate() {
            let a = S::splat(*a.add(i));
            t[0] = S::fma(a, b0, t[0]);
            t[1] = S::fma(a, b1, t[1]);
        }
        a = a.add(step);
        b = b.add(S::COLUMNS);
    }
    if columns == S::COLUMNS {
        for (i, t) in t.iter().enumerate().take(rows) {
            let p = c.add(i * stride);
            for (j, &t) in t.iter().enumerate() {
                let p = p.add(j * S::LANES);
                let v = match end {
                    End::Add => S::add(S::load(p), t),
                    End::Set => t,
                    End::SetRows(bias) => S::add(S::splat(*bias.add(i)), t),
                    End::SetColumns(bias) => S::add(S::load(bias.add(j * S::LANES)), t),
                    End::Scale(factor) => S::fma(S::load(p), S::load(factor.add(j * S::LANES)), t),
                };
                S::store(p, v);
            }
        }
    } else {
        for (i, t) in t.iter().enumerate().take(rows) {
            let p = c.add(i * stride);
            for (j, &t) in t.iter().enumerate() {
                let p = p.add(j * S::LANES);
                let n = columns.saturating_sub(j * S::LANES).min(S::LANES);
                if n == 0 {
                    continue;
                }
                let v = match end {
                    End::Add => S::add(S::load_part(p, n), t),
                    End::Set => t,
                    End::SetRows(bias) => S::add(S::splat(*bias.add(i)), t),
                    End::SetColumns(bias) => S::add(S::load(bias.add(j * S::LANES)), t),
                    End::Scale(factor) => S::fma(S::load_part(p, n), S::load(factor.add(j * S::LANES)), t),
                };
                S::store_part(p, v, n);
            }
        }
    }
}

/// `c (rows x columns) ← a b` over packed panels. The left panels `[ROWS]` are each `k` long, and so are the right ones.
pub(crate) struct Product {
    pub(crate) k: usize,
    pub(crate) a: *const f32,
    pub(crate) b: *const f32,
    pub(crate) c: *mut f32,
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) end: End,
}

impl Kernel for Product {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { k, a, b, c, stride, rows, columns, end } = self;
        // Left panels in handfuls that stay in the second-level cache while the right ones pass by.
        let handful = 8 * S::ROWS;
        let mut i0 = 0;
        while i0 < rows {
            let i1 = (i0 + handful).min(rows);
            let mut j = 0;
            while j < columns {
                let width = (columns - j).min(S::COLUMNS);
                let mut i = i0;
                while i < i1 {
                    let height = (i1 - i).min(S::ROWS);
                    let target = (c.add(i * stride + j), stride);
                    tile::<S>(k, (a.add(i * k), S::ROWS), b.add(j * k), target, height, width, end.moved(i, j));
                    i += S::ROWS;
                }
                j += S::COLUMNS;
            }
            i0 = i1;
        }
    }
}

/// Lays rows `[rows][k]` side by side: `out[k][..]`, `pitch` floats from one `k` to the next; rows up to `width` are zeros.
pub(crate) struct Turn<E> {
    pub(crate) rows: usize,
    pub(crate) k: usize,
    pub(crate) source: *const E,
    /// Elements from one row to the next.
    pub(crate) stride: usize,
    pub(crate) out: *mut f32,
    pub(crate) pitch: usize,
    pub(crate) width: usize,
}

impl<E: Stored> Kernel for Turn<E> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { rows, k, source, stride, out, pitch, width } = self;
        let mut r0 = 0;
        while r0 < width {
            let n = (width - r0).min(S::LANES);
            let held = rows.saturating_sub(r0).min(n);
            let mut kk = 0;
            while kk + S::LANES <= k {
                let mut square = S::square();
                for (i, v) in square.as_mut().iter_mut().enumerate().take(held) {
                    *v = E::load::<S>(source.add((r0 + i) * stride + kk));
                }
                S::transpose(&mut square);
                if n == S::LANES {
                    for (i, &v) in square.as_ref().iter().enumerate() {
                        S::store(out.add((kk + i) * pitch + r0), v);
                    }
                } else {
                    for (i, &v) in square.as_ref().iter().enumerate() {
                        S::store_part(out.add((kk + i) * pitch + r0), v, n);
                    }
                }
                kk += S::LANES;
            }
            while kk < k {
                for i in 0..n {
                    *out.add(kk * pitch + r0 + i) = if i < held { (*source.add((r0 + i) * stride + kk)).widen() } else { 0.0 };
                }
                kk += 1;
            }
            r0 += S::LANES;
        }
    }
}
