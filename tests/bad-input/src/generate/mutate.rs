//! Damage by chance: cut, flipped bits, replaced bytes, pieces of another file.

use storage_testkit::trials::Random;

use super::{drawing, exif, foreign, frames, jpeg, photo};

/// Good and bad files that are small enough to damage often.
pub fn originals() -> Vec<Vec<u8>> {
    let mut files = vec![
        photo(),
        drawing(),
        jpeg::cmyk(),
        jpeg::ycck(),
        jpeg::blank(64, 48),
        exif::turned_with_place(),
        exif::png_disagreeing(),
        exif::webp_disagreeing(),
        frames::animated_webp(),
        frames::animated_png(),
        frames::gif_claims_65535(),
        storage_testkit::images::parts::LOSSY_WEBP.to_vec(),
        foreign::jpeg_and_pdf(),
        foreign::png_and_html(),
    ];
    let (first, second) = (super::plain([200, 10, 10]), super::plain([10, 10, 200]));
    files.push(storage_testkit::images::parts::gif(&[&first, &second], 160, 120));
    files
}

/// One of `files`, damaged one to four times.
pub fn damaged(files: &[Vec<u8>], random: &Random) -> Vec<u8> {
    let mut file = random.pick(files).clone();
    for _ in 0..=random.below(4) {
        if file.is_empty() {
            break;
        }
        // Headers are where decoders decide how much to allocate.
        let reach = if random.chance(1, 2) { file.len().min(64) } else { file.len() };
        let at = random.below(reach);
        match random.below(6) {
            0 => file.truncate(at),
            1 | 2 => file[at] ^= 1 << random.below(8),
            3 => file[at] = *random.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            4 => {
                let other = random.pick(files);
                let from = random.below(other.len());
                let length = random.below(256).min(other.len() - from);
                let end = (at + length).min(file.len());
                file.splice(at..end, other[from..from + length].iter().copied());
            }
            _ => {
                let end = (at + 1 + random.below(64)).min(file.len());
                let piece = file[at..end].to_vec();
                file.splice(at..at, piece);
            }
        }
    }
    file
}
