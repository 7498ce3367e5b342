//! Scenes that cost a codec what photos cost it: dead leaves.
//!
//! Opaque ellipses of every size lie on each other, many small ones and few large ones. Their edges alone have the
//! spectrum of natural images, in which power falls with the square of the frequency; shading, texture of the same
//! spectrum, the softness of a lens and the noise of a sensor come on top.

use crate::random::Random;

/// The side of the texture, in pixels. It repeats.
const TILE: usize = 512;
/// The sizes of leaves, in short sides of the image.
const RADII: std::ops::Range<f64> = 0.008..0.45;
/// Enough to cover the ground about four times.
const LEAVES: usize = 3000;
/// The strongest texture, in levels of 255.
const TEXTURE: f32 = 36.0;
/// The noise of the sensor, in levels of 255: the standard deviation.
const NOISE: f32 = 1.8;

/// One surface.
struct Leaf {
    /// Red, green and blue, 0 to 255.
    colour: [f32; 3],
    /// How much lighter it gets from left to right and from top to bottom, over the short side of the image.
    shading: [f32; 2],
    /// How strong its texture is, in levels of 255.
    texture: f32,
    /// Where in the tile its texture begins.
    from: usize,
}

/// A scene as RGB bytes. The same for the same seed and size.
pub(crate) fn render(seed: u64, width: usize, height: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let tile = texture(&mut random);
    let mut leaves = vec![leaf(&mut random)];
    let mut map = vec![0_u16; width * height];
    for at in 1..=LEAVES {
        leaves.push(leaf(&mut random));
        cover(&mut random, &mut map, width, height, at as u16);
    }
    let short = width.min(height) as f32;
    let line = |y: usize| -> Vec<[f32; 3]> {
        let line = &map[y * width..(y + 1) * width];
        let lit = line.iter().enumerate().map(|(x, at)| {
            let leaf = &leaves[usize::from(*at)];
            let grain = tile[(leaf.from + (y % TILE) * TILE + x % TILE) % tile.len()] * leaf.texture;
            let light = grain + (leaf.shading[0] * x as f32 + leaf.shading[1] * y as f32) / short;
            leaf.colour.map(|channel| channel + light)
        });
        across(&lit.collect::<Vec<_>>())
    };
    let mut bytes = Vec::with_capacity(width * height * 3);
    let mut lines = [line(0), line(0), line(1.min(height - 1))];
    for y in 0..height {
        let [above, here, below] = &lines;
        for ((above, here), below) in above.iter().zip(here).zip(below) {
            let noise = gauss(&mut random) * NOISE;
            for ((above, here), below) in above.iter().zip(here).zip(below) {
                bytes.push(((above + 2.0 * here + below) / 4.0 + noise).round().clamp(0.0, 255.0) as u8);
            }
        }
        lines.rotate_left(1);
        lines[2] = line((y + 2).min(height - 1));
    }
    bytes
}

fn leaf(random: &mut Random) -> Leaf {
    let light = 25.0 + 200.0 * random.unit() as f32;
    // Most surfaces are nearly gray.
    let tint = |random: &mut Random| gauss(random) * 22.0;
    let (warm, green) = (tint(random), tint(random));
    Leaf {
        colour: [light + warm, light + green / 2.0, light - warm],
        shading: [gauss(random) * 40.0, gauss(random) * 40.0],
        texture: TEXTURE * (random.unit() * random.unit()) as f32,
        from: (random.unit() * (TILE * TILE) as f64) as usize,
    }
}

/// Lays an ellipse on the map.
fn cover(random: &mut Random, map: &mut [u16], width: usize, height: usize, leaf: u16) {
    let short = width.min(height) as f64;
    // Numbers fall with the cube of the radius.
    let [least, most] = [RADII.start.powi(-2), RADII.end.powi(-2)];
    let radius = (most + (least - most) * random.unit()).powf(-0.5) * short;
    let (slim, turn) = (0.4 + 0.6 * random.unit(), random.unit() * std::f64::consts::PI);
    let (middle_x, middle_y) = (random.unit() * width as f64, random.unit() * height as f64);
    let (sine, cosine) = turn.sin_cos();
    let rows = (middle_y - radius).max(0.0) as usize..((middle_y + radius).max(0.0) as usize).min(height);
    for y in rows {
        // Where the row cuts the ellipse: a quadratic in x.
        let dy = y as f64 - middle_y;
        let (u, v) = (cosine * cosine + sine * sine / (slim * slim), 1.0 - 1.0 / (slim * slim));
        let half = v * sine * cosine * dy;
        let rest = dy * dy * (sine * sine + cosine * cosine / (slim * slim)) - radius * radius;
        let inside = half * half - u * rest;
        if inside <= 0.0 {
            continue;
        }
        let [from, to] = [-1.0, 1.0].map(|sign| middle_x + (-half + sign * inside.sqrt()) / u);
        let (from, to) = (from.max(0.0) as usize, (to.max(0.0) as usize).min(width));
        if from < to {
            map[y * width + from..y * width + to].fill(leaf);
        }
    }
}

/// Noise with as much of it in each octave: about -1 to 1.
fn texture(random: &mut Random) -> Vec<f32> {
    let mut tile = vec![0.0; TILE * TILE];
    for step in [2, 4, 8, 16, 32, 64, 128] {
        let cells = TILE / step;
        let lattice: Vec<f32> = (0..cells * cells).map(|_| gauss(random) * 0.4).collect();
        let ease = |at: usize| {
            let along = (at % step) as f32 / step as f32;
            along * along * (3.0 - 2.0 * along)
        };
        for (at, value) in tile.iter_mut().enumerate() {
            let (x, y) = (at % TILE, at / TILE);
            let corner = |right: usize, down: usize| {
                lattice[(y / step + down) % cells * cells + (x / step + right) % cells]
            };
            let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * ease(x);
            let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * ease(x);
            *value += top + (bottom - top) * ease(y);
        }
    }
    tile
}

/// Half a lens: softens along a line.
fn across(line: &[[f32; 3]]) -> Vec<[f32; 3]> {
    let at = |x: usize, channel: usize| line[x.min(line.len() - 1)][channel];
    let softened = (0..line.len()).map(|x| {
        [0, 1, 2].map(|channel| {
            (at(x.saturating_sub(1), channel) + 2.0 * at(x, channel) + at(x + 1, channel)) / 4.0
        })
    });
    softened.collect()
}

/// A number with a mean of 0 and a standard deviation of 1, nearly normal.
fn gauss(random: &mut Random) -> f32 {
    let bits = random.next();
    let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
    (sum as f32 / 65535.0 - 2.0) * 3_f32.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_is_its_seeds_and_uses_the_whole_range() {
        let scene = render(1, 160, 120);
        assert_eq!(scene.len(), 160 * 120 * 3);
        assert_eq!(scene, render(1, 160, 120));
        assert_ne!(scene, render(2, 160, 120));
        let levels = |range: std::ops::Range<u8>| scene.iter().filter(|level| range.contains(level)).count();
        assert!(levels(0..64) > 2000 && levels(192..255) > 2000);
    }
}
