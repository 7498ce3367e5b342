//! What a client shows while an image loads: a thumbhash of about 25 bytes, and one colour.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use storage_core::ports::Placeholder;

use crate::pixels::Pixels;

/// The longest side, in pixels, that a thumbhash is made from. It keeps seven waves along a side: more pixels cost time
/// and show nothing.
pub(crate) const MAX_SIDE: u32 = 32;

/// The placeholder of an image whose sides have at most [`MAX_SIDE`] pixels.
pub(crate) fn placeholder(pixels: &Pixels) -> Placeholder {
    let rgba = to_rgba(pixels);
    let hash = thumbhash::rgba_to_thumb_hash(pixels.width as usize, pixels.height as usize, &rgba);
    Placeholder { thumbhash: STANDARD.encode(hash), average_color: average_color(&rgba) }
}

fn to_rgba(pixels: &Pixels) -> Vec<u8> {
    let rgb = pixels.clone().into_rgb();
    let opaque = |pixel: &[u8]| [pixel[0], pixel[1], pixel[2], 255];
    if rgb.layout.has_alpha() { rgb.data } else { rgb.data.chunks_exact(3).flat_map(opaque).collect() }
}

/// The mean colour, weighted by alpha; black where nothing is visible.
fn average_color(rgba: &[u8]) -> String {
    let mut sums = [0_u64; 4];
    for pixel in rgba.chunks_exact(4) {
        let alpha = u64::from(pixel[3]);
        for (sum, sample) in sums.iter_mut().zip(&pixel[..3]) {
            *sum += u64::from(*sample) * alpha;
        }
        sums[3] += alpha;
    }
    let weight = sums[3].max(1);
    let [red, green, blue] = [0, 1, 2].map(|channel| (sums[channel] + weight / 2) / weight);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Layout;

    #[test]
    fn average_ignores_what_is_transparent() {
        let data = vec![200, 100, 50, 255, 0, 255, 0, 0];
        let pixels = Pixels { width: 2, height: 1, layout: Layout::Rgba, data };
        assert_eq!(placeholder(&pixels).average_color, "#c86432");
    }

    #[test]
    fn every_legal_size_has_a_thumbhash() {
        for (width, height) in [(1, 1), (1, 100), (100, 1), (100, 100), (3, 77)] {
            let data = vec![90; (width * height) as usize];
            let pixels = Pixels { width, height, layout: Layout::Gray, data };
            let placeholder = placeholder(&pixels);
            assert_eq!(placeholder.average_color, "#5a5a5a");
            let hash = STANDARD.decode(placeholder.thumbhash).unwrap();
            assert!((5..=25).contains(&hash.len()), "{width}x{height}: {} bytes", hash.len());
        }
    }
}
