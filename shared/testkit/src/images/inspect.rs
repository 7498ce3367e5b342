//! Image files taken apart, by a reading of the formats that shares no code with the product's own.

/// Whether `wanted` is anywhere in `bytes`.
pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Why a JPEG or PNG holds more than its pixels: metadata, a comment, a second file behind it. `None` for a clean one.
pub fn excess(file: &[u8]) -> Option<String> {
    if file.starts_with(b"\x89PNG") {
        let kinds = png_chunks(file);
        return (kinds != ["IHDR", "IDAT", "IEND"]).then(|| format!("{kinds:?}"));
    }
    let (markers, end) = jpeg_markers(file);
    let is_pixels = |marker: &u8| matches!(marker, 0xe0 | 0xdb | 0xc0 | 0xc2 | 0xc4 | 0xdd | 0xda);
    if !markers.iter().all(is_pixels) {
        return Some(format!("{markers:x?}"));
    }
    (end != file.len()).then(|| format!("{} bytes behind the end", file.len() - end))
}

/// The kinds of the chunks of a PNG, each run of one kind once.
pub fn png_chunks(file: &[u8]) -> Vec<&str> {
    let (mut at, mut kinds) = (8, Vec::new());
    while at < file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let kind = std::str::from_utf8(&file[at + 4..at + 8]).unwrap();
        if kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
        at += length + 12;
    }
    kinds
}

/// The markers of a JPEG up to its end marker, and the offset behind that.
pub fn jpeg_markers(file: &[u8]) -> (Vec<u8>, usize) {
    let (mut at, mut markers) = (2, Vec::new());
    loop {
        assert_eq!(file[at], 0xff, "a marker at {at}");
        let marker = file[at + 1];
        if marker == 0xd9 {
            return (markers, at + 2);
        }
        markers.push(marker);
        at += 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        if marker == 0xda {
            while file[at] != 0xff || matches!(file[at + 1], 0 | 0xd0..=0xd7) {
                at += 1;
            }
        }
    }
}

/// Width and height by the header of a JPEG or PNG.
pub fn dimensions(file: &[u8]) -> (u32, u32) {
    if file.starts_with(b"\x89PNG") {
        let side = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        return (side(16), side(20));
    }
    let mut at = 2;
    while !matches!(file[at + 1], 0xc0..=0xc2) {
        at += 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
    }
    let side = |at: usize| u32::from(u16::from_be_bytes([file[at], file[at + 1]]));
    (side(at + 7), side(at + 5))
}

#[cfg(test)]
mod tests {
    use super::super::{jpeg, png, with_comment};
    use super::*;

    #[test]
    fn what_is_beside_the_pixels_is_named() {
        let (photo, drawing) = (jpeg(40, 30, 1), png(40, 30, 1));
        assert_eq!((excess(&photo), excess(&drawing)), (None, None));
        assert_eq!((dimensions(&photo), dimensions(&drawing)), ((40, 30), (40, 30)));
        assert!(excess(&with_comment(&photo, b"hello")).is_some_and(|found| found.contains("fe")));
        assert!(excess(&[&photo[..], b"PK"].concat()).is_some());
        assert!(excess(&super::super::parts::with_chunks(&drawing, &[(b"tEXt", b"a\0b")])).is_some());
    }
}
