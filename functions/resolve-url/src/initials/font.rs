//! Letters and digits as centre lines: a height of 1 from the top (0) to the base line (1), each as wide as it needs.

/// A stroke of a pen, by its centre line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stroke {
    /// From a point to a point; a dot where both are one.
    Line(f32, f32, f32, f32),
    /// Of a circle with this centre and radius, clockwise from one direction to another: degrees from the right,
    /// multiples of 15, the second larger than the first.
    Arc(f32, f32, f32, i16, i16),
}

/// A letter or digit.
#[derive(Debug)]
pub(super) struct Glyph {
    pub(super) width: f32,
    pub(super) strokes: &'static [Stroke],
}

impl Stroke {
    /// The same, with its origin moved and its unit stretched.
    pub(super) fn placed(self, left: f32, top: f32, unit: f32) -> Self {
        let (x, y) = (|x: f32| left + x * unit, |y: f32| top + y * unit);
        match self {
            Stroke::Line(x1, y1, x2, y2) => Stroke::Line(x(x1), y(y1), x(x2), y(y2)),
            Stroke::Arc(cx, cy, radius, from, to) => Stroke::Arc(x(cx), y(cy), radius * unit, from, to),
        }
    }

    /// Left, top, right and bottom of what contains it.
    pub(super) fn bounds(&self) -> [f32; 4] {
        match *self {
            Stroke::Line(x1, y1, x2, y2) => [x1.min(x2), y1.min(y2), x1.max(x2), y1.max(y2)],
            Stroke::Arc(x, y, radius, ..) => [x - radius, y - radius, x + radius, y + radius],
        }
    }

    /// How far a point is from it.
    pub(super) fn distance(&self, x: f32, y: f32) -> f32 {
        match *self {
            Stroke::Line(x1, y1, x2, y2) => {
                let (along_x, along_y) = (x2 - x1, y2 - y1);
                let length = along_x * along_x + along_y * along_y;
                let place =
                    if length > 0.0 { ((x - x1) * along_x + (y - y1) * along_y) / length } else { 0.0 };
                let place = place.clamp(0.0, 1.0);
                between(x, y, x1 + along_x * place, y1 + along_y * place)
            }
            Stroke::Arc(cx, cy, radius, from, to) => {
                let (from_x, from_y) = direction(from);
                let (to_x, to_y) = direction(to);
                let (dx, dy) = (x - cx, y - cy);
                let after_start = from_x * dy - from_y * dx >= 0.0;
                let before_end = dx * to_y - dy * to_x >= 0.0;
                let is_within = match to - from {
                    360.. => true,
                    181.. => after_start || before_end,
                    _ => after_start && before_end,
                };
                if is_within {
                    (between(x, y, cx, cy) - radius).abs()
                } else {
                    let end =
                        |(to_x, to_y): (f32, f32)| between(x, y, cx + radius * to_x, cy + radius * to_y);
                    end((from_x, from_y)).min(end((to_x, to_y)))
                }
            }
        }
    }
}

fn between(x1: f32, y1: f32, x2: f32, y2: f32) -> f32 {
    ((x1 - x2) * (x1 - x2) + (y1 - y2) * (y1 - y2)).sqrt()
}

/// The sines of 0, 15, .. 90 degrees. A table, because a machine's own differ from another's in the last bit.
const SINES: [f32; 7] = [0.0, 0.258_819_04, 0.5, 0.707_106_77, 0.866_025_4, 0.965_925_8, 1.0];

fn direction(degrees: i16) -> (f32, f32) {
    (sine(degrees + 90), sine(degrees))
}

fn sine(degrees: i16) -> f32 {
    let degrees = degrees.rem_euclid(360);
    let (degrees, sign) = if degrees > 180 { (degrees - 180, -1.0) } else { (degrees, 1.0) };
    let quarter = if degrees > 90 { 180 - degrees } else { degrees };
    sign * SINES[usize::from(quarter.unsigned_abs()) / 15]
}

/// The glyph of `A` to `Z` or `0` to `9`; `None` for anything else.
pub(super) fn glyph(letter: char) -> Option<&'static Glyph> {
    let index = match letter {
        'A'..='Z' => letter as usize - 'A' as usize,
        '0'..='9' => letter as usize - '0' as usize + 26,
        _ => return None,
    };
    GLYPHS.get(index)
}

use Stroke::{Arc, Line};

const fn letter(width: f32, strokes: &'static [Stroke]) -> Glyph {
    Glyph { width, strokes }
}

static GLYPHS: [Glyph; 36] = [
    // A to Z
    letter(0.78, &[Line(0.0, 1.0, 0.39, 0.0), Line(0.39, 0.0, 0.78, 1.0), Line(0.132, 0.66, 0.648, 0.66)]),
    letter(
        0.6,
        &[
            Line(0.0, 0.0, 0.0, 1.0),
            Line(0.0, 0.0, 0.32, 0.0),
            Arc(0.32, 0.24, 0.24, -90, 90),
            Line(0.0, 0.48, 0.34, 0.48),
            Arc(0.34, 0.74, 0.26, -90, 90),
            Line(0.0, 1.0, 0.34, 1.0),
        ],
    ),
    letter(
        0.66,
        &[Arc(0.35, 0.35, 0.35, 180, 330), Line(0.0, 0.35, 0.0, 0.65), Arc(0.35, 0.65, 0.35, 30, 180)],
    ),
    letter(
        0.66,
        &[
            Line(0.0, 0.0, 0.0, 1.0),
            Line(0.0, 0.0, 0.28, 0.0),
            Arc(0.28, 0.38, 0.38, -90, 0),
            Line(0.66, 0.38, 0.66, 0.62),
            Arc(0.28, 0.62, 0.38, 0, 90),
            Line(0.28, 1.0, 0.0, 1.0),
        ],
    ),
    letter(
        0.54,
        &[
            Line(0.0, 0.0, 0.0, 1.0),
            Line(0.0, 0.0, 0.54, 0.0),
            Line(0.0, 0.49, 0.47, 0.49),
            Line(0.0, 1.0, 0.54, 1.0),
        ],
    ),
    letter(0.52, &[Line(0.0, 0.0, 0.0, 1.0), Line(0.0, 0.0, 0.52, 0.0), Line(0.0, 0.5, 0.45, 0.5)]),
    letter(
        0.7,
        &[
            Arc(0.35, 0.35, 0.35, 180, 330),
            Line(0.0, 0.35, 0.0, 0.65),
            Arc(0.35, 0.65, 0.35, 0, 180),
            Line(0.7, 0.65, 0.7, 0.54),
            Line(0.7, 0.54, 0.42, 0.54),
        ],
    ),
    letter(0.64, &[Line(0.0, 0.0, 0.0, 1.0), Line(0.64, 0.0, 0.64, 1.0), Line(0.0, 0.49, 0.64, 0.49)]),
    letter(0.0, &[Line(0.0, 0.0, 0.0, 1.0)]),
    letter(0.46, &[Line(0.46, 0.0, 0.46, 0.75), Arc(0.21, 0.75, 0.25, 0, 150)]),
    letter(0.64, &[Line(0.0, 0.0, 0.0, 1.0), Line(0.6, 0.0, 0.0, 0.62), Line(0.22, 0.393, 0.64, 1.0)]),
    letter(0.52, &[Line(0.0, 0.0, 0.0, 1.0), Line(0.0, 1.0, 0.52, 1.0)]),
    letter(
        0.82,
        &[
            Line(0.0, 1.0, 0.0, 0.0),
            Line(0.0, 0.0, 0.41, 0.64),
            Line(0.41, 0.64, 0.82, 0.0),
            Line(0.82, 0.0, 0.82, 1.0),
        ],
    ),
    letter(0.66, &[Line(0.0, 1.0, 0.0, 0.0), Line(0.0, 0.0, 0.66, 1.0), Line(0.66, 1.0, 0.66, 0.0)]),
    letter(
        0.74,
        &[
            Arc(0.37, 0.37, 0.37, 180, 360),
            Line(0.0, 0.37, 0.0, 0.63),
            Line(0.74, 0.37, 0.74, 0.63),
            Arc(0.37, 0.63, 0.37, 0, 180),
        ],
    ),
    letter(
        0.58,
        &[
            Line(0.0, 0.0, 0.0, 1.0),
            Line(0.0, 0.0, 0.3, 0.0),
            Arc(0.3, 0.28, 0.28, -90, 90),
            Line(0.3, 0.56, 0.0, 0.56),
        ],
    ),
    letter(
        0.74,
        &[
            Arc(0.37, 0.37, 0.37, 180, 360),
            Line(0.0, 0.37, 0.0, 0.63),
            Line(0.74, 0.37, 0.74, 0.63),
            Arc(0.37, 0.63, 0.37, 0, 180),
            Line(0.46, 0.76, 0.74, 1.04),
        ],
    ),
    letter(
        0.62,
        &[
            Line(0.0, 0.0, 0.0, 1.0),
            Line(0.0, 0.0, 0.32, 0.0),
            Arc(0.32, 0.28, 0.28, -90, 90),
            Line(0.32, 0.56, 0.0, 0.56),
            Line(0.3, 0.56, 0.62, 1.0),
        ],
    ),
    letter(
        0.6,
        &[
            Arc(0.34, 0.245, 0.245, -90, -30),
            Line(0.34, 0.0, 0.265, 0.0),
            Arc(0.265, 0.245, 0.245, 90, 270),
            Line(0.265, 0.49, 0.345, 0.49),
            Arc(0.345, 0.745, 0.255, -90, 90),
            Line(0.345, 1.0, 0.26, 1.0),
            Arc(0.26, 0.745, 0.255, 90, 150),
        ],
    ),
    letter(0.64, &[Line(0.0, 0.0, 0.64, 0.0), Line(0.32, 0.0, 0.32, 1.0)]),
    letter(0.66, &[Line(0.0, 0.0, 0.0, 0.67), Arc(0.33, 0.67, 0.33, 0, 180), Line(0.66, 0.67, 0.66, 0.0)]),
    letter(0.74, &[Line(0.0, 0.0, 0.37, 1.0), Line(0.37, 1.0, 0.74, 0.0)]),
    letter(
        1.04,
        &[
            Line(0.0, 0.0, 0.26, 1.0),
            Line(0.26, 1.0, 0.52, 0.12),
            Line(0.52, 0.12, 0.78, 1.0),
            Line(0.78, 1.0, 1.04, 0.0),
        ],
    ),
    letter(0.64, &[Line(0.0, 0.0, 0.64, 1.0), Line(0.64, 0.0, 0.0, 1.0)]),
    letter(0.66, &[Line(0.0, 0.0, 0.33, 0.5), Line(0.66, 0.0, 0.33, 0.5), Line(0.33, 0.5, 0.33, 1.0)]),
    letter(0.58, &[Line(0.0, 0.0, 0.58, 0.0), Line(0.58, 0.0, 0.0, 1.0), Line(0.0, 1.0, 0.58, 1.0)]),
    // 0 to 9
    letter(
        0.58,
        &[
            Arc(0.29, 0.29, 0.29, 180, 360),
            Line(0.0, 0.29, 0.0, 0.71),
            Line(0.58, 0.29, 0.58, 0.71),
            Arc(0.29, 0.71, 0.29, 0, 180),
        ],
    ),
    letter(0.26, &[Line(0.0, 0.2, 0.26, 0.0), Line(0.26, 0.0, 0.26, 1.0)]),
    letter(0.56, &[Arc(0.28, 0.28, 0.28, 195, 405), Line(0.478, 0.478, 0.0, 1.0), Line(0.0, 1.0, 0.56, 1.0)]),
    letter(
        0.56,
        &[Arc(0.29, 0.245, 0.245, 210, 450), Line(0.2, 0.49, 0.29, 0.49), Arc(0.29, 0.745, 0.255, -90, 150)],
    ),
    letter(0.6, &[Line(0.46, 1.0, 0.46, 0.0), Line(0.46, 0.0, 0.0, 0.72), Line(0.0, 0.72, 0.6, 0.72)]),
    letter(
        0.57,
        &[Line(0.5, 0.0, 0.08, 0.0), Line(0.08, 0.0, 0.052, 0.472), Arc(0.27, 0.69, 0.308, -135, 135)],
    ),
    letter(
        0.58,
        &[Arc(0.29, 0.71, 0.29, 0, 360), Line(0.0, 0.71, 0.0, 0.32), Arc(0.32, 0.32, 0.32, 180, 315)],
    ),
    letter(0.54, &[Line(0.0, 0.0, 0.54, 0.0), Line(0.54, 0.0, 0.18, 1.0)]),
    letter(0.56, &[Arc(0.28, 0.235, 0.235, 0, 360), Arc(0.28, 0.735, 0.265, 0, 360)]),
    letter(
        0.58,
        &[Arc(0.29, 0.29, 0.29, 0, 360), Line(0.58, 0.29, 0.58, 0.68), Arc(0.26, 0.68, 0.32, 0, 135)],
    ),
];
