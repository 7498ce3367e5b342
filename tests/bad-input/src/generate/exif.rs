//! EXIF blocks: loops, counts, values that mean nothing, and opinions that disagree.

use storage_testkit::images::parts::{bitstream, riff, vp8x, webp, with_chunks, with_segments};
use storage_testkit::images::{tiff, with_exif_gps, with_orientation};

use super::{CANARY, drawing, photo, plain};

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const XMP_UPSIDE_DOWN: &[u8] =
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/' xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='3'/>";

/// A first directory without orientation that names itself as the next one.
pub fn looping() -> Vec<u8> {
    // One entry, ResolutionUnit, then the offset of the directory itself.
    with_exif(b"MM\0*\0\0\0\x08\0\x01\x01\x28\0\x03\0\0\0\x01\0\x02\0\0\0\0\0\x08")
}

/// The same loop behind an orientation of 6.
pub fn looping_behind_an_orientation() -> Vec<u8> {
    let mut block = tiff(6, None);
    block[22..26].copy_from_slice(&[0, 0, 0, 8]);
    with_exif(&block)
}

/// Orientation 99.
pub fn orientation_99() -> Vec<u8> {
    with_orientation(&photo(), 99).to_vec()
}

/// Orientation 0.
pub fn orientation_0() -> Vec<u8> {
    with_orientation(&photo(), 0).to_vec()
}

/// An orientation that is text.
pub fn orientation_text() -> Vec<u8> {
    entry_changed(12, &[0, 2])
}

/// An orientation of 4,294,967,295 values.
pub fn orientation_count() -> Vec<u8> {
    entry_changed(14, &[0xff; 4])
}

/// Orientation 6, with a place that is a canary.
pub fn turned_with_place() -> Vec<u8> {
    let turned = with_exif_gps(&photo(), 6, 52, 13);
    with_segments(&turned, &[(0xe1, [XMP, CANARY].concat())])
}

/// A JPEG whose EXIF says 6 and whose XMP says 3.
pub fn jpeg_disagreeing() -> Vec<u8> {
    let xmp = [XMP, XMP_UPSIDE_DOWN].concat();
    with_segments(&photo(), &[(0xe1, xmp), (0xe1, [b"Exif\0\0", tiff(6, None).as_slice()].concat())])
}

/// A PNG whose eXIf says 6 and whose XMP says 3.
pub fn png_disagreeing() -> Vec<u8> {
    let xmp = [b"XML:com.adobe.xmp\0\0\0\0\0", XMP_UPSIDE_DOWN].concat();
    with_chunks(&drawing(), &[(b"iTXt", &xmp), (b"eXIf", &tiff(6, None))])
}

/// A WebP whose EXIF says 6 and whose XMP says 3.
pub fn webp_disagreeing() -> Vec<u8> {
    let image = bitstream(&webp(&plain([10, 120, 200]), 160, 120));
    riff(&[
        (b"VP8X", vp8x(0x0c, 160, 120)),
        (b"VP8L", image),
        (b"EXIF", tiff(6, None)),
        (b"XMP ", XMP_UPSIDE_DOWN.to_vec()),
    ])
}

/// A JPEG whose XMP says 6 and that has no EXIF.
pub fn xmp_alone() -> Vec<u8> {
    let turned = XMP_UPSIDE_DOWN.iter().map(|byte| if *byte == b'3' { b'6' } else { *byte });
    with_segments(&photo(), &[(0xe1, XMP.iter().copied().chain(turned).collect())])
}

fn with_exif(block: &[u8]) -> Vec<u8> {
    with_segments(&photo(), &[(0xe1, [b"Exif\0\0", block].concat())])
}

/// The photo with orientation 6 whose one entry has other bytes at `at` of its block.
fn entry_changed(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut block = tiff(6, None);
    block[at..at + bytes.len()].copy_from_slice(bytes);
    with_exif(&block)
}
