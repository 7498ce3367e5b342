//! A square of shades, on which a round pen draws.

use super::font::Stroke;

/// How many shades there are, from nothing to full.
pub(super) const SHADES: u8 = 16;

/// Shades from 0 to `SHADES - 1`, row by row.
pub(super) struct Canvas {
    side: usize,
    shades: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(side: usize) -> Self {
        Canvas { side, shades: vec![0; side * side] }
    }

    /// In pixels.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.shades.chunks_exact(self.side)
    }

    /// Draws along `stroke` with a pen of this radius, all in pixels. A pixel is covered by as much of it as the edge of
    /// the pen leaves inside; where strokes meet, the fuller one counts.
    pub(super) fn stroke(&mut self, stroke: &Stroke, radius: f32) {
        let [left, top, right, bottom] = stroke.bounds();
        let reach = radius + 1.0;
        let first = |from: f32| (from - reach).floor().max(0.0) as usize;
        let end = |to: f32| ((to + reach).ceil().max(0.0) as usize).min(self.side);
        let (columns, rows) = (first(left)..end(right), first(top)..end(bottom));
        for y in rows {
            for x in columns.clone() {
                let distance = stroke.distance(x as f32 + 0.5, y as f32 + 0.5);
                let covered = (radius - distance + 0.5).clamp(0.0, 1.0);
                let shade = (covered * f32::from(SHADES - 1) + 0.5) as u8;
                let pixel = &mut self.shades[y * self.side + x];
                *pixel = shade.max(*pixel);
            }
        }
    }
}
