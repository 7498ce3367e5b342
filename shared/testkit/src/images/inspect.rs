//! Image files taken apart, by a reading of the formats that shares no code with the product's own.

/// Whether `wanted` is anywhere in `bytes`.
pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Why a JPEG, PNG or lossy WebP holds more than its pixels: metadata, a comment, a second file behind it. `None` for a clean one.
pub fn excess(file: &[u8]) -> Option<String> {
    if file.starts_with(b"\x89PNG") {
        let kinds = png_chunks(file);
        return (kinds != ["IHDR", "IDAT", "IEND"]).then(|| format!("{kinds:?}"));
    }
    if file.starts_with(b"RIFF") {
        return webp_excess(file);
    }
    let (markers, end) = jpeg_markers(file);
    let is_pixels = |marker: &u8| matches!(marker, 0xe0 | 0xdb | 0xc0 | 0xc2 | 0xc4 | 0xdd | 0xda);
    if !markers.iter().all(is_pixels) {
        return Some(format!("{markers:x?}"));
    }
    (end != file.len()).then(|| format!("{} bytes behind the end", file.len() - end))
}

/// An opaque image is one chunk; one with alpha says that it has alpha, and has nothing else to say.
fn webp_excess(file: &[u8]) -> Option<String> {
    let size = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize + 8;
    if size != file.len() {
        return Some(format!("{} bytes that say they are {size}", file.len()));
    }
    let kinds = webp_chunks(file);
    let flags = if kinds.first() == Some(&"VP8X") { &file[20..24] } else { &[0x10, 0, 0, 0] };
    let is_plain = kinds == ["VP8 "] || kinds == ["VP8X", "ALPH", "VP8 "];
    (!is_plain || flags != [0x10, 0, 0, 0]).then(|| format!("{kinds:?}, {flags:x?}"))
}

/// The kinds of the chunks of a WebP.
pub fn webp_chunks(file: &[u8]) -> Vec<&str> {
    let (mut at, mut kinds) = (12, Vec::new());
    while at < file.len() {
        kinds.push(std::str::from_utf8(&file[at..at + 4]).unwrap());
        let length = u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
        at += 8 + length + length % 2;
    }
    kinds
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

/// Width and height by the header of a JPEG, PNG or lossy WebP.
pub fn dimensions(file: &[u8]) -> (u32, u32) {
    if file.starts_with(b"\x89PNG") {
        let side = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        return (side(16), side(20));
    }
    if file.starts_with(b"RIFF") {
        // The start code of the lossy bitstream, wherever it is.
        let at = file.windows(3).position(|window| window == [0x9d, 0x01, 0x2a]).unwrap() + 3;
        let side = |at: usize| u32::from(u16::from_le_bytes([file[at], file[at + 1]]) & 0x3fff);
        return (side(at), side(at + 2));
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
    use super::super::parts::{LOSSY_WEBP, bitstream, riff, vp8x};
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

    #[test]
    fn what_is_beside_the_pixels_of_a_webp_is_named() {
        assert_eq!((excess(&LOSSY_WEBP), webp_chunks(&LOSSY_WEBP)), (None, vec!["VP8 "]));
        assert_eq!(dimensions(&LOSSY_WEBP), (2, 2));
        let image = bitstream(&LOSSY_WEBP);
        let with = |flags, kind: &[u8; 4]| {
            riff(&[(b"VP8X", vp8x(flags, 2, 2)), (kind, vec![0, 0]), (b"VP8 ", image.clone())])
        };
        assert_eq!(excess(&with(0x10, b"ALPH")), None);
        for wrong in [with(0x18, b"ALPH"), with(0x10, b"EXIF"), with(0x10, b"XMP ")] {
            assert!(excess(&wrong).is_some());
        }
        assert!(excess(&[&LOSSY_WEBP[..], b"PK"].concat()).is_some());
        assert!(excess(&riff(&[(b"VP8 ", image.clone()), (b"XMP ", vec![7; 4])])).is_some());
    }
}
