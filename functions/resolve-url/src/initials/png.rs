//! The smallest PNG writer that a drawing in shades of one colour needs.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::canvas::{Canvas, SHADES};

/// The drawing in white on `colour`: four bits a pixel, and a palette of the shades between.
pub(super) fn encode(canvas: &Canvas, colour: [u8; 3]) -> Vec<u8> {
    let side = (canvas.side() as u32).to_be_bytes();
    // Four bits, palette, the one compression and filter method there is, not interlaced.
    let header = [&side[..], &side, &[4, 3, 0, 0, 0]].concat();
    let palette: Vec<u8> =
        (0..SHADES).flat_map(|shade| colour.map(|sample| lighter(sample, shade))).collect();
    let mut rows = Vec::new();
    for row in canvas.rows() {
        // Each row begins with the number of its filter: none.
        rows.push(0);
        rows.extend(row.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)));
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    push_chunk(&mut file, b"IHDR", &header);
    push_chunk(&mut file, b"PLTE", &palette);
    push_chunk(&mut file, b"IDAT", &deflated(&rows));
    push_chunk(&mut file, b"IEND", &[]);
    file
}

/// A sample on its way to white, all the way at the last shade.
fn lighter(sample: u8, shade: u8) -> u8 {
    let (sample, shade, last) = (u32::from(sample), u32::from(shade), u32::from(SHADES - 1));
    (sample + ((255 - sample) * shade + last / 2) / last) as u8
}

fn push_chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend_from_slice(kind);
    file.extend_from_slice(data);
    let checksum = crc32fast::hash(&file[start..]);
    file.extend_from_slice(&checksum.to_be_bytes());
}

fn deflated(rows: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let written = encoder.write_all(rows).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}
