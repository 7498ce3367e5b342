//! Averages over squares of pixels, row by row, so that a large image is never in memory as a whole.

use crate::pixels::{Layout, Pixels};

/// Makes one pixel of every square of `factor` pixels a side, of rows that come one after the other. Colours are weighted
/// by their alpha.
pub(crate) struct Shrinker {
    layout: Layout,
    width: usize,
    factor: usize,
    /// For each sample of the source's row, the sum over the rows of the squares so far.
    sums: Vec<u32>,
    rows: usize,
    data: Vec<u8>,
}

impl Shrinker {
    /// The factor that leaves twice `short_side` of a side of `short`; 1 for what is not to be shrunk.
    pub(crate) fn factor(short: u32, short_side: u32) -> u32 {
        // Squares of more pixels could be more than a sum holds.
        (short / (2 * short_side).max(1)).clamp(1, 64)
    }

    pub(crate) fn new(layout: Layout, width: u32, factor: u32) -> Self {
        let width = width as usize;
        let sums = vec![0; width * layout.channels()];
        Shrinker { layout, width, factor: factor as usize, sums, rows: 0, data: Vec::new() }
    }

    /// Takes the next row: `width` pixels.
    pub(crate) fn push(&mut self, row: &[u8]) {
        let channels = self.layout.channels();
        if self.layout.has_alpha() {
            for (sums, pixel) in self.sums.chunks_exact_mut(channels).zip(row.chunks_exact(channels)) {
                let alpha = u32::from(pixel[channels - 1]);
                for (sum, sample) in sums.iter_mut().zip(&pixel[..channels - 1]) {
                    *sum += u32::from(*sample) * alpha;
                }
                sums[channels - 1] += alpha;
            }
        } else {
            for (sum, sample) in self.sums.iter_mut().zip(row) {
                *sum += u32::from(*sample);
            }
        }
        self.rows += 1;
        if self.rows == self.factor {
            self.flush();
        }
    }

    /// Ends a row of squares. Those at the right edge, and the last ones, may have fewer pixels.
    fn flush(&mut self) {
        let channels = self.layout.channels();
        for square in self.sums.chunks(self.factor * channels) {
            let count = (square.len() / channels * self.rows) as u64;
            let mut totals = [0_u64; 4];
            for pixel in square.chunks_exact(channels) {
                totals.iter_mut().zip(pixel).for_each(|(total, sum)| *total += u64::from(*sum));
            }
            let weight = if self.layout.has_alpha() { totals[channels - 1] } else { count };
            let colours = if self.layout.has_alpha() { channels - 1 } else { channels };
            let mean = |total: u64, of: u64| (total + of / 2).checked_div(of).unwrap_or(0) as u8;
            self.data.extend(totals[..colours].iter().map(|total| mean(*total, weight)));
            if self.layout.has_alpha() {
                self.data.push(mean(weight, count));
            }
        }
        self.sums.fill(0);
        self.rows = 0;
    }

    /// The pixels of all squares.
    pub(crate) fn finish(mut self) -> Pixels {
        if self.rows > 0 {
            self.flush();
        }
        let width = self.width.div_ceil(self.factor);
        let height = self.data.len() / (width * self.layout.channels()).max(1);
        Pixels { width: width as u32, height: height as u32, layout: self.layout, data: self.data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrunk(layout: Layout, width: u32, factor: u32, rows: &[&[u8]]) -> Pixels {
        let mut shrinker = Shrinker::new(layout, width, factor);
        rows.iter().for_each(|row| shrinker.push(row));
        shrinker.finish()
    }

    #[test]
    fn squares_become_their_means_also_at_the_edges() {
        let gray = shrunk(Layout::Gray, 3, 2, &[&[1, 3, 100], &[5, 8, 103], &[7, 9, 11]]);
        assert_eq!((gray.width, gray.height, gray.data), (2, 2, vec![4, 102, 8, 11]));
    }

    #[test]
    fn what_is_transparent_adds_no_colour() {
        let rows: [&[u8]; 2] = [&[200, 100, 50, 255, 9, 9, 9, 0], &[100, 0, 150, 255, 9, 9, 9, 0]];
        let one = shrunk(Layout::Rgba, 2, 2, &rows);
        assert_eq!(one.data, [150, 50, 100, 128]);
        assert_eq!(shrunk(Layout::GrayAlpha, 1, 1, &[&[77, 0]]).data, [0, 0]);
    }

    #[test]
    fn at_least_twice_the_wanted_side_is_left() {
        let factors = [(300, 300), (600, 300), (1199, 300), (1200, 300), (3000, 300), (1, 32)]
            .map(|(short, wanted)| Shrinker::factor(short, wanted));
        assert_eq!(factors, [1, 1, 1, 2, 5, 1]);
    }
}
