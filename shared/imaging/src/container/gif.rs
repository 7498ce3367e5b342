//! GIF: a screen, then blocks of images and extensions.

use storage_core::error::Result;
use storage_core::ports::ImageFormat;

use super::Stripped;
use crate::bytes::{array, le16};
use crate::exif::Orientation;
use crate::header::Header;
use crate::invalid;

/// Signature and logical screen descriptor.
const HEADER: usize = 13;
const TRAILER: u8 = 0x3b;

/// Reads the logical screen, onto which the first frame is composed with transparency, and walks to that frame: six
/// letters that are also the start of a script do not make a GIF.
pub(crate) fn probe(source: &[u8]) -> Result<Header> {
    let mut reader = Reader { source, at: 0 };
    let screen = reader.take(HEADER)?;
    reader.take(colour_table_length(screen[10]))?;
    loop {
        match reader.byte()? {
            0x2c => break,
            0x21 => {
                reader.byte()?;
                reader.skip_blocks()?;
            }
            0 => {}
            _ => return Err(invalid("a GIF without a frame")),
        }
    }
    let side = |at| le16(screen, at).map(u32::from).unwrap_or(0);
    Ok(Header { format: ImageFormat::Gif, width: side(6), height: side(8), bytes_per_pixel: 4 })
}

/// Keeps the screen, all frames with their timing, and the loop count; comments, plain text and every other
/// application's data go.
pub(crate) fn strip(source: &[u8]) -> Result<Stripped> {
    let mut reader = Reader { source, at: 0 };
    let mut bytes = Vec::with_capacity(source.len());
    let screen = reader.take(HEADER)?;
    bytes.extend_from_slice(screen);
    bytes.extend_from_slice(reader.take(colour_table_length(screen[10]))?);
    let mut frames = 0_usize;
    loop {
        match reader.byte()? {
            0x2c => {
                frames += 1;
                let start = reader.at - 1;
                let descriptor = reader.take(9)?;
                // The colour table, then the size of the first codes.
                reader.take(colour_table_length(descriptor[8]) + 1)?;
                reader.skip_blocks()?;
                bytes.extend_from_slice(&source[start..reader.at]);
            }
            0x21 => strip_extension(&mut reader, &mut bytes)?,
            TRAILER if frames == 0 => return Err(invalid("a GIF without a frame")),
            TRAILER => {
                bytes.push(TRAILER);
                return Ok(Stripped { bytes, orientation: Orientation::UPRIGHT, icc: None });
            }
            // Some writers leave empty blocks between the others.
            0 => {}
            _ => return Err(invalid("an unknown GIF block")),
        }
    }
}

fn strip_extension(reader: &mut Reader<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let label = reader.byte()?;
    let first = reader.block()?;
    match (label, first) {
        (0xf9, [flags, delay_low, delay_high, transparent]) => {
            bytes.extend_from_slice(&[0x21, 0xf9, 4, *flags, *delay_low, *delay_high, *transparent, 0]);
        }
        (0xff, b"NETSCAPE2.0") => {
            let data = reader.block()?;
            if let [1, low, high] = data {
                bytes.extend_from_slice(&[0x21, 0xff, 11]);
                bytes.extend_from_slice(first);
                bytes.extend_from_slice(&[3, 1, *low, *high, 0]);
            }
            if data.is_empty() {
                return Ok(());
            }
        }
        _ => {}
    }
    if first.is_empty() { Ok(()) } else { reader.skip_blocks() }
}

/// The length in bytes of the colour table that a packed field announces.
fn colour_table_length(packed: u8) -> usize {
    if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) }
}

struct Reader<'a> {
    source: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self.source.get(self.at..).and_then(|rest| rest.get(..length));
        self.at += length;
        taken.ok_or_else(|| invalid("the GIF ends before its trailer"))
    }

    fn byte(&mut self) -> Result<u8> {
        let taken = array(self.source, self.at).map(|[byte]| byte);
        self.at += 1;
        taken.ok_or_else(|| invalid("the GIF ends before its trailer"))
    }

    /// The next sub-block; empty where it is the terminator.
    fn block(&mut self) -> Result<&'a [u8]> {
        let length = self.byte()?;
        self.take(usize::from(length))
    }

    fn skip_blocks(&mut self) -> Result<()> {
        while !self.block()?.is_empty() {}
        Ok(())
    }
}
