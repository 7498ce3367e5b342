//! The picture of somebody who has no avatar: initials, or a silhouette, on a colour of their own.
//!
//! It depends on the id, the name and the size only, and is drawn here: a function that reads links no image codec.

mod canvas;
mod font;
mod letters;
mod png;

use storage_core::ids::EntityId;
use storage_core::key::VariantSize;

use canvas::Canvas;
use font::{Glyph, Stroke};

/// What white letters and the silhouette stand on. Each has a contrast of at least 4.5 to 1 with white.
const COLOURS: [[u8; 3]; 16] = [
    [0xb4, 0x23, 0x1f],
    [0xb4, 0x3e, 0x0e],
    [0x97, 0x5a, 0x08],
    [0x5f, 0x6b, 0x12],
    [0x3f, 0x73, 0x17],
    [0x14, 0x75, 0x3f],
    [0x0d, 0x70, 0x66],
    [0x0c, 0x6c, 0x85],
    [0x06, 0x62, 0x9c],
    [0x1f, 0x4f, 0xc4],
    [0x46, 0x3a, 0xc0],
    [0x70, 0x2c, 0xc0],
    [0x93, 0x22, 0xa4],
    [0xb0, 0x1e, 0x70],
    [0x47, 0x55, 0x69],
    [0x5a, 0x52, 0x4d],
];

/// The height of capital letters from top to bottom centre line, as a fraction of the side, by their number.
const HEIGHTS: [f32; 2] = [0.42, 0.34];
/// Most of the side that letters may fill from centre line to centre line.
const WIDEST: f32 = 0.62;
/// Half the width of a stroke, as a fraction of the height of capital letters.
const PEN: f32 = 0.082;
/// The space between two letters, from centre line to centre line, as a fraction of their height.
const GAP: f32 = 0.36;

/// The picture as PNG.
pub(crate) fn draw(entity: EntityId, name: Option<&str>, size: VariantSize) -> Vec<u8> {
    let side = match size {
        VariantSize::Small => 32,
        VariantSize::Medium => 150,
        VariantSize::Large | VariantSize::Original => 300,
    };
    let mut canvas = Canvas::new(side);
    match name.and_then(letters::of).as_deref() {
        Some([first]) => write(&mut canvas, &[first]),
        Some([first, second]) => write(&mut canvas, &[first, second]),
        _ => silhouette(&mut canvas),
    }
    png::encode(&canvas, colour(entity))
}

fn colour(entity: EntityId) -> [u8; 3] {
    // Neighbouring ids differ in few bits: a checksum spreads them.
    let hash = crc32fast::hash(entity.as_uuid().as_bytes());
    COLOURS[hash as usize % COLOURS.len()]
}

/// Writes one letter or two in the middle.
fn write(canvas: &mut Canvas, glyphs: &[&Glyph]) {
    let side = canvas.side() as f32;
    let width: f32 = glyphs.iter().map(|glyph| glyph.width).sum::<f32>() + GAP * (glyphs.len() - 1) as f32;
    let height = (HEIGHTS[glyphs.len() - 1] * side).min(WIDEST * side / width);
    let (mut left, top) = ((side - width * height) / 2.0, (side - height) / 2.0);
    for glyph in glyphs {
        for stroke in glyph.strokes {
            canvas.stroke(&stroke.placed(left, top, height), PEN * height);
        }
        left += (glyph.width + GAP) * height;
    }
}

/// A head over shoulders that the lower edge cuts.
fn silhouette(canvas: &mut Canvas) {
    let side = canvas.side() as f32;
    let dot = |x: f32, y: f32| Stroke::Line(x, y, x, y).placed(0.0, 0.0, side);
    canvas.stroke(&dot(0.5, 0.39), 0.175 * side);
    let shoulders = Stroke::Line(0.46, 0.98, 0.54, 0.98).placed(0.0, 0.0, side);
    canvas.stroke(&shoulders, 0.34 * side);
}

#[cfg(test)]
mod tests;
