//! PNG: a signature and chunks, each with a checksum.

use std::io::Read;

use storage_core::error::Result;
use storage_core::ports::ImageFormat;

use super::{MAX_ICC_BYTES, Stripped};
use crate::bytes::{array, be32};
use crate::exif::Orientation;
use crate::header::Header;
use crate::{invalid, sniff};

const SIGNATURE_LENGTH: usize = 8;

/// Reads the signature and IHDR.
pub(crate) fn probe(source: &[u8]) -> Result<Header> {
    let ihdr = Chunks::new(source)?.next_chunk()?;
    let cut = || invalid("the PNG header is cut");
    if ihdr.kind != *b"IHDR" || ihdr.data.len() != 13 {
        return Err(invalid("a PNG that does not start with its header"));
    }
    let width = be32(ihdr.data, 0).ok_or_else(cut)?;
    let height = be32(ihdr.data, 4).ok_or_else(cut)?;
    let [depth, colour] = array(ihdr.data, 8).ok_or_else(cut)?;
    let channels = match colour {
        0 => 1,
        4 => 2,
        2 => 3,
        // A palette may have alpha.
        3 | 6 => 4,
        _ => return Err(invalid("a PNG colour type that does not exist")),
    };
    let bytes_per_pixel = if depth == 16 { channels * 2 } else { channels };
    Ok(Header { format: ImageFormat::Png, width, height, bytes_per_pixel })
}

/// Keeps the critical chunks and those ancillary ones that change how pixels look, the latter once each and only in
/// their legal lengths; of EXIF, the orientation. The frames of an animation go: what stays is its default image.
pub(crate) fn strip(source: &[u8]) -> Result<Stripped> {
    let orientation = find_orientation(source)?;
    let mut chunks = Chunks::new(source)?;
    let mut bytes = Vec::with_capacity(source.len() + 64);
    bytes.extend_from_slice(&source[..SIGNATURE_LENGTH]);
    let mut icc = None;
    let mut seen: Vec<[u8; 4]> = Vec::new();
    loop {
        let chunk = chunks.next_chunk()?;
        let legal_length = match &chunk.kind {
            b"IHDR" => 13..=13,
            b"PLTE" => 3..=768,
            b"IDAT" => 0..=usize::MAX,
            b"IEND" => 0..=0,
            b"tRNS" => 1..=256,
            b"gAMA" => 4..=4,
            b"cHRM" => 32..=32,
            b"sRGB" => 1..=1,
            b"sBIT" => 1..=4,
            b"bKGD" => 1..=6,
            b"pHYs" => 9..=9,
            b"iCCP" => 0..=usize::MAX,
            // The case of the first letter says that an image cannot be shown without this chunk.
            [first, ..] if first.is_ascii_uppercase() => {
                return Err(invalid("an unknown critical PNG chunk"));
            }
            _ => continue,
        };
        let is_critical = chunk.kind[0].is_ascii_uppercase();
        let is_repeated = chunk.kind != *b"IDAT" && seen.contains(&chunk.kind);
        if !legal_length.contains(&chunk.data.len()) || is_repeated {
            if is_critical {
                return Err(invalid("a critical PNG chunk of illegal length, or twice"));
            }
            continue;
        }
        if !chunk.checksum_matches() {
            return Err(invalid("a PNG chunk does not match its checksum"));
        }
        if !is_repeated && chunk.kind != *b"IDAT" {
            seen.push(chunk.kind);
        }
        if chunk.kind == *b"iCCP" {
            if let Some((profile, compressed)) = inflate_profile(chunk.data) {
                // The profile's name is free text, and bytes may follow the compressed profile: both go.
                push_chunk(&mut bytes, *b"iCCP", &[b"i\0\0", compressed]);
                icc = Some(profile);
            }
            continue;
        }
        bytes.extend_from_slice(chunk.whole);
        match &chunk.kind {
            b"IHDR" => {
                if let Some(tiff) = orientation.to_tiff() {
                    push_chunk(&mut bytes, *b"eXIf", &[&tiff]);
                }
            }
            b"IEND" => return Ok(Stripped { bytes, orientation, icc }),
            _ => {}
        }
    }
}

/// The orientation of the first eXIf chunk, which may stand before or after the pixels.
fn find_orientation(source: &[u8]) -> Result<Orientation> {
    let mut chunks = Chunks::new(source)?;
    loop {
        let chunk = chunks.next_chunk()?;
        match &chunk.kind {
            b"eXIf" => return Ok(Orientation::from_tiff(chunk.data)),
            b"IEND" => return Ok(Orientation::UPRIGHT),
            _ => {}
        }
    }
}

/// The profile in an iCCP chunk and its compressed bytes. Inflating stops where the profile is too large.
fn inflate_profile(data: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let name_length = data.iter().take(80).position(|byte| *byte == 0)?;
    let compressed = data.get(name_length + 1..)?.strip_prefix(&[0])?;
    let mut inflater = flate2::bufread::ZlibDecoder::new(compressed);
    let mut profile = Vec::new();
    inflater.by_ref().take(MAX_ICC_BYTES as u64 + 1).read_to_end(&mut profile).ok()?;
    let used = usize::try_from(inflater.total_in()).ok()?;
    if profile.len() > MAX_ICC_BYTES { None } else { Some((profile, compressed.get(..used)?)) }
}

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    whole: &'a [u8],
}

impl Chunk<'_> {
    fn checksum_matches(&self) -> bool {
        let end = self.whole.len() - 4;
        be32(self.whole, end) == Some(crc32fast::hash(&self.whole[4..end]))
    }
}

struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    fn new(source: &'a [u8]) -> Result<Self> {
        if !sniff::is_png(source) {
            return Err(invalid("the PNG signature is damaged"));
        }
        Ok(Chunks { rest: &source[SIGNATURE_LENGTH..] })
    }

    fn next_chunk(&mut self) -> Result<Chunk<'a>> {
        let cut = || invalid("the PNG ends before its end chunk");
        let length = usize::try_from(be32(self.rest, 0).ok_or_else(cut)?).map_err(|_| cut())?;
        let kind = array(self.rest, 4).ok_or_else(cut)?;
        let total = length.checked_add(12).ok_or_else(cut)?;
        let (whole, rest) = self.rest.split_at_checked(total).ok_or_else(cut)?;
        self.rest = rest;
        Ok(Chunk { kind, data: &whole[8..8 + length], whole })
    }
}

fn push_chunk(bytes: &mut Vec<u8>, kind: [u8; 4], parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    bytes.extend_from_slice(&(length as u32).to_be_bytes());
    let start = bytes.len();
    bytes.extend_from_slice(&kind);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    let checksum = crc32fast::hash(&bytes[start..]);
    bytes.extend_from_slice(&checksum.to_be_bytes());
}
