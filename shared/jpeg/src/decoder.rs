//! The file: its segments one after the other, as they arrive.

use memchr::memchr;

use crate::bits::Segment;
use crate::color::{ColorModel, Planes};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::scan::{self, Scan};
use crate::tables::Tables;
use crate::{Limits, Region, Scale, Want, progressive, sequential};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;

/// How many bytes of a scan are unstuffed before they are decoded: few enough to stay in the processor's first cache.
const PIECE: usize = 16 * 1024;

/// What is known of an image once its frame header has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The width of the image in the file, in pixels.
    pub width: u32,
    /// The height of the image in the file, in pixels.
    pub height: u32,
    /// The scale at which it is decoded.
    pub scale: Scale,
    /// Whether it is progressive.
    pub is_progressive: bool,
}

/// Decodes one image from bytes that are pushed into it.
///
/// After an error it stays broken: the same error is returned again.
#[derive(Debug)]
pub struct Decoder {
    want: Want,
    region: Option<Region>,
    limits: Limits,
    state: Result<State>,
    tables: Tables,
    /// MCUs between restarts, 0 for none.
    restart_interval: u32,
    has_jfif: bool,
    adobe_transform: Option<u8>,
    frame: Option<Frame>,
    scans: u32,
    segment: Segment,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum State {
    /// The start marker, of which this many bytes have come.
    Start(u8),
    /// Outside of segments; the last byte was 0xff.
    Between { after_ff: bool },
    /// A segment behind its marker, as far as it has come.
    Payload { marker: u8, bytes: Vec<u8> },
    /// The data of a scan.
    Scan(Box<Scan>),
    /// The data of a scan that is not needed; the last byte was 0xff.
    Skip { after_ff: bool },
    /// Nothing more is needed.
    Done,
}

impl Decoder {
    /// A decoder that has seen nothing yet.
    #[must_use]
    pub fn new(want: Want, limits: Limits) -> Self {
        Decoder {
            want,
            region: None,
            limits,
            state: Ok(State::Start(0)),
            tables: Tables::default(),
            restart_interval: 0,
            has_jfif: false,
            adobe_transform: None,
            frame: None,
            scans: 0,
            segment: Segment::new(),
        }
    }

    /// The same decoder, which draws no more than it must of what is outside of `region`. All is read and checked.
    #[must_use]
    pub fn within(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// Decodes what `bytes`, the next ones of the file, add. `true` says that nothing more is needed: the image has
    /// ended, or what follows would change nothing at this scale. Later bytes are ignored.
    ///
    /// # Errors
    ///
    /// Where the file cannot be decoded, as soon as that shows.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<bool> {
        loop {
            let state = match std::mem::replace(&mut self.state, Ok(State::Done)) {
                Ok(State::Done) => return Ok(true),
                Ok(state) => state,
                Err(error) => {
                    self.state = Err(error);
                    return Err(error);
                }
            };
            if bytes.is_empty() {
                self.state = Ok(state);
                return Ok(false);
            }
            self.state = self.step(state, &mut bytes);
        }
    }

    /// What the frame header said, once it has arrived.
    #[must_use]
    pub fn header(&self) -> Option<Header> {
        self.frame.as_ref().map(|frame| Header {
            width: frame.width,
            height: frame.height,
            scale: frame.scale,
            is_progressive: frame.is_progressive,
        })
    }

    /// The image, once its bytes have been pushed.
    ///
    /// # Errors
    ///
    /// `Truncated` where bytes are missing, else the error that [`Decoder::push`] gave.
    pub fn finish(self) -> Result<Planes> {
        let (State::Done, Some(mut frame)) = (self.state?, self.frame) else { return Err(Error::Truncated) };
        if frame.is_progressive {
            progressive::draw(&mut frame)?;
        }
        let model = ColorModel::of(&frame, self.adobe_transform, self.has_jfif);
        Ok(Planes::of(frame, model))
    }

    /// Takes at least one byte.
    fn step(&mut self, state: State, bytes: &mut &[u8]) -> Result<State> {
        match state {
            State::Start(seen) => {
                let expected = [0xff, SOI];
                if take_byte(bytes) != Some(expected[usize::from(seen)]) {
                    return Err(Error::Corrupt("no start marker"));
                }
                Ok(if seen == 0 { State::Start(1) } else { State::Between { after_ff: false } })
            }
            State::Between { after_ff: false } => {
                // What is between segments belongs to nothing; but behind a scan it is what is left of a damaged one.
                let found = memchr(0xff, bytes);
                if self.scans > 0 && found != Some(0) {
                    return Err(Error::Corrupt("bytes between segments"));
                }
                *bytes = &bytes[found.map_or(bytes.len(), |at| at + 1)..];
                Ok(State::Between { after_ff: found.is_some() })
            }
            State::Between { after_ff: true } => match take_byte(bytes).unwrap_or(0xff) {
                0xff => Ok(State::Between { after_ff: true }),
                marker => self.marker(marker),
            },
            State::Payload { marker, bytes: mut payload } => {
                let length = match payload.first_chunk() {
                    Some(length) => usize::from(u16::from_be_bytes(*length)).max(2),
                    None => 2,
                };
                let (taken, rest) = bytes.split_at((length - payload.len()).min(bytes.len()));
                payload.extend_from_slice(taken);
                *bytes = rest;
                self.payload(marker, payload)
            }
            State::Scan(scan) => self.scan(scan, bytes),
            State::Skip { after_ff: false } => {
                let found = memchr(0xff, bytes);
                *bytes = &bytes[found.map_or(bytes.len(), |at| at + 1)..];
                Ok(State::Skip { after_ff: found.is_some() })
            }
            State::Skip { after_ff: true } => match take_byte(bytes).unwrap_or(0xff) {
                0x00 | 0xd0..=0xd7 => Ok(State::Skip { after_ff: false }),
                0xff => Ok(State::Skip { after_ff: true }),
                marker => self.marker(marker),
            },
            State::Done => Ok(State::Done),
        }
    }

    /// What follows a marker outside of a scan's data.
    fn marker(&mut self, marker: u8) -> Result<State> {
        match marker {
            0x00 if self.scans > 0 => Err(Error::Corrupt("bytes between segments")),
            // Nothing, or a restart where none belongs.
            0x00 | 0x01 | 0xd0..=0xd7 => Ok(State::Between { after_ff: false }),
            0x02..=0xbf | 0xde | 0xdf | 0xf0..=0xfd => Err(Error::Corrupt("a marker without a meaning")),
            SOI => Err(Error::Corrupt("an image inside an image")),
            EOI => self.end(),
            _ => Ok(State::Payload { marker, bytes: Vec::new() }),
        }
    }

    fn end(&mut self) -> Result<State> {
        let Some(frame) = &self.frame else { return Err(Error::Corrupt("no frame")) };
        let is_there = |missing: Option<u8>| missing.is_some();
        if frame.components.iter().all(|component| is_there(component.kept.missing[0])) {
            Ok(State::Done)
        } else {
            Err(Error::Corrupt("an image without all of its components"))
        }
    }

    /// Reads a segment, once it is whole. Its payload begins with its length.
    fn payload(&mut self, marker: u8, payload: Vec<u8>) -> Result<State> {
        let Some((&length, content)) = payload.split_first_chunk::<2>() else {
            return Ok(State::Payload { marker, bytes: payload });
        };
        let length = usize::from(u16::from_be_bytes(length));
        if length < 2 {
            return Err(Error::Corrupt("a segment shorter than its length"));
        }
        if payload.len() < length {
            return Ok(State::Payload { marker, bytes: payload });
        }
        match marker {
            0xc0..=0xc2 => self.begin_frame(marker, content)?,
            0xc4 => self.tables.read_huffman(content)?,
            0xc3 | 0xc5..=0xcf => return Err(Error::Unsupported("lossless, hierarchical or arithmetic")),
            SOS => return self.begin_scan(content),
            0xdb => self.tables.read_quant(content)?,
            0xdc => return Err(Error::Unsupported("a height behind the image")),
            0xdd => {
                let interval =
                    content.try_into().map_err(|_| Error::Corrupt("a restart interval that is cut"))?;
                self.restart_interval = u32::from(u16::from_be_bytes(interval));
            }
            0xe0 => self.has_jfif |= content.starts_with(b"JFIF\0"),
            0xee if content.starts_with(b"Adobe") => {
                self.adobe_transform = content.get(11).copied().or(self.adobe_transform);
            }
            _ => {}
        }
        Ok(State::Between { after_ff: false })
    }

    fn begin_frame(&mut self, marker: u8, content: &[u8]) -> Result<()> {
        if self.frame.is_some() {
            return Err(Error::Corrupt("two frames"));
        }
        let mut frame = Frame::read(content, marker == 0xc2, self.want, self.region, &self.limits)?;
        if frame.is_progressive {
            progressive::allocate(&mut frame);
        }
        self.frame = Some(frame);
        Ok(())
    }

    fn begin_scan(&mut self, content: &[u8]) -> Result<State> {
        let Some(frame) = &mut self.frame else { return Err(Error::Corrupt("a scan before its frame")) };
        self.scans += 1;
        if self.scans > self.limits.max_scans {
            return Err(Error::TooLarge("more scans than allowed"));
        }
        let header = scan::Header::read(content, frame)?;
        for part in &header.parts {
            let component = &mut frame.components[part.component];
            if component.quant.is_none() {
                component.use_quant(self.tables.quant(component.quant_table)?);
            }
        }
        // A sequential scan brings all coefficients at once, and once.
        let is_needed = progressive::admit(&header, frame)? || !frame.is_progressive;
        if !is_needed {
            return Ok(State::Skip { after_ff: false });
        }
        if !frame.is_progressive {
            for part in &header.parts {
                frame.components[part.component].allocate_plane(&frame.window);
            }
        }
        self.segment.restart();
        Ok(State::Scan(Box::new(Scan::new(header, frame, self.restart_interval))))
    }

    fn scan(&mut self, mut scan: Box<Scan>, bytes: &mut &[u8]) -> Result<State> {
        let Some(frame) = &mut self.frame else { return Err(Error::Corrupt("a scan before its frame")) };
        let taken = self.segment.feed(&bytes[..bytes.len().min(PIECE)]);
        *bytes = &bytes[taken..];
        let run = if frame.is_progressive { progressive::run } else { sequential::run };
        if !run(&mut scan, &mut self.segment, frame, &mut self.tables)? {
            return Ok(State::Scan(scan));
        }
        if frame.is_progressive && progressive::is_complete(frame) {
            return Ok(State::Done);
        }
        match self.segment.end() {
            Some(marker) => self.marker(marker),
            None => Ok(State::Scan(scan)),
        }
    }
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(first)
}
