//! The tables that a file has defined so far.

use crate::error::{Error, Result};
use crate::huffman::{AcTable, DcTable, Symbols};

/// By their numbers, 0 to 3.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    quant: [Option<Box<[u16; 64]>>; 4],
    dc: [Option<Symbols>; 4],
    ac: [Option<Symbols>; 4],
    /// Those of the two above that a scan has used, made ready for it.
    ready_dc: [Option<DcTable>; 4],
    ready_ac: [Option<AcTable>; 4],
}

const CUT: Error = Error::Corrupt("a table that is cut");
const NUMBER: Error = Error::Corrupt("a table with a number above 3");
const NO_TABLE: Error = Error::Corrupt("a scan without its table");

impl Tables {
    /// Reads a segment of quantisation tables.
    pub(crate) fn read_quant(&mut self, mut payload: &[u8]) -> Result<()> {
        while let Some((&kind, rest)) = payload.split_first() {
            let slot = self.quant.get_mut(usize::from(kind & 15)).ok_or(NUMBER)?;
            let wide = match kind >> 4 {
                0 => 1,
                1 => 2,
                _ => return Err(Error::Corrupt("a quantisation table of an unknown precision")),
            };
            let (values, rest) = rest.split_at_checked(64 * wide).ok_or(CUT)?;
            let mut table = Box::new([0; 64]);
            for (entry, value) in table.iter_mut().zip(values.chunks_exact(wide)) {
                *entry = value.iter().fold(0, |value, &byte| value << 8 | u16::from(byte));
            }
            *slot = Some(table);
            payload = rest;
        }
        Ok(())
    }

    /// Reads a segment of Huffman tables.
    pub(crate) fn read_huffman(&mut self, mut payload: &[u8]) -> Result<()> {
        while let Some((&kind, rest)) = payload.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(CUT)?;
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let (values, rest) = rest.split_at_checked(count).ok_or(CUT)?;
            let symbols = Some(Symbols::new(counts, values)?);
            let number = usize::from(kind & 15);
            match kind >> 4 {
                0 => {
                    *self.dc.get_mut(number).ok_or(NUMBER)? = symbols;
                    self.ready_dc[number] = None;
                }
                1 => {
                    *self.ac.get_mut(number).ok_or(NUMBER)? = symbols;
                    self.ready_ac[number] = None;
                }
                _ => return Err(Error::Corrupt("a Huffman table of an unknown class")),
            }
            payload = rest;
        }
        Ok(())
    }

    pub(crate) fn quant(&self, number: u8) -> Result<&[u16; 64]> {
        let table = self.quant.get(usize::from(number)).and_then(Option::as_deref);
        table.ok_or(Error::Corrupt("a component without its quantisation table"))
    }

    /// Makes a table ready for the averages of a scan.
    pub(crate) fn prepare_dc(&mut self, number: usize) -> Result<()> {
        if self.ready_dc[number].is_none() {
            self.ready_dc[number] = Some(DcTable::new(self.dc[number].clone().ok_or(NO_TABLE)?)?);
        }
        Ok(())
    }

    /// Makes a table ready for the other coefficients of a sequential scan.
    pub(crate) fn prepare_ac(&mut self, number: usize) -> Result<()> {
        if self.ready_ac[number].is_none() {
            self.ready_ac[number] = Some(AcTable::new(self.ac[number].clone().ok_or(NO_TABLE)?));
        }
        Ok(())
    }

    /// A table that was made ready.
    pub(crate) fn dc(&self, number: usize) -> Result<&DcTable> {
        self.ready_dc[number].as_ref().ok_or(NO_TABLE)
    }

    /// A table that was made ready.
    pub(crate) fn ac(&self, number: usize) -> Result<&AcTable> {
        self.ready_ac[number].as_ref().ok_or(NO_TABLE)
    }

    /// The symbols of a table, for the coefficients of a progressive scan.
    pub(crate) fn ac_symbols(&self, number: usize) -> Result<&Symbols> {
        self.ac[number].as_ref().ok_or(NO_TABLE)
    }
}
