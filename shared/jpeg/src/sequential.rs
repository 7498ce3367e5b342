//! Scans of whole blocks: drawn as they are read.

use crate::bits::Segment;
use crate::error::{Error, Result};
use crate::frame::{Frame, NATURAL};
use crate::huffman::{AcTable, DcTable};
use crate::idct::to_pixel;
use crate::scan::Scan;
use crate::tables::Tables;

/// Decodes what there is data for; whether the scan is over.
pub(crate) fn run(
    scan: &mut Scan,
    segment: &mut Segment,
    frame: &mut Frame,
    tables: &mut Tables,
) -> Result<bool> {
    let mut coders = Vec::with_capacity(4);
    for part in &scan.header.parts {
        tables.prepare_dc(part.dc_table)?;
        tables.prepare_ac(part.ac_table)?;
    }
    for part in &scan.header.parts {
        let quant =
            frame.components[part.component].quant.clone().ok_or(Error::Corrupt("no quantisation table"))?;
        coders.push(Coder { dc: tables.dc(part.dc_table)?, ac: tables.ac(part.ac_table)?, quant });
    }
    // Zeros, but within a block.
    let mut coefficients = [0; 64];
    scan.run(segment, |bits, carried, parts, (mcu_x, mcu_y)| {
        for (part, coder) in parts.iter().zip(&coders) {
            let component = &mut frame.components[part.component];
            let average = &mut carried.averages[part.component];
            for down in 0..part.blocks.1 {
                let y = (mcu_y * part.blocks.1 + down) as usize;
                for across in 0..part.blocks.0 {
                    let x = (mcu_x * part.blocks.0 + across) as usize;
                    *average = average.wrapping_add(coder.dc.take(bits)?);
                    let level = f32::from(*average as i16) * coder.quant[0];
                    if component.last == 0 || !component.plane.has(x, y) {
                        coder.ac.skip(bits, 1)?;
                        if component.plane.has(x, y) {
                            component.plane.fill(x, y, to_pixel(level));
                        }
                        continue;
                    }
                    let mut last = 0;
                    coder.ac.take(bits, component.last, |index, value| {
                        last = index;
                        coefficients[usize::from(NATURAL[index & 63]) & 63] = value as i16;
                    })?;
                    if last == 0 {
                        component.plane.fill(x, y, to_pixel(level));
                    } else {
                        coefficients[0] = *average as i16;
                        component.plane.draw((x, y), &coefficients, &coder.quant, last);
                        coefficients = [0; 64];
                    }
                }
            }
        }
        Ok(())
    })
}

/// What is needed to read the blocks of a component.
struct Coder<'a> {
    dc: &'a DcTable,
    ac: &'a AcTable,
    quant: Box<[f32; 64]>,
}
