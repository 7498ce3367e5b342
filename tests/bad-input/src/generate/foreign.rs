//! Other formats, and files that are two formats at once.

use storage_testkit::images::parts::{deflate_bomb, with_chunks, with_segments};

use super::{drawing, photo};

/// A drawing that runs a script.
pub fn svg() -> Vec<u8> {
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><rect width='9' height='9'/></svg>".to_vec()
}

/// A page.
pub fn html() -> Vec<u8> {
    b"<!DOCTYPE html><html><script>alert(1)</script></html>".to_vec()
}

/// A Windows bitmap of one pixel.
pub fn bmp() -> Vec<u8> {
    let header = b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0";
    [&header[..], &[0; 24], &[0, 0, 255, 0]].concat()
}

/// A TIFF.
pub fn tiff() -> Vec<u8> {
    b"II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0".to_vec()
}

/// An icon.
pub fn ico() -> Vec<u8> {
    b"\0\0\x01\0\x01\0\x01\x01\0\0\x01\0\x18\0\x30\0\0\0\x16\0\0\0".to_vec()
}

/// A photo of a phone.
pub fn heic() -> Vec<u8> {
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()
}

/// AV1's still picture.
pub fn avif() -> Vec<u8> {
    b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf".to_vec()
}

/// Photoshop's own format.
pub fn psd() -> Vec<u8> {
    b"8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x01\0\0\0\x01\0\x08\0\x03".to_vec()
}

/// High dynamic range.
pub fn exr() -> Vec<u8> {
    b"\x76\x2f\x31\x01\x02\0\0\0channels\0chlist\0".to_vec()
}

/// The Quite OK Image Format.
pub fn qoi() -> Vec<u8> {
    b"qoif\0\0\0\x01\0\0\0\x01\x03\0\xfe\xff\0\0\0\0\0\0\0\0\0\x01".to_vec()
}

/// A JPEG with an archive behind it.
pub fn jpeg_and_zip() -> Vec<u8> {
    [photo(), zip(b"index.php", b"<?php system($_GET[0]);")].concat()
}

/// A PNG with a script behind it.
pub fn png_and_php() -> Vec<u8> {
    [drawing().as_slice(), b"<?php system($_GET[0]); ?>"].concat()
}

/// A JPEG that readers of PDF open: their header may stand anywhere in the first kilobyte.
pub fn jpeg_and_pdf() -> Vec<u8> {
    let start = b"%PDF-1.4\n1 0 obj<</Length 9999>>stream\n".to_vec();
    let end = b"\nendstream endobj\ntrailer<</Root 2 0 R>>\n%%EOF\n";
    [with_segments(&photo(), &[(0xfe, start)]), end.to_vec()].concat()
}

/// A PNG that is a page to whoever believes a name.
pub fn png_and_html() -> Vec<u8> {
    with_chunks(&drawing(), &[(b"teXt", b"<html><script>alert(1)</script><!--")])
}

/// An archive of one file of 1 GB.
pub fn zip_bomb() -> Vec<u8> {
    const LENGTH: u32 = 1 << 30;
    archive(b"0.dll", 8, &deflate_bomb(u64::from(LENGTH)), LENGTH)
}

/// An archive of one file.
pub fn zip(name: &[u8], data: &[u8]) -> Vec<u8> {
    archive(name, 0, data, data.len() as u32)
}

fn archive(name: &[u8], method: u8, stored: &[u8], length: u32) -> Vec<u8> {
    let sizes = [(stored.len() as u32).to_le_bytes(), length.to_le_bytes()].concat();
    let named = [(name.len() as u16).to_le_bytes(), [0, 0]].concat();
    // Version, flags, method, time, date, checksum: nothing here unpacks it.
    let about = [20, 0, 0, 0, method, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let local = [b"PK\x03\x04", about.as_slice(), &sizes, &named, name, stored].concat();
    let central = [b"PK\x01\x02\x14\0", about.as_slice(), &sizes, &named, [0; 14].as_slice(), name].concat();
    let places = [(central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes()].concat();
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", places.as_slice(), &[0, 0]].concat();
    [local, central, end].concat()
}
