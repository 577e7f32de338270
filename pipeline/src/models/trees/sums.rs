//! Sums of gradients by column and bin, in whole numbers: the order of addition does not matter, so any number of threads gives the same.

use rayon::prelude::*;

use super::bins::BINS;

/// A gradient is at most 2 to this.
const BITS: i32 = 18;
/// Of so many rows, sums of gradients fit into half of 64 bits.
const BLOCK: usize = 4096;
/// Fewer rows than this are added by one thread.
const SHARED: usize = 4 * BLOCK;

/// Gradient and curvature of each row, as whole numbers in one: the gradient in the upper half, the curvature, which is never negative, in the lower.
pub struct Packed {
    rows: Vec<i64>,
    /// What one means of gradient and curvature.
    units: [f64; 2],
}

/// Sums of gradient and curvature in units.
pub type Sum = [i64; 2];

fn unpack(packed: i64) -> Sum {
    [packed >> 32, packed & 0xffff_ffff]
}

/// The power of two that is one unit, where the largest of all is `most`.
fn unit(most: f64) -> f64 {
    let exponent = if most > 0.0 { most.log2().ceil() as i32 } else { 0 };
    2f64.powi(exponent.max(-900) - BITS)
}

impl Packed {
    /// Packs gradients and curvatures of rows.
    pub fn new(gradients: &[[f64; 2]]) -> Self {
        let most = gradients.par_iter().map(|[g, h]| [g.abs(), *h]).reduce(|| [0.0; 2], |a, b| [a[0].max(b[0]), a[1].max(b[1])]);
        let units = most.map(unit);
        let packed = |[g, h]: &[f64; 2]| ((g / units[0]).round() as i64) * (1 << 32) + (h / units[1]).round() as i64;
        Self { rows: gradients.par_iter().map(packed).collect(), units }
    }

    /// A sum as gradient and curvature.
    pub fn real(&self, sum: Sum) -> [f64; 2] {
        [sum[0] as f64 * self.units[0], sum[1] as f64 * self.units[1]]
    }

    /// The sum over rows.
    pub fn sum(&self, rows: &[u32]) -> Sum {
        rows.iter().fold([0, 0], |sum, row| {
            let [g, h] = unpack(self.rows[*row as usize]);
            [sum[0] + g, sum[1] + h]
        })
    }
}

/// Sums by column and bin.
#[derive(Clone)]
pub struct Sums(Vec<[Sum; BINS]>);

impl Sums {
    /// Of `rows`, whose bins stand row by row in `bins`, `width` each.
    pub fn of(rows: &[u32], bins: &[u8], width: usize, packed: &Packed) -> Self {
        let nothing = || (Self(vec![[[0, 0]; BINS]; width]), vec![[0i64; BINS]; width]);
        let add = |(mut sums, mut block): (Self, Vec<[i64; BINS]>), rows: &[u32]| {
            sums.add(rows, bins, packed, &mut block);
            (sums, block)
        };
        if rows.len() < SHARED {
            return rows.chunks(BLOCK).fold(nothing(), add).0;
        }
        let parts = rows.par_chunks(BLOCK).fold(nothing, add).map(|(sums, _)| sums);
        parts.reduce_with(Self::plus).unwrap_or_else(|| nothing().0)
    }

    /// Adds a block of rows: to sums that fit into 64 bits together first, and these to all.
    fn add(&mut self, rows: &[u32], bins: &[u8], packed: &Packed, block: &mut [[i64; BINS]]) {
        let width = block.len();
        for &row in rows {
            let (row, gradient) = (row as usize * width, packed.rows[row as usize]);
            for (column, bin) in block.iter_mut().zip(&bins[row..row + width]) {
                column[*bin as usize] += gradient;
            }
        }
        for (sums, block) in self.0.iter_mut().flatten().zip(block.iter_mut().flatten()) {
            let [g, h] = unpack(*block);
            *sums = [sums[0] + g, sums[1] + h];
            *block = 0;
        }
    }

    fn plus(mut self, other: Self) -> Self {
        self.0.iter_mut().flatten().zip(other.0.iter().flatten()).for_each(|(sum, more)| *sum = [sum[0] + more[0], sum[1] + more[1]]);
        self
    }

    /// The same without rows that are among them.
    pub fn without(mut self, some: &Self) -> Self {
        self.0.iter_mut().flatten().zip(some.0.iter().flatten()).for_each(|(sum, less)| *sum = [sum[0] - less[0], sum[1] - less[1]]);
        self
    }

    /// Those of a column, by bin.
    pub fn column(&self, column: usize) -> &[Sum; BINS] {
        &self.0[column]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of more rows than a block holds, at the largest gradients there are, against sums that are taken one by one.
    #[test]
    fn sums_are_exact_and_parts_add_up() {
        let count = 5 * BLOCK + 77;
        let gradients: Vec<[f64; 2]> = (0..count).map(|row| [if row % 3 == 0 { -1.0 } else { 0.75 }, if row % 5 == 0 { 0.25 } else { 0.125 }]).collect();
        let bins: Vec<u8> = (0..count).flat_map(|row| [(row % 7) as u8, 255]).collect();
        let packed = Packed::new(&gradients);
        let rows: Vec<u32> = (0..count as u32).collect();
        let all = Sums::of(&rows, &bins, 2, &packed);
        for bin in 0..7 {
            let by_hand = (0..count).filter(|row| row % 7 == bin).fold([0.0; 2], |sum, row| [sum[0] + gradients[row][0], sum[1] + gradients[row][1]]);
            assert_eq!(packed.real(all.column(0)[bin]), by_hand, "{bin}");
        }
        assert_eq!(all.column(1)[255], packed.sum(&rows));
        let (some, others): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| *row % 11 < 3);
        let of = |rows: &[u32]| Sums::of(rows, &bins, 2, &packed);
        assert!(all.without(&of(&some)).0 == of(&others).0);
    }
}
