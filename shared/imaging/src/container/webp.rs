//! WebP: RIFF chunks, simple (one bitstream) or extended (VP8X with metadata, alpha or frames).

use storage_core::error::Result;
use storage_core::ports::ImageFormat;

use super::{MAX_ICC_BYTES, Stripped};
use crate::bytes::{array, le16, le24, le32};
use crate::exif::Orientation;
use crate::header::Header;
use crate::invalid;

const FLAG_ICC: u8 = 0x20;
const FLAG_ALPHA: u8 = 0x10;
const FLAG_EXIF: u8 = 0x08;
const FLAG_ANIMATION: u8 = 0x02;
/// Position, size, duration and flags of a frame, before its chunks.
const FRAME_HEADER: usize = 16;

/// Reads the first chunk.
pub(crate) fn probe(source: &[u8]) -> Result<Header> {
    let kind: [u8; 4] = array(source, 12).ok_or_else(|| invalid("the WebP header is cut"))?;
    let payload = source.get(20..).unwrap_or(&[]);
    let (width, height, alpha) = match &kind {
        b"VP8X" => canvas(payload).map(|(width, height)| (width, height, payload[0] & FLAG_ALPHA != 0)),
        _ => bitstream_size(kind, payload),
    }
    .ok_or_else(|| invalid("the WebP header is broken"))?;
    Ok(Header { format: ImageFormat::Webp, width, height, bytes_per_pixel: if alpha { 4 } else { 3 } })
}

/// Keeps the bitstreams with their alpha and frames, and an ICC profile of at most 64 KB; of EXIF, the orientation.
pub(crate) fn strip(source: &[u8]) -> Result<Stripped> {
    let size =
        le32(source, 4).and_then(|size| usize::try_from(size).ok()).and_then(|size| size.checked_add(8));
    let body = size
        .and_then(|size| source.get(12..size))
        .ok_or_else(|| invalid("the WebP is shorter than it says"))?;
    let chunks = read_chunks(body)?;
    let Some(first) = chunks.first() else { return Err(invalid("a WebP without chunks")) };
    if first.kind != *b"VP8X" {
        let mut out = Riff::new(source.len());
        out.push(first.kind, &[first.data]);
        return Ok(Stripped { bytes: out.finish(), orientation: Orientation::UPRIGHT, icc: None });
    }
    strip_extended(first.data, &chunks, source.len())
}

fn strip_extended(vp8x: &[u8], chunks: &[Chunk<'_>], capacity: usize) -> Result<Stripped> {
    let (width, height) = canvas(vp8x).ok_or_else(|| invalid("the WebP canvas is cut"))?;
    let is_animated = vp8x[0] & FLAG_ANIMATION != 0;
    let find = |kind: &[u8; 4]| chunks.iter().find(|chunk| chunk.kind == *kind).map(|chunk| chunk.data);
    let icc = find(b"ICCP").filter(|profile| profile.len() <= MAX_ICC_BYTES);
    let exif = find(b"EXIF").map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    let orientation = exif.map_or(Orientation::UPRIGHT, Orientation::from_tiff);

    // A lossy bitstream has no alpha of its own: without an ALPH chunk the flag would be wrong, as it often is.
    let has_alpha = is_animated || find(b"ALPH").is_some() || find(b"VP8L").is_some();
    let mut flags = vp8x[0] & FLAG_ANIMATION;
    flags |= if has_alpha { vp8x[0] & FLAG_ALPHA } else { 0 };
    flags |= if icc.is_some() { FLAG_ICC } else { 0 };
    flags |= if orientation.to_tiff().is_some() { FLAG_EXIF } else { 0 };

    let mut out = Riff::new(capacity);
    out.push(*b"VP8X", &[&[flags, 0, 0, 0], &vp8x[4..10]]);
    if let Some(profile) = icc {
        out.push(*b"ICCP", &[profile]);
    }
    if is_animated {
        out.push(*b"ANIM", &[find(b"ANIM").and_then(|anim| anim.get(..6)).unwrap_or(&[0; 6])]);
        for frame in chunks.iter().filter(|chunk| chunk.kind == *b"ANMF") {
            push_frame(&mut out, frame.data, (width, height))?;
        }
    } else {
        push_image(&mut out, chunks, (width, height))?;
    }
    if let Some(tiff) = orientation.to_tiff() {
        out.push(*b"EXIF", &[&tiff]);
    }
    Ok(Stripped { bytes: out.finish(), orientation, icc: icc.map(<[u8]>::to_vec) })
}

/// Copies the one image among `chunks`, which must have the size that was announced for it: the decoder allocates by
/// what the bitstream says.
fn push_image(out: &mut Riff, chunks: &[Chunk<'_>], announced: (u32, u32)) -> Result<()> {
    let image = chunks.iter().find(|chunk| matches!(&chunk.kind, b"VP8 " | b"VP8L"));
    let image = image.ok_or_else(|| invalid("a WebP without an image"))?;
    match bitstream_size(image.kind, image.data) {
        Some((width, height, _)) if (width, height) == announced => {}
        _ => return Err(invalid("a WebP image differs in size from its canvas")),
    }
    if let (b"VP8 ", Some(alpha)) = (&image.kind, chunks.iter().find(|chunk| chunk.kind == *b"ALPH")) {
        out.push(*b"ALPH", &[alpha.data]);
    }
    out.push(image.kind, &[image.data]);
    Ok(())
}

fn push_frame(out: &mut Riff, data: &[u8], canvas: (u32, u32)) -> Result<()> {
    let cut = || invalid("a WebP frame is cut");
    let (header, chunks) = data.split_at_checked(FRAME_HEADER).ok_or_else(cut)?;
    let read = |at| le24(header, at).ok_or_else(cut);
    let (x, y, width, height) = (read(0)? * 2, read(3)? * 2, read(6)? + 1, read(9)? + 1);
    if x + width > canvas.0 || y + height > canvas.1 {
        return Err(invalid("a WebP frame lies outside the canvas"));
    }
    let mut frame = Riff { bytes: Vec::with_capacity(data.len()) };
    push_image(&mut frame, &read_chunks(chunks)?, (width, height))?;
    out.push(*b"ANMF", &[header, &frame.bytes]);
    Ok(())
}

/// Width and height of the canvas in a VP8X chunk; its flags are the first byte.
fn canvas(vp8x: &[u8]) -> Option<(u32, u32)> {
    Some((le24(vp8x, 4)? + 1, le24(vp8x, 7)? + 1))
}

/// Width, height and alpha by the header of a VP8 key frame or a VP8L bitstream.
fn bitstream_size(kind: [u8; 4], data: &[u8]) -> Option<(u32, u32, bool)> {
    match &kind {
        b"VP8 " if data.first()? & 1 == 0 && data.get(3..6)? == [0x9d, 0x01, 0x2a] => {
            Some((u32::from(le16(data, 6)? & 0x3fff), u32::from(le16(data, 8)? & 0x3fff), false))
        }
        b"VP8L" if *data.first()? == 0x2f => {
            let header = le32(data, 1)?;
            Some(((header & 0x3fff) + 1, ((header >> 14) & 0x3fff) + 1, header & (1 << 28) != 0))
        }
        _ => None,
    }
}

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
}

fn read_chunks(mut body: &[u8]) -> Result<Vec<Chunk<'_>>> {
    let cut = || invalid("a WebP chunk is cut");
    let mut chunks = Vec::new();
    while !body.is_empty() {
        let kind = array(body, 0).ok_or_else(cut)?;
        let length = usize::try_from(le32(body, 4).ok_or_else(cut)?).map_err(|_| cut())?;
        let (data, rest) = body[8..].split_at_checked(length).ok_or_else(cut)?;
        // Chunks have even lengths; the byte that fills an odd one is not counted, and some writers forget the last.
        body = if length % 2 == 1 { rest.get(1..).unwrap_or(&[]) } else { rest };
        chunks.push(Chunk { kind, data });
    }
    Ok(chunks)
}

/// Chunks being written, with or without the file header.
struct Riff {
    bytes: Vec<u8>,
}

impl Riff {
    fn new(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity + 64);
        bytes.extend_from_slice(b"RIFF\0\0\0\0WEBP");
        Riff { bytes }
    }

    fn push(&mut self, kind: [u8; 4], parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.bytes.extend_from_slice(&kind);
        self.bytes.extend_from_slice(&(length as u32).to_le_bytes());
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        if length % 2 == 1 {
            self.bytes.push(0);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let size = (self.bytes.len() - 8) as u32;
        self.bytes[4..8].copy_from_slice(&size.to_le_bytes());
        self.bytes
    }
}
