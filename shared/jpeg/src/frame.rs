//! What the frame header says, and the geometry that follows from it.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::{Limits, Region, Scale, Want, idct};

/// By index in the order of the file, the place of a coefficient in rows of 8.
pub(crate) const NATURAL: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// An image that is being decoded.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) is_progressive: bool,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) scale: Scale,
    /// The size of the image in MCUs of a scan of all components.
    pub(crate) mcus: (u32, u32),
    /// The columns and rows of these MCUs that are drawn.
    pub(crate) window: (Range<u32>, Range<u32>),
    /// The size of such an MCU in pixels of the output.
    mcu: (u32, u32),
    pub(crate) components: Vec<Component>,
}

/// A channel of the image.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// How many blocks an MCU has of it, in a scan of several components.
    pub(crate) sampling: (u32, u32),
    pub(crate) quant_table: u8,
    /// Its size in blocks, where it is in a scan of its own.
    pub(crate) blocks: (u32, u32),
    /// The size of a block in `plane`: 1, 2, 4 or 8 pixels.
    pub(crate) block: (usize, usize),
    /// How many pixels of the output one pixel of `plane` stands for.
    pub(crate) spread: (usize, usize),
    /// The index, in the order of the file, of the last coefficient that such a block needs.
    pub(crate) last: usize,
    /// What coefficients are multiplied by, in rows of 8; set by the first scan.
    pub(crate) quant: Option<Box<[f32; 64]>>,
    /// The blocks of the MCUs that are drawn. Empty until the first scan.
    pub(crate) plane: Plane,
    /// How many blocks all MCUs of a row have of it.
    pub(crate) blocks_per_row: usize,
    /// The coefficients of a progressive image.
    pub(crate) kept: Kept,
}

/// The coefficients of all blocks that are needed, `0..=last` of each.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) values: Vec<i16>,
    /// For each block a bit for each coefficient that is not zero, also those that are not needed: the bits of later
    /// scans depend on them. Empty where no such scan is decoded.
    pub(crate) nonzero: Vec<u64>,
    /// By coefficient: how many of its low bits have not arrived; `None` before its first scan.
    pub(crate) missing: [Option<u8>; 64],
}

impl Frame {
    pub(crate) fn read(
        payload: &[u8],
        is_progressive: bool,
        want: Want,
        region: Option<Region>,
        limits: &Limits,
    ) -> Result<Self> {
        let [precision, h1, h0, w1, w0, count, components @ ..] = payload else {
            return Err(Error::Corrupt("a frame header that is cut"));
        };
        if *precision != 8 {
            return Err(Error::Unsupported("samples that do not have 8 bits"));
        }
        let (width, height) =
            (u32::from(u16::from_be_bytes([*w1, *w0])), u32::from(u16::from_be_bytes([*h1, *h0])));
        if width == 0 || height == 0 {
            return Err(Error::Corrupt("a side of 0 pixels"));
        }
        if u64::from(width) * u64::from(height) > limits.max_pixels {
            return Err(Error::TooLarge("more pixels than allowed"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(Error::Unsupported("another number of components than 1, 3 or 4"));
        }
        if components.len() != usize::from(*count) * 3 {
            return Err(Error::Corrupt("a frame header of another length than it says"));
        }
        let scale = match want {
            Want::Scale(scale) => scale,
            Want::ShortSide(side) => Scale::for_short_side(width.min(height), side)
                .ok_or(Error::Unsupported("too small to be scaled"))?,
        };
        let mut read: Vec<(u8, (u32, u32), u8)> = components
            .chunks_exact(3)
            .map(|part| (part[0], (u32::from(part[1] >> 4), u32::from(part[1] & 15)), part[2]))
            .collect();
        if read.iter().any(|(_, (h, v), table)| !(1..=4).contains(h) || !(1..=4).contains(v) || *table > 3) {
            return Err(Error::Corrupt("a component that cannot be"));
        }
        if (1..read.len()).any(|index| read[..index].iter().any(|(id, ..)| *id == read[index].0)) {
            return Err(Error::Corrupt("two components of one name"));
        }
        // The sampling of a single component says nothing.
        if let [(_, sampling, _)] = read.as_mut_slice() {
            *sampling = (1, 1);
        }
        let most = read.iter().fold((1, 1), |most, (_, of, _)| (most.0.max(of.0), most.1.max(of.1)));
        if read.iter().any(|(_, of, _)| most.0 % of.0 != 0 || most.1 % of.1 != 0) {
            return Err(Error::Unsupported("components whose sizes have no whole ratio"));
        }
        let mcus = (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1));
        let components = read
            .into_iter()
            .map(|(id, sampling, quant_table)| {
                Component::new(id, sampling, quant_table, most, mcus, scale, (width, height))
            })
            .collect();
        let region = region.unwrap_or(Region { left: 0, top: 0, width, height });
        let window = (
            mcus_of(region.left, region.width, 8 * most.0, mcus.0),
            mcus_of(region.top, region.height, 8 * most.1, mcus.1),
        );
        let mcu = (most.0 * scale.block(), most.1 * scale.block());
        let frame = Frame { is_progressive, width, height, scale, mcus, window, mcu, components };
        if frame.memory() > limits.max_memory {
            return Err(Error::TooLarge("more memory than allowed"));
        }
        Ok(frame)
    }

    /// The columns and rows of pixels, of the whole image at its scale, that are drawn.
    pub(crate) fn output(&self) -> (Range<u32>, Range<u32>) {
        let pixels = |window: &Range<u32>, mcu: u32, side: u32| {
            window.start * mcu..(window.end * mcu).min(self.scale.of(side))
        };
        let (columns, rows) = &self.window;
        (pixels(columns, self.mcu.0, self.width), pixels(rows, self.mcu.1, self.height))
    }

    /// The bytes that decoding allocates at most, but for the tables.
    fn memory(&self) -> u64 {
        let (columns, rows) = &self.window;
        let drawn = columns.len() as u64 * rows.len() as u64;
        let all = u64::from(self.mcus.0) * u64::from(self.mcus.1);
        let of_component = |component: &Component| {
            let blocks = u64::from(component.sampling.0 * component.sampling.1);
            let pixels = (component.block.0 * component.block.1) as u64;
            let spread = (component.spread.0 * component.spread.1) as u64;
            let coefficients = if self.is_progressive { 2 * (component.last as u64 + 1) + 8 } else { 0 };
            // Once as it is drawn, and where it is spread once more.
            let copies = if spread > 1 { 1 + spread } else { 1 };
            blocks * (drawn * pixels * copies + all * coefficients)
        };
        self.components.iter().map(of_component).sum()
    }
}

/// The MCUs of `size` pixels, of `count`, that have pixels of a region.
fn mcus_of(start: u32, length: u32, size: u32, count: u32) -> Range<u32> {
    let end = start.saturating_add(length).div_ceil(size).min(count);
    (start / size).min(end)..end
}

impl Component {
    fn new(
        id: u8,
        sampling: (u32, u32),
        quant_table: u8,
        most: (u32, u32),
        mcus: (u32, u32),
        scale: Scale,
        (width, height): (u32, u32),
    ) -> Self {
        // Where a component has fewer samples than others its blocks are less reduced, so that nothing is lost that the
        // others have.
        let side = |of: u32, most: u32| match most / of {
            3 => scale.block(),
            ratio => (ratio * scale.block()).min(8),
        };
        let block = (side(sampling.0, most.0), side(sampling.1, most.1));
        let spread =
            (most.0 * scale.block() / sampling.0 / block.0, most.1 * scale.block() / sampling.1 / block.1);
        let spread = (spread.0 as usize, spread.1 as usize);
        let block = (block.0 as usize, block.1 as usize);
        let needed = |place: u8| usize::from(place) % 8 < block.0 && usize::from(place) / 8 < block.1;
        let blocks_per_row = (mcus.0 * sampling.0) as usize;
        Component {
            id,
            sampling,
            quant_table,
            blocks: ((width * sampling.0).div_ceil(8 * most.0), (height * sampling.1).div_ceil(8 * most.1)),
            block,
            spread,
            last: NATURAL.iter().rposition(|&place| needed(place)).unwrap_or(0),
            quant: None,
            plane: Plane::default(),
            blocks_per_row,
            kept: Kept { values: Vec::new(), nonzero: Vec::new(), missing: [None; 64] },
        }
    }

    /// Takes the quantisation table that is in force when its first scan begins.
    pub(crate) fn use_quant(&mut self, table: &[u16; 64]) {
        let mut quant = Box::new([0.0; 64]);
        for (&value, &place) in table.iter().zip(&NATURAL) {
            let (column, row) = (usize::from(place) % 8, usize::from(place) / 8);
            let scale = idct::scale_of(self.block.0, column) * idct::scale_of(self.block.1, row);
            quant[usize::from(place) & 63] = f32::from(value) * scale;
        }
        self.quant = Some(quant);
    }

    /// The height of `plane` in blocks.
    pub(crate) fn rows(&self, mcus: (u32, u32)) -> usize {
        (mcus.1 * self.sampling.1) as usize
    }

    pub(crate) fn allocate_plane(&mut self, window: &(Range<u32>, Range<u32>)) {
        let blocks = |mcus: &Range<u32>, of: u32| (mcus.start * of) as usize..(mcus.end * of) as usize;
        self.plane =
            Plane::new(blocks(&window.0, self.sampling.0), blocks(&window.1, self.sampling.1), self.block);
    }
}
