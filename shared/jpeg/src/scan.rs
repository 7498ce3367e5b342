//! A scan: which blocks follow each other, and when their data begins anew.

use crate::bits::{Bits, Segment};
use crate::error::{Error, Result};
use crate::frame::Frame;

/// The most bytes that a block takes: 64 codes of 16 bits with 15 more, and some to read ahead.
const BLOCK_BYTES: usize = 250;
const AHEAD: usize = 16;
/// The most blocks that an MCU of several components has.
const MAX_BLOCKS: u32 = 10;

/// A scan header.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) parts: Vec<Part>,
    /// The first and the last coefficient of the scan, by index in the order of the file.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// How many low bits were missing before (0 where all were), and are after the scan.
    pub(crate) before: u8,
    pub(crate) after: u8,
}

/// A component in a scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Its index in the frame.
    pub(crate) component: usize,
    /// How many blocks an MCU of the scan has of it, across and down.
    pub(crate) blocks: (u32, u32),
    /// Which tables it uses.
    pub(crate) dc_table: usize,
    pub(crate) ac_table: usize,
}

impl Header {
    pub(crate) fn read(payload: &[u8], frame: &Frame) -> Result<Self> {
        const CUT: Error = Error::Corrupt("a scan header of another length than it says");
        let (&count, rest) = payload.split_first().ok_or(CUT)?;
        let count = usize::from(count);
        let (parts, end) = rest.split_at_checked(count * 2).ok_or(CUT)?;
        let [first, last, bits] = *end else { return Err(CUT) };
        let mut header = Header {
            parts: Vec::with_capacity(count),
            first: usize::from(first),
            last: usize::from(last),
            before: bits >> 4,
            after: bits & 15,
        };
        if !frame.is_progressive && end == [0; 3] {
            // Some encoders leave out what a sequential scan always says.
            header.last = 63;
        }
        for part in parts.chunks_exact(2) {
            let component = frame.components.iter().position(|component| component.id == part[0]);
            let component = component.ok_or(Error::Corrupt("a scan of a component that is not there"))?;
            if header.parts.iter().any(|part| part.component >= component) {
                return Err(Error::Corrupt("a scan whose components are out of order"));
            }
            let (dc_table, ac_table) = (usize::from(part[1] >> 4), usize::from(part[1] & 15));
            if dc_table > 3 || ac_table > 3 {
                return Err(Error::Corrupt("a table with a number above 3"));
            }
            let blocks = if count == 1 { (1, 1) } else { frame.components[component].sampling };
            header.parts.push(Part { component, blocks, dc_table, ac_table });
        }
        let blocks: u32 = header.parts.iter().map(|part| part.blocks.0 * part.blocks.1).sum();
        if header.parts.is_empty() || blocks > MAX_BLOCKS {
            return Err(Error::Corrupt("a scan with too many or too few blocks"));
        }
        header.check(frame.is_progressive)?;
        Ok(header)
    }

    fn check(&self, is_progressive: bool) -> Result<()> {
        let is_sound = if is_progressive {
            let coefficients = if self.first == 0 {
                self.last == 0
            } else {
                self.first <= self.last && self.last < 64 && self.parts.len() == 1
            };
            coefficients && self.after <= 13 && (self.before == 0 || self.before == self.after + 1)
        } else {
            self.first == 0 && self.last == 63 && self.before == 0 && self.after == 0
        };
        if is_sound { Ok(()) } else { Err(Error::Corrupt("a scan of coefficients that it cannot have")) }
    }

    /// The size of the scan in its MCUs.
    fn size(&self, frame: &Frame) -> (u32, u32) {
        match self.parts.as_slice() {
            [part] => frame.components[part.component].blocks,
            _ => frame.mcus,
        }
    }
}

/// What blocks inherit from those before them. A restart forgets it.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    /// The averages of the last blocks, by component.
    pub(crate) averages: [i32; 4],
    /// How many more blocks have no new coefficient.
    pub(crate) empty_blocks: u32,
}

/// How far a scan has been decoded.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) header: Header,
    size: (u32, u32),
    /// The MCU that comes next.
    x: u32,
    y: u32,
    /// MCUs between restarts; 0 without restarts.
    interval: u32,
    /// MCUs before the next restart or the end.
    until_restart: u32,
    /// The number of the next restart, 0 to 7.
    restart: u8,
    need: usize,
    carried: Carried,
}

impl Scan {
    pub(crate) fn new(header: Header, frame: &Frame, interval: u32) -> Self {
        let size = header.size(frame);
        let blocks: u32 = header.parts.iter().map(|part| part.blocks.0 * part.blocks.1).sum();
        let mut scan = Scan {
            header,
            size,
            x: 0,
            y: 0,
            interval,
            until_restart: 0,
            restart: 0,
            need: blocks as usize * BLOCK_BYTES + AHEAD,
            carried: Carried::default(),
        };
        scan.begin_interval();
        scan
    }

    fn begin_interval(&mut self) {
        let left = (self.size.1 - self.y) * self.size.0 - self.x;
        self.until_restart = if self.interval == 0 { left } else { left.min(self.interval) };
        self.carried = Carried::default();
    }

    /// Decodes as many MCUs as there is data for, each with `mcu`; whether that was the last one, and the marker behind
    /// the scan has arrived.
    ///
    /// An MCU is begun where the data of the largest possible one is there, or all data is: within one, nobody asks.
    #[inline(always)]
    pub(crate) fn run(
        &mut self,
        segment: &mut Segment,
        mut mcu: impl FnMut(&mut Bits<'_>, &mut Carried, &[Part], (u32, u32)) -> Result<()>,
    ) -> Result<bool> {
        let is_whole = segment.end().is_some();
        let mut bits = segment.reader();
        while self.until_restart > 0 && (is_whole || bits.left() >= (self.need * 8) as isize) {
            mcu(&mut bits, &mut self.carried, &self.header.parts, (self.x, self.y))?;
            if is_whole && bits.left() < 0 {
                return Err(Error::Corrupt("a scan whose data ends early"));
            }
            self.until_restart -= 1;
            self.x += 1;
            if self.x == self.size.0 {
                (self.x, self.y) = (0, self.y + 1);
            }
        }
        let (left, place) = (bits.left(), bits.place());
        segment.resume_at(place);
        // Bits that fill a byte are allowed; more of them belong to blocks that should have been there. Nor are they
        // collected until a marker comes.
        if self.until_restart == 0 && self.carried.empty_blocks > 0 {
            return Err(Error::Corrupt("a scan with fewer blocks than it says"));
        }
        if self.until_restart == 0 && left > 7 {
            // Some cameras write bytes behind the image. Lost bits look the same.
            let is_last = self.y == self.size.1;
            let surplus = "data behind the last block of a scan";
            return Err(if is_last { Error::Unsupported(surplus) } else { Error::Corrupt(surplus) });
        }
        let Some(marker) = segment.end() else { return Ok(false) };
        if self.y == self.size.1 {
            return Ok(true);
        }
        if marker != 0xd0 | self.restart || self.interval == 0 {
            return Err(Error::Corrupt("a scan that ends early, or has restarts out of order"));
        }
        self.restart = (self.restart + 1) & 7;
        self.begin_interval();
        segment.restart();
        Ok(false)
    }
}
