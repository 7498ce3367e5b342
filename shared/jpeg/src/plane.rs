//! The pixels of a component.

use std::ops::Range;

use crate::idct::inverse;

/// A rectangle of blocks, each of which has become some pixels.
#[derive(Debug, Default)]
pub(crate) struct Plane {
    data: Vec<u8>,
    /// The width in pixels.
    stride: usize,
    /// The columns and rows of blocks that it has; others are not drawn.
    columns: Range<usize>,
    rows: Range<usize>,
    /// The size of a block in pixels.
    block: (usize, usize),
}

impl Plane {
    pub(crate) fn new(columns: Range<usize>, rows: Range<usize>, block: (usize, usize)) -> Self {
        let stride = columns.len() * block.0;
        Plane { data: vec![0; stride * rows.len() * block.1], stride, columns, rows, block }
    }

    /// Whether it has the block in column `x` of row `y`.
    #[inline(always)]
    pub(crate) fn has(&self, x: usize, y: usize) -> bool {
        self.columns.contains(&x) && self.rows.contains(&y)
    }

    /// What begins with the first pixel of a block; nothing for a block that it does not have.
    #[inline(always)]
    fn from(&mut self, x: usize, y: usize) -> &mut [u8] {
        let start = (y.wrapping_sub(self.rows.start))
            .wrapping_mul(self.block.1 * self.stride)
            .wrapping_add(x.wrapping_sub(self.columns.start).wrapping_mul(self.block.0));
        self.data.get_mut(start..).unwrap_or_default()
    }

    /// Gives all pixels of a block one level.
    #[inline(always)]
    pub(crate) fn fill(&mut self, x: usize, y: usize, pixel: u8) {
        let ((width, height), stride) = (self.block, self.stride);
        for line in self.from(x, y).chunks_mut(stride.max(1)).take(height) {
            line[..width].fill(pixel);
        }
    }

    /// Writes a block from its coefficients, in rows of 8 with what they are multiplied by. `last` is the index, in the
    /// order of the file, of the last one that is not zero.
    #[inline(always)]
    pub(crate) fn draw(
        &mut self,
        (x, y): (usize, usize),
        coefficients: &[i16; 64],
        factors: &[f32; 64],
        last: usize,
    ) {
        /// The coefficients up to here, in the order of the file, are in the first four columns and rows.
        const LOW: usize = 9;
        let (block, stride) = (self.block, self.stride);
        let out = self.from(x, y);
        if out.is_empty() {
            return;
        }
        let draw = match block {
            (1, 1) => inverse::<1, 1, 1, 1>,
            (1, 2) => inverse::<1, 2, 1, 2>,
            (1, 4) => inverse::<1, 4, 1, 4>,
            (2, 1) => inverse::<2, 1, 2, 1>,
            (2, 2) => inverse::<2, 2, 2, 2>,
            (2, 4) => inverse::<2, 4, 2, 4>,
            (2, 8) => inverse::<2, 8, 2, 8>,
            (4, 1) => inverse::<4, 1, 4, 1>,
            (4, 2) => inverse::<4, 2, 4, 2>,
            (4, 4) => inverse::<4, 4, 4, 4>,
            (4, 8) => inverse::<4, 8, 4, 8>,
            (8, 2) => inverse::<8, 2, 8, 2>,
            (8, 4) => inverse::<8, 4, 8, 4>,
            // No scale and ratio give another size than 8 by 8.
            _ if last <= LOW => inverse::<8, 8, 4, 4>,
            _ => inverse::<8, 8, 8, 8>,
        };
        draw(coefficients, factors, out, stride);
    }

    /// Its first `width` by `height` pixels, each of them `spread` times across and down.
    pub(crate) fn into_pixels(mut self, width: usize, height: usize, spread: (usize, usize)) -> Vec<u8> {
        if spread == (1, 1) {
            for y in 1..height {
                self.data.copy_within(y * self.stride..y * self.stride + width, y * width);
            }
            self.data.truncate(width * height);
            return self.data;
        }
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = &self.data[y / spread.1 * self.stride..][..self.stride];
            pixels.extend(row.iter().flat_map(|&pixel| std::iter::repeat_n(pixel, spread.0)).take(width));
        }
        pixels
    }
}
