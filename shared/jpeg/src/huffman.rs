//! Huffman tables, turned into look-ups by the next bits.

use crate::bits::{Bits, signed};
use crate::error::{Error, Result};

/// How many bits decide at once about coefficients that are passed over.
const WIDE: u32 = 13;
/// How many bits decide at once about a difference of averages, or about one coefficient with its value.
const NARROW: u32 = 10;
/// How many bits decide at once about a symbol.
const FAST: u32 = 9;

const BAD_CODE: Error = Error::Corrupt("a code that its table does not have");
const TOO_MANY: Error = Error::Corrupt("a block of more than 64 coefficients");

/// The symbols of a table by their codes.
#[derive(Clone, Debug)]
pub(crate) struct Symbols {
    /// By the next [`FAST`] bits: the length of the code, and below 8 bits of symbol; 0 for longer codes.
    fast: Box<[u16; 1 << FAST]>,
    /// By length: the first 16 bits that are behind all codes of up to this length.
    limits: [u32; 17],
    /// By length: what is added to a code to get the index of its symbol.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

impl Symbols {
    /// `counts` says how many codes there are of each length from 1; the symbols are in the order of their codes.
    pub(crate) fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self> {
        const BAD: Error = Error::Corrupt("a Huffman table that no code can have");
        let mut table =
            Symbols { fast: Box::new([0; 1 << FAST]), limits: [0; 17], offsets: [0; 17], symbols: [0; 256] };
        table.symbols.get_mut(..values.len()).ok_or(BAD)?.copy_from_slice(values);
        let (mut code, mut index) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            table.offsets[length as usize] = index as i32 - code as i32;
            for &symbol in values.get(index..index + usize::from(count)).ok_or(BAD)? {
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    let entries = table.fast.get_mut(first..first + (1 << (FAST - length))).ok_or(BAD)?;
                    entries.fill((length as u16) << 8 | u16::from(symbol));
                }
                code += 1;
            }
            index += usize::from(count);
            if code > 1 << length {
                return Err(BAD);
            }
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        if index == values.len() { Ok(table) } else { Err(BAD) }
    }

    /// The symbol that `bits`, 16 of them, begin with, and the length of its code.
    #[inline(always)]
    fn find(&self, bits: usize) -> Option<(u8, u32)> {
        let entry = self.fast[bits >> (16 - FAST) & ((1 << FAST) - 1)];
        if entry != 0 { Some((entry as u8, u32::from(entry >> 8))) } else { self.find_long(bits) }
    }

    #[cold]
    fn find_long(&self, bits: usize) -> Option<(u8, u32)> {
        let length = (FAST as usize + 1..=16).find(|&length| (bits as u32) < self.limits[length])?;
        let index = self.offsets[length] + (bits >> (16 - length)) as i32;
        Some((*self.symbols.get(usize::try_from(index).ok()?)?, length as u32))
    }

    /// Takes a symbol, at most 16 bits.
    #[inline(always)]
    pub(crate) fn take(&self, bits: &mut Bits<'_>) -> Result<u8> {
        let (symbol, length) = self.find(bits.peek(16)).ok_or(BAD_CODE)?;
        bits.consume(length);
        Ok(symbol)
    }
}

/// A table for the averages of blocks.
#[derive(Clone, Debug)]
pub(crate) struct DcTable {
    symbols: Symbols,
    /// By the next [`NARROW`] bits: a difference, and below 16 bits of length with the code; 0 where more are needed.
    direct: Box<[i32; 1 << NARROW]>,
}

impl DcTable {
    pub(crate) fn new(symbols: Symbols) -> Result<Self> {
        if symbols.symbols.iter().any(|&size| size > 15) {
            return Err(Error::Corrupt("a difference of more than 15 bits"));
        }
        let mut direct = Box::new([0; 1 << NARROW]);
        for (bits, entry) in direct.iter_mut().enumerate() {
            if let Some((size, length)) = symbols.find(bits << (16 - NARROW)) {
                let size = u32::from(size);
                if length + size <= NARROW {
                    let value = (bits >> (NARROW - length - size)) as i32 & ((1 << size) - 1);
                    *entry = signed(value, size) << 16 | (length + size) as i32;
                }
            }
        }
        Ok(DcTable { symbols, direct })
    }

    /// Takes a difference. Refills.
    #[inline(always)]
    pub(crate) fn take(&self, bits: &mut Bits<'_>) -> Result<i32> {
        bits.refill();
        let entry = self.direct[bits.peek(NARROW) & ((1 << NARROW) - 1)];
        if entry == 0 {
            return self.take_long(bits);
        }
        bits.consume(entry as u32 & 0xff);
        Ok(entry >> 16)
    }

    #[cold]
    fn take_long(&self, bits: &mut Bits<'_>) -> Result<i32> {
        let size = self.symbols.take(bits)?;
        Ok(bits.take_signed(u32::from(size)))
    }
}

/// A table for the other 63 coefficients of sequential blocks.
#[derive(Clone, Debug)]
pub(crate) struct AcTable {
    symbols: Symbols,
    /// By the next [`NARROW`] bits: 8 bits of value, 4 of zeros before it, 4 of length with the code; a value of 0 ends
    /// the block, and 0 is for what needs more bits.
    values: Box<[i16; 1 << NARROW]>,
    /// By the next [`WIDE`] bits, of as many whole symbols as they hold: whether the block ends ([`ENDS`]), by how many
    /// coefficients they advance, and in the low 4 bits their length; 0 where not even one is whole.
    skips: Box<[u16; 1 << WIDE]>,
}

const ENDS: u16 = 1 << 15;

/// What one symbol is.
enum Step {
    End,
    Zeros,
    Coefficient { zeros: usize, size: u32 },
}

fn step(symbol: u8) -> Result<Step> {
    let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
    match (zeros, size) {
        (0, 0) => Ok(Step::End),
        (15, 0) => Ok(Step::Zeros),
        (_, 0) => Err(Error::Corrupt("a run of blocks in a sequential image")),
        _ => Ok(Step::Coefficient { zeros, size }),
    }
}

impl AcTable {
    pub(crate) fn new(symbols: Symbols) -> Self {
        let mut values = Box::new([0; 1 << NARROW]);
        for (bits, entry) in values.iter_mut().enumerate() {
            *entry = Self::value_of(&symbols, bits).unwrap_or(0);
        }
        let mut skips = Box::new([0; 1 << WIDE]);
        for (bits, entry) in skips.iter_mut().enumerate() {
            *entry = Self::skip_of(&symbols, bits);
        }
        AcTable { symbols, values, skips }
    }

    fn value_of(symbols: &Symbols, bits: usize) -> Option<i16> {
        let (symbol, length) = symbols.find(bits << (16 - NARROW))?;
        let (zeros, size, value) = match step(symbol).ok()? {
            Step::End => (0, 0, 0),
            Step::Zeros => return None,
            Step::Coefficient { zeros, size } => {
                let shift = NARROW.checked_sub(length + size)?;
                (zeros, size, signed((bits >> shift) as i32 & ((1 << size) - 1), size))
            }
        };
        let length = (length <= NARROW).then_some(length + size)?;
        Some(i16::from(i8::try_from(value).ok()?) << 8 | (zeros as i16) << 4 | length as i16)
    }

    fn skip_of(symbols: &Symbols, bits: usize) -> u16 {
        let (mut length, mut advance) = (0, 0);
        loop {
            let rest = bits << length << (16 - WIDE) & 0xffff;
            let Some((symbol, code)) = symbols.find(rest) else { break };
            let (by, size, ends) = match step(symbol) {
                Ok(Step::End) => (0, 0, ENDS),
                Ok(Step::Zeros) => (16, 0, 0),
                Ok(Step::Coefficient { zeros, size }) => (zeros as u16 + 1, size, 0),
                Err(_) => break,
            };
            if length + code + size > WIDE || advance + by > 63 {
                break;
            }
            length += code + size;
            advance += by;
            if ends != 0 {
                return ENDS | advance << 4 | length as u16;
            }
        }
        advance << 4 | length as u16
    }

    /// Takes coefficients from the second one to that with index `last` at least, all of them where `last` is 63, and
    /// gives those that are not zero to `found` with their index. Then passes over the rest of the block.
    #[inline(always)]
    pub(crate) fn take(
        &self,
        bits: &mut Bits<'_>,
        last: usize,
        mut found: impl FnMut(usize, i32),
    ) -> Result<()> {
        let mut index = 1;
        while index <= last {
            bits.refill();
            let entry = self.values[bits.peek(NARROW) & ((1 << NARROW) - 1)];
            if entry != 0 {
                bits.consume(entry as u32 & 15);
                let value = i32::from(entry >> 8);
                if value == 0 {
                    return Ok(());
                }
                index += (entry >> 4 & 15) as usize;
                if index > 63 {
                    return Err(TOO_MANY);
                }
                found(index, value);
                index += 1;
            } else {
                match step(self.symbols.take(bits)?)? {
                    Step::End => return Ok(()),
                    Step::Zeros => index += 16,
                    Step::Coefficient { zeros, size } => {
                        index += zeros;
                        let value = bits.take_signed(size);
                        if index > 63 {
                            return Err(TOO_MANY);
                        }
                        found(index, value);
                        index += 1;
                    }
                }
            }
        }
        self.skip(bits, index)
    }

    /// Passes over the coefficients from `index` on.
    #[inline(always)]
    pub(crate) fn skip(&self, bits: &mut Bits<'_>, mut index: usize) -> Result<()> {
        while index < 64 {
            bits.refill();
            // As many look-ups as one refill has bits for.
            for _ in 0..56 / WIDE {
                let entry = self.skips[bits.peek(WIDE) & ((1 << WIDE) - 1)];
                let next = index + usize::from(entry >> 4 & 0x7f);
                // Close to the end of the block its last symbol must not be taken together with the next block's first.
                if entry == 0 || next > 63 {
                    match self.skip_one(bits, index)? {
                        Some(next) => index = next,
                        None => return Ok(()),
                    }
                    break;
                }
                bits.consume(u32::from(entry & 15));
                if entry & ENDS != 0 {
                    return Ok(());
                }
                index = next;
            }
        }
        if index == 64 { Ok(()) } else { Err(TOO_MANY) }
    }

    /// Passes over one symbol; the index behind it, or `None` at the end of the block.
    #[cold]
    fn skip_one(&self, bits: &mut Bits<'_>, index: usize) -> Result<Option<usize>> {
        bits.refill();
        match step(self.symbols.take(bits)?)? {
            Step::End => Ok(None),
            Step::Zeros => Ok(Some(index + 16)),
            Step::Coefficient { zeros, size } => {
                bits.consume(size);
                Ok(Some(index + zeros + 1))
            }
        }
    }
}
