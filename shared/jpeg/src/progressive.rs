//! Scans of some coefficients, or of some of their bits: collected, and drawn at the end.

use crate::bits::{Bits, Segment};
use crate::error::{Error, Result};
use crate::frame::{Component, Frame, Kept, NATURAL};
use crate::huffman::Symbols;
use crate::scan::{Carried, Header, Scan};
use crate::tables::Tables;

/// Notes a scan in the frame; whether it has to be decoded. The others may be passed over.
///
/// Errors: `Corrupt` where a coefficient or a bit of it would come twice or before its time.
pub(crate) fn admit(header: &Header, frame: &mut Frame) -> Result<bool> {
    let mut is_needed = false;
    for part in &header.parts {
        let Component { kept, last, .. } = &mut frame.components[part.component];
        let before = (header.before > 0).then_some(header.before);
        for missing in &mut kept.missing[header.first..=header.last] {
            if *missing != before {
                return Err(Error::Corrupt("a scan of bits that were there, or whose higher ones were not"));
            }
            *missing = Some(header.after);
        }
        let is_tracked = !kept.nonzero.is_empty();
        is_needed |= match header.first {
            0 => true,
            _ if is_tracked => *last > 0,
            first => before.is_none() && first <= *last,
        };
    }
    Ok(is_needed)
}

/// Makes room for the coefficients of all components.
pub(crate) fn allocate(frame: &mut Frame) {
    let smallest = frame.scale.block() as usize;
    for component in &mut frame.components {
        let blocks = component.blocks_per_row * component.rows(frame.mcus);
        component.kept.values = vec![0; blocks * (component.last + 1)];
        // At 1/8, the coefficients of a component of fewer samples only sharpen its edges: their first bits suffice.
        if component.last > 0 && smallest > 1 {
            component.kept.nonzero = vec![0; blocks];
        }
    }
}

/// Whether the scans so far have brought all that is needed.
pub(crate) fn is_complete(frame: &Frame) -> bool {
    frame.components.iter().all(|component| {
        let kept = &component.kept;
        kept.missing[0] == Some(0)
            && kept.missing[1..=component.last]
                .iter()
                .all(|missing| *missing == Some(0) || missing.is_some() && kept.nonzero.is_empty())
    })
}

/// Decodes what there is data for; whether the scan is over.
pub(crate) fn run(
    scan: &mut Scan,
    segment: &mut Segment,
    frame: &mut Frame,
    tables: &mut Tables,
) -> Result<bool> {
    let Header { first, last, before, after, .. } = scan.header;
    match (first, before) {
        (0, 0) => averages(scan, segment, frame, tables, after),
        (0, _) => scan.run(segment, |bits, _, parts, mcu| {
            for part in parts {
                each_block(&mut frame.components[part.component], part.blocks, mcu, |values, _| {
                    bits.refill();
                    if let Some(average) = values.first_mut() {
                        *average |= (bits.take(1) << after) as i16;
                    }
                    Ok(())
                })?;
            }
            Ok(())
        }),
        _ => {
            let Some(part) = scan.header.parts.first().copied() else { return Ok(true) };
            let band = Band { first, last, after, symbols: tables.ac_symbols(part.ac_table)? };
            let component = &mut frame.components[part.component];
            if before == 0 {
                scan.run(segment, |bits, carried, _, mcu| {
                    each_block(component, part.blocks, mcu, |values, nonzero| {
                        band.begin(bits, carried, values, nonzero)
                    })
                })
            } else {
                scan.run(segment, |bits, carried, _, mcu| {
                    each_block(component, part.blocks, mcu, |values, nonzero| {
                        band.refine(bits, carried, values, nonzero)
                    })
                })
            }
        }
    }
}

fn averages(
    scan: &mut Scan,
    segment: &mut Segment,
    frame: &mut Frame,
    tables: &mut Tables,
    after: u8,
) -> Result<bool> {
    for part in &scan.header.parts {
        tables.prepare_dc(part.dc_table)?;
    }
    scan.run(segment, |bits, carried, parts, mcu| {
        for part in parts {
            let table = tables.dc(part.dc_table)?;
            let average = &mut carried.averages[part.component];
            each_block(&mut frame.components[part.component], part.blocks, mcu, |values, _| {
                *average = average.wrapping_add(table.take(bits)?);
                if let Some(value) = values.first_mut() {
                    *value = average.wrapping_shl(u32::from(after)) as i16;
                }
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// Gives the coefficients of the blocks of an MCU to `block`, and the bits of those that are not zero.
#[inline(always)]
fn each_block(
    component: &mut Component,
    blocks: (u32, u32),
    (mcu_x, mcu_y): (u32, u32),
    mut block: impl FnMut(&mut [i16], &mut u64) -> Result<()>,
) -> Result<()> {
    let size = component.last + 1;
    let Kept { values, nonzero, .. } = &mut component.kept;
    for y in mcu_y * blocks.1..(mcu_y + 1) * blocks.1 {
        for x in mcu_x * blocks.0..(mcu_x + 1) * blocks.0 {
            let index = y as usize * component.blocks_per_row + x as usize;
            let mut untracked = 0;
            block(
                values.get_mut(index * size..(index + 1) * size).unwrap_or_default(),
                nonzero.get_mut(index).unwrap_or(&mut untracked),
            )?;
        }
    }
    Ok(())
}

/// The coefficients of a scan of one component.
struct Band<'a> {
    first: usize,
    last: usize,
    /// How many low bits are missing after the scan.
    after: u8,
    symbols: &'a Symbols,
}

const OUTSIDE: Error = Error::Corrupt("a coefficient outside its scan");

impl Band<'_> {
    /// The high bits of the coefficients of a block.
    #[inline(always)]
    fn begin(
        &self,
        bits: &mut Bits<'_>,
        carried: &mut Carried,
        values: &mut [i16],
        nonzero: &mut u64,
    ) -> Result<()> {
        if carried.empty_blocks > 0 {
            carried.empty_blocks -= 1;
            return Ok(());
        }
        let mut index = self.first;
        while index <= self.last {
            bits.refill();
            let symbol = self.symbols.take(bits)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if zeros < 15 {
                    carried.empty_blocks = run_of(bits, zeros) - 1;
                    return Ok(());
                }
                index += 16;
                continue;
            }
            index += zeros;
            if index > self.last {
                return Err(OUTSIDE);
            }
            let value = bits.take_signed(size) << self.after;
            if let Some(kept) = values.get_mut(index) {
                *kept = value as i16;
            }
            *nonzero |= 1 << index;
            index += 1;
        }
        if index == self.last + 1 { Ok(()) } else { Err(OUTSIDE) }
    }

    /// One more bit of the coefficients of a block that are not zero, and those that were zero so far.
    #[inline(always)]
    fn refine(
        &self,
        bits: &mut Bits<'_>,
        carried: &mut Carried,
        values: &mut [i16],
        nonzero: &mut u64,
    ) -> Result<()> {
        let mut index = self.first;
        if carried.empty_blocks == 0 {
            while index <= self.last {
                bits.refill();
                let symbol = self.symbols.take(bits)?;
                let (mut zeros, size) = (symbol >> 4, symbol & 15);
                let value = match size {
                    0 if zeros < 15 => {
                        carried.empty_blocks = run_of(bits, usize::from(zeros));
                        break;
                    }
                    0 => 0,
                    1 => (bits.take(1) * 2 - 1) << self.after,
                    _ => return Err(Error::Corrupt("more than one bit of a coefficient")),
                };
                while index <= self.last {
                    if *nonzero >> index & 1 == 1 {
                        self.correct(bits, values.get_mut(index));
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    index += 1;
                }
                if index > self.last {
                    return Err(OUTSIDE);
                }
                if value != 0 {
                    if let Some(kept) = values.get_mut(index) {
                        *kept = value as i16;
                    }
                    *nonzero |= 1 << index;
                }
                index += 1;
            }
        }
        if carried.empty_blocks > 0 {
            carried.empty_blocks -= 1;
            self.correct_from(index, bits, values, *nonzero);
        }
        Ok(())
    }

    /// One more bit of all coefficients from `index` on that are not zero.
    #[inline(always)]
    fn correct_from(&self, index: usize, bits: &mut Bits<'_>, values: &mut [i16], nonzero: u64) {
        if index > self.last {
            return;
        }
        let mut left = nonzero & (u64::MAX << index) & (u64::MAX >> (63 - self.last));
        while left != 0 {
            let next = left.trailing_zeros() as usize;
            if next >= values.len() {
                // Nobody needs them, but their bits are there.
                let mut unneeded = left.count_ones();
                while unneeded > 0 {
                    bits.refill();
                    let some = unneeded.min(56);
                    bits.consume(some);
                    unneeded -= some;
                }
                return;
            }
            self.correct(bits, values.get_mut(next));
            left &= left - 1;
        }
    }

    #[inline(always)]
    fn correct(&self, bits: &mut Bits<'_>, value: Option<&mut i16>) {
        bits.refill();
        let bit = (bits.take(1) << self.after) as i16;
        if let Some(value) = value
            && *value & bit == 0
        {
            *value = value.wrapping_add(if *value < 0 { -bit } else { bit });
        }
    }
}

/// The number of blocks, with this one, that have nothing more: a power of two and bits below it.
fn run_of(bits: &mut Bits<'_>, power: usize) -> u32 {
    (1 << power) + bits.take(power as u32) as u32
}

/// Draws all blocks of all components.
pub(crate) fn draw(frame: &mut Frame) -> Result<()> {
    for component in &mut frame.components {
        if component.kept.missing[0].is_none() {
            return Err(Error::Corrupt("a component without averages"));
        }
        component.allocate_plane(&frame.window);
        let quant = component.quant.clone().ok_or(Error::Corrupt("no quantisation table"))?;
        let kept = std::mem::take(&mut component.kept.values);
        let mut coefficients = [0; 64];
        for (index, values) in kept.chunks_exact(component.last + 1).enumerate() {
            let (x, y) = (index % component.blocks_per_row, index / component.blocks_per_row);
            if !component.plane.has(x, y) {
                continue;
            }
            for (value, place) in values.iter().zip(&NATURAL) {
                coefficients[usize::from(*place) & 63] = *value;
            }
            let last = values.iter().rposition(|&value| value != 0).unwrap_or(0);
            component.plane.draw((x, y), &coefficients, &quant, last);
        }
    }
    Ok(())
}
