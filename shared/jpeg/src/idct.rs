//! From the lowest frequencies of a block of 8x8 pixels to the same block at 1, 2, 4 or 8 pixels a side.
//!
//! In `f32` with operations in a fixed order, which IEEE 754 gives the same result everywhere.

use std::f32::consts::SQRT_2;

/// What the coefficient with index `frequency` is multiplied by before the transform of `size` points: the normalisation
/// of the transform, and factors that save it multiplications.
///
/// Every axis has a factor of 1/sqrt(8), whatever its size: a block keeps its mean.
pub(crate) fn scale_of(size: usize, frequency: usize) -> f32 {
    // sqrt(2) * cos(frequency * pi / 16), written down: a library's cosine may differ between machines.
    const EIGHT: [f32; 8] =
        [1.0, 1.387_039_8, 1.306_563, 1.175_875_6, 1.0, 0.785_694_96, 0.541_196_1, 0.275_899_4];
    let factor = match (size, frequency) {
        (_, 0) | (2, 1) | (4, 2) => 1.0,
        (4, 1 | 3) => SQRT_2,
        (8, 1..8) => EIGHT[frequency],
        _ => 0.0,
    };
    factor * 0.353_553_39
}

/// Makes a block of `W` by `H` pixels of coefficients, both in rows of 8 with what they are multiplied by, and writes it to
/// the rows of `out` that begin every `stride` bytes. Only the first `U` coefficients of the first `V` rows are read: the
/// others are zero, or higher than such a block shows.
#[inline]
pub(crate) fn inverse<const W: usize, const H: usize, const U: usize, const V: usize>(
    coefficients: &[i16; 64],
    factors: &[f32; 64],
    out: &mut [u8],
    stride: usize,
) {
    let mut rows = [[0.0; U]; V];
    for (y, row) in rows.iter_mut().enumerate() {
        for (x, level) in row.iter_mut().enumerate() {
            *level = f32::from(coefficients[y * 8 + x]) * factors[y * 8 + x];
        }
    }
    let rows: [[f32; U]; H] = transform(rows);
    let columns: [[f32; H]; W] = transform(transposed(rows));
    let rows = transposed(columns);
    for (row, line) in rows.iter().zip(out.chunks_mut(stride)) {
        for (value, pixel) in row.iter().zip(&mut line[..W]) {
            *pixel = to_pixel(*value);
        }
    }
}

/// A level around 0 to a pixel around 128, rounded.
#[inline(always)]
pub(crate) fn to_pixel(level: f32) -> u8 {
    // A sum of this size has no bits left for fractions, so that its low bits are the rounded level.
    const WHOLE: f32 = 12_582_912.0;
    let level = if level > -128.0 { level } else { -128.0 };
    let level = if level < 127.0 { level } else { 127.0 };
    (level + (WHOLE + 128.0)).to_bits() as u8
}

#[inline(always)]
fn transposed<const W: usize, const H: usize>(rows: [[f32; W]; H]) -> [[f32; H]; W] {
    let mut columns = [[0.0; H]; W];
    for (y, row) in rows.iter().enumerate() {
        for (x, value) in row.iter().enumerate() {
            columns[x][y] = *value;
        }
    }
    columns
}

/// The inverse transform of `N` points, for `L` of them side by side, of which the first `K` frequencies are given: all, or
/// the lower half of 8.
#[inline(always)]
fn transform<const K: usize, const N: usize, const L: usize>(given: [[f32; L]; K]) -> [[f32; L]; N] {
    let mut points = [[0.0; L]; N];
    for lane in 0..L {
        let at = |index: usize| given[index][lane];
        let mut put = |index: usize, value: f32| points[index][lane] = value;
        match (K, N) {
            (2, 2) => {
                put(0, at(0) + at(1));
                put(1, at(0) - at(1));
            }
            (4, 4) => four([at(0), at(1), at(2), at(3)]).into_iter().enumerate().for_each(|(i, v)| put(i, v)),
            (4, 8) => {
                let even = even_half(at(0), at(2), 0.0, 0.0);
                let odd = odd_half(at(1), at(1), at(3), -at(3));
                for index in 0..4 {
                    put(index, even[index] + odd[index]);
                    put(7 - index, even[index] - odd[index]);
                }
            }
            (8, 8) => {
                let even = even_half(at(0), at(2), at(4), at(6));
                let odd = odd_half(at(1) + at(7), at(1) - at(7), at(5) + at(3), at(5) - at(3));
                for index in 0..4 {
                    put(index, even[index] + odd[index]);
                    put(7 - index, even[index] - odd[index]);
                }
            }
            _ => put(0, at(0)),
        }
    }
    points
}

#[inline(always)]
fn four(v: [f32; 4]) -> [f32; 4] {
    const COS_1: f32 = 0.923_879_5;
    const COS_3: f32 = 0.382_683_43;
    let (even, odd) = (v[0] + v[2], v[0] - v[2]);
    let outer = v[1] * COS_1 + v[3] * COS_3;
    let inner = v[1] * COS_3 - v[3] * COS_1;
    [even + outer, odd + inner, odd - inner, even - outer]
}

/// What the even frequencies of 8 add to the first four points, by the factorisation of Arai, Agui and Nakajima.
#[inline(always)]
fn even_half(c0: f32, c2: f32, c4: f32, c6: f32) -> [f32; 4] {
    let (sum, difference) = (c0 + c4, c0 - c4);
    let pair = c2 + c6;
    let cross = (c2 - c6) * SQRT_2 - pair;
    [sum + pair, difference + cross, difference - cross, sum - pair]
}

/// The same of the odd frequencies, whose sums and differences are given: 1 and 7, then 5 and 3.
#[inline(always)]
fn odd_half(sum_17: f32, difference_17: f32, sum_53: f32, difference_53: f32) -> [f32; 4] {
    let first = sum_17 + sum_53;
    let rotated = (difference_53 + difference_17) * 1.847_759_1;
    let second = rotated - difference_53 * 2.613_126 - first;
    let third = (sum_17 - sum_53) * SQRT_2 - second;
    let fourth = rotated - difference_17 * 1.082_392_2 - third;
    [first, second, third, fourth]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in `f64`: the lowest frequencies of the transform of 8 points, evaluated at the centres of fewer.
    fn definition(coefficients: &[f64; 64], width: usize, height: usize) -> Vec<f64> {
        let basis = |size: usize, frequency: usize, at: usize| {
            let norm = if frequency == 0 { 1.0 } else { std::f64::consts::SQRT_2 };
            let angle = std::f64::consts::PI * (2 * at + 1) as f64 * frequency as f64 / (2 * size) as f64;
            norm * angle.cos() / 8_f64.sqrt()
        };
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let mut sum = 128.0;
                for v in 0..height {
                    for u in 0..width {
                        sum += coefficients[v * 8 + u] * basis(width, u, x) * basis(height, v, y);
                    }
                }
                pixels.push(sum.clamp(0.0, 255.0));
            }
        }
        pixels
    }

    fn check<const W: usize, const H: usize>() {
        check_of::<W, H, W, H>();
    }

    fn check_of<const W: usize, const H: usize, const U: usize, const V: usize>() {
        let mut state = 7_u32;
        for round in 0..200 {
            let mut given = [0.0_f64; 64];
            let (mut coefficients, mut factors) = ([0; 64], [0.0; 64]);
            for (index, given) in given.iter_mut().enumerate() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let is_given = index % 8 < U && index / 8 < V;
                let size = if index == 0 { 1000 } else { 4000 / (index as i32 + 1) * (round % 3) };
                let size = if is_given { size } else { 0 };
                let value = if size > 0 { (state >> 8) as i32 % size } else { 0 };
                *given = f64::from(value);
                coefficients[index] = value as i16;
                factors[index] = scale_of(W, index % 8) * scale_of(H, index / 8);
            }
            let mut out = vec![7; 11 * H];
            inverse::<W, H, U, V>(&coefficients, &factors, &mut out, 11);
            for (index, expected) in definition(&given, W, H).into_iter().enumerate() {
                let found = f64::from(out[index / W * 11 + index % W]);
                assert!((found - expected).abs() < 0.51, "{W}x{H}, {index}: {found} for {expected}");
            }
            assert!(out.iter().enumerate().all(|(index, &byte)| index % 11 < W || byte == 7));
        }
    }

    #[test]
    fn every_size_is_what_its_definition_says() {
        check::<1, 1>();
        check::<2, 1>();
        check::<1, 2>();
        check::<4, 1>();
        check::<1, 4>();
        check::<2, 2>();
        check::<4, 2>();
        check::<2, 4>();
        check::<4, 4>();
        check::<8, 2>();
        check::<2, 8>();
        check::<8, 4>();
        check::<4, 8>();
        check::<8, 8>();
        check_of::<8, 8, 4, 4>();
    }

    #[test]
    fn pixels_are_rounded_and_limited() {
        let levels = [-1e30, -128.4, -0.4, 0.4, 0.6, 126.6, 127.0, 500.0, 1e30];
        assert_eq!(levels.map(to_pixel), [0, 0, 128, 128, 129, 255, 255, 255, 255]);
    }
}
