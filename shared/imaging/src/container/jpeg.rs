//! JPEG: markers, segments and entropy-coded data.

use std::ops::Range;

use memchr::memchr;
use storage_core::error::Result;
use storage_core::ports::ImageFormat;

use super::{MAX_ICC_BYTES, Stripped};
use crate::bytes::{array, be16};
use crate::exif::Orientation;
use crate::header::Header;
use crate::invalid;

pub(crate) const SOI: u8 = 0xd8;
pub(crate) const EOI: u8 = 0xd9;
pub(crate) const SOS: u8 = 0xda;
/// Every scan walks the whole image: 300 empty ones would take seconds. Encoders write about ten.
const MAX_SCANS: usize = 100;
/// Bounds the work per file; a real one has a few dozen, or some hundred with extended XMP.
const MAX_SEGMENTS: usize = 10_000;

const JFIF: &[u8] = b"JFIF\0";
const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const ADOBE: &[u8] = b"Adobe";

/// Reads up to the frame header. Baseline, extended sequential and progressive frames of 8 bits are accepted.
pub(crate) fn probe(source: &[u8]) -> Result<Header> {
    let mut walker = Walker::new(source)?;
    loop {
        let segment = walker.next_segment()?;
        match segment.marker {
            0xc0..=0xc2 => return frame_header(&source[segment.payload]),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xcc => {
                return Err(invalid("a lossless, hierarchical or arithmetic JPEG"));
            }
            SOS | EOI => return Err(invalid("a JPEG without a frame header")),
            _ => {}
        }
    }
}

fn frame_header(payload: &[u8]) -> Result<Header> {
    let cut = || invalid("the JPEG frame header is cut");
    let [precision] = array(payload, 0).ok_or_else(cut)?;
    let height = u32::from(be16(payload, 1).ok_or_else(cut)?);
    let width = u32::from(be16(payload, 3).ok_or_else(cut)?);
    let [components] = array(payload, 5).ok_or_else(cut)?;
    if precision != 8 {
        return Err(invalid("a JPEG whose samples do not have 8 bits"));
    }
    let bytes_per_pixel = match components {
        1 => 1,
        3 | 4 => 3,
        _ => return Err(invalid("a JPEG with an odd number of components")),
    };
    Ok(Header { format: ImageFormat::Jpeg, width, height, bytes_per_pixel })
}

/// Keeps tables, frame and scans; of the application segments, JFIF without its thumbnail, Adobe's colour transform
/// and an ICC profile of at most 64 KB; of EXIF, the orientation. Ends at the first end marker.
pub(crate) fn strip(source: &[u8]) -> Result<Stripped> {
    let mut walker = Walker::new(source)?;
    let mut metadata = Metadata::default();
    let mut kept = Kept::default();
    let (mut frames, mut scans) = (0, 0);
    for _ in 0..MAX_SEGMENTS {
        let segment = walker.next_segment()?;
        match segment.marker {
            EOI if scans == 0 => return Err(invalid("a JPEG without a scan")),
            EOI => return Ok(metadata.assemble(source, &kept)),
            SOI => return Err(invalid("a JPEG inside a JPEG")),
            SOS => {
                scans += 1;
                if scans > MAX_SCANS || frames == 0 {
                    return Err(invalid("a JPEG with too many scans, or with a scan before its frame"));
                }
                kept.push(segment.whole);
                kept.push(walker.skip_entropy_coded());
            }
            0xc0..=0xc2 => {
                frames += 1;
                if frames > 1 {
                    return Err(invalid("a JPEG with two frames"));
                }
                kept.push(segment.whole);
            }
            // Tables and the restart interval.
            0xc4 | 0xdb | 0xdd => kept.push(segment.whole),
            marker => metadata.note(marker, &source[segment.payload]),
        }
    }
    Err(invalid("a JPEG with too many segments"))
}

/// A marker with its payload, as offsets into the file.
pub(crate) struct Segment {
    pub(crate) marker: u8,
    pub(crate) payload: Range<usize>,
    pub(crate) whole: Range<usize>,
}

/// Steps through a JPEG, segment by segment.
pub(crate) struct Walker<'a> {
    source: &'a [u8],
    at: usize,
}

impl<'a> Walker<'a> {
    /// Begins behind the start marker.
    pub(crate) fn new(source: &'a [u8]) -> Result<Self> {
        match source {
            [0xff, SOI, ..] => Ok(Walker { source, at: 2 }),
            _ => Err(invalid("a JPEG without a start marker")),
        }
    }

    /// The next marker with its payload. Bytes between segments belong to nothing and are passed over.
    pub(crate) fn next_segment(&mut self) -> Result<Segment> {
        let cut = || invalid("the JPEG ends before its end marker");
        loop {
            let start = self.at + memchr(0xff, self.source.get(self.at..).unwrap_or(&[])).ok_or_else(cut)?;
            self.at = start + 1;
            let marker = *self.source.get(start + 1).ok_or_else(cut)?;
            match marker {
                // A fill byte, a stuffed byte, or a restart marker outside a scan.
                0xff | 0x00 | 0x01 | 0xd0..=0xd7 => {}
                SOI | EOI => {
                    self.at = start + 2;
                    return Ok(Segment { marker, payload: self.at..self.at, whole: start..self.at });
                }
                _ => {
                    let length = usize::from(be16(self.source, start + 2).ok_or_else(cut)?);
                    let end = start + 2 + length;
                    if length < 2 || end > self.source.len() {
                        return Err(invalid("a JPEG segment has a length it cannot have"));
                    }
                    self.at = end;
                    return Ok(Segment { marker, payload: start + 4..end, whole: start..end });
                }
            }
        }
    }

    /// Passes over the data of a scan: everything up to a marker that is neither stuffing nor a restart.
    pub(crate) fn skip_entropy_coded(&mut self) -> Range<usize> {
        let start = self.at;
        while let Some(found) = memchr(0xff, self.source.get(self.at..).unwrap_or(&[])) {
            self.at += found;
            match self.source.get(self.at + 1) {
                Some(0x00 | 0xd0..=0xd7) => self.at += 2,
                Some(0xff) => self.at += 1,
                _ => return start..self.at,
            }
        }
        self.at = self.source.len();
        start..self.at
    }
}

/// Ranges of the source that stay, adjacent ones joined.
#[derive(Default)]
struct Kept(Vec<Range<usize>>);

impl Kept {
    fn push(&mut self, range: Range<usize>) {
        match self.0.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.0.push(range),
        }
    }
}

/// What is known of the segments that describe the image instead of being it.
#[derive(Default)]
struct Metadata {
    /// Version, density unit and densities.
    jfif: Option<[u8; 7]>,
    /// Version, flags and colour transform.
    adobe: Option<[u8; 7]>,
    orientation: Option<Orientation>,
    icc: Vec<(u8, u8, Vec<u8>)>,
}

impl Metadata {
    fn note(&mut self, marker: u8, payload: &[u8]) {
        match marker {
            0xe0 if payload.starts_with(JFIF) => self.jfif = self.jfif.or(array(payload, JFIF.len())),
            0xe1 if payload.starts_with(EXIF) => {
                self.orientation.get_or_insert(Orientation::from_tiff(&payload[EXIF.len()..]));
            }
            0xe2 if payload.starts_with(ICC) => {
                // One chunk more than fits is enough to know that the profile is too large.
                let noted: usize = self.icc.iter().map(|(_, _, data)| data.len()).sum();
                if let (Some([number, count]), true) = (array(payload, ICC.len()), noted <= MAX_ICC_BYTES) {
                    self.icc.push((number, count, payload[ICC.len() + 2..].to_vec()));
                }
            }
            0xee if payload.starts_with(ADOBE) => self.adobe = array(payload, ADOBE.len()).or(self.adobe),
            _ => {}
        }
    }

    /// The profile, if its chunks are numbered without gaps and it is not too large.
    fn profile(&self) -> Option<Vec<u8>> {
        let mut chunks: Vec<_> = self.icc.iter().collect();
        chunks.sort_by_key(|(number, ..)| *number);
        let count = chunks.len();
        let numbered = chunks
            .iter()
            .zip(1..)
            .all(|((number, of, _), expected)| usize::from(*number) == expected && usize::from(*of) == count);
        let profile: Vec<u8> = chunks.into_iter().flat_map(|(_, _, data)| data).copied().collect();
        (count > 0 && numbered && profile.len() <= MAX_ICC_BYTES).then_some(profile)
    }

    fn assemble(self, source: &[u8], kept: &Kept) -> Stripped {
        let orientation = self.orientation.unwrap_or(Orientation::UPRIGHT);
        let icc = self.profile();
        let mut bytes = Vec::with_capacity(source.len() + 64);
        bytes.extend_from_slice(&[0xff, SOI]);
        if let Some(jfif) = self.jfif {
            // The two zeros are the sides of a thumbnail that is not there.
            push_segment(&mut bytes, 0xe0, &[JFIF, &jfif, &[0, 0]]);
        }
        if let Some(tiff) = orientation.to_tiff() {
            push_segment(&mut bytes, 0xe1, &[EXIF, &tiff]);
        }
        if icc.is_some() {
            for (number, count, data) in &self.icc {
                push_segment(&mut bytes, 0xe2, &[ICC, &[*number, *count], data]);
            }
        }
        if let Some(adobe) = self.adobe {
            push_segment(&mut bytes, 0xee, &[ADOBE, &adobe]);
        }
        for range in &kept.0 {
            bytes.extend_from_slice(&source[range.clone()]);
        }
        bytes.extend_from_slice(&[0xff, EOI]);
        Stripped { bytes, orientation, icc }
    }
}

/// Appends a segment whose parts came out of a segment, and so fit into one.
pub(crate) fn push_segment(bytes: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    bytes.extend_from_slice(&[0xff, marker]);
    bytes.extend_from_slice(&(length as u16).to_be_bytes());
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
}
