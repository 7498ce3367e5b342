//! Entropy-coded data between two markers: its bytes without stuffing, and its bits.

use memchr::memchr;

/// Zero bytes behind the data, so that a word can be read at every place.
const PADDING: usize = 8;

/// The data of a scan up to the next marker, as far as it has arrived.
#[derive(Debug)]
pub(crate) struct Segment {
    /// What has been unstuffed, then [`PADDING`].
    bytes: Vec<u8>,
    /// A 0xff came last, and what it means depends on the next byte.
    after_ff: bool,
    /// The marker behind the data.
    end: Option<u8>,
    at: Cursor,
}

/// A place between two bits.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    /// The next bits, the first one highest. Those below `count` are right where the data has arrived, and else zeros.
    bits: u64,
    /// How many of `bits` belong to bytes before `next`.
    count: u32,
    /// The index of a byte.
    next: usize,
}

impl Segment {
    pub(crate) fn new() -> Self {
        Segment { bytes: vec![0; PADDING], after_ff: false, end: None, at: Cursor::default() }
    }

    /// Begins another segment.
    pub(crate) fn restart(&mut self) {
        self.bytes.clear();
        self.bytes.resize(PADDING, 0);
        self.after_ff = false;
        self.end = None;
        self.at = Cursor::default();
    }

    /// The marker behind the data, once it has arrived.
    pub(crate) fn end(&self) -> Option<u8> {
        self.end
    }

    /// Takes bytes up to and with the next marker; the number that were taken.
    pub(crate) fn feed(&mut self, input: &[u8]) -> usize {
        self.drop_used();
        self.bytes.truncate(self.bytes.len() - PADDING);
        let mut taken = 0;
        while self.end.is_none() && taken < input.len() {
            let rest = &input[taken..];
            if self.after_ff {
                taken += 1;
                match rest[0] {
                    0x00 => self.bytes.push(0xff),
                    // A marker may be preceded by any number of these.
                    0xff => continue,
                    marker => self.end = Some(marker),
                }
                self.after_ff = false;
            } else {
                let run = memchr(0xff, rest);
                let length = run.unwrap_or(rest.len());
                self.bytes.extend_from_slice(&rest[..length]);
                self.after_ff = run.is_some();
                taken += length + usize::from(self.after_ff);
            }
        }
        self.bytes.resize(self.bytes.len() + PADDING, 0);
        taken
    }

    /// Makes room by forgetting bytes whose bits have been read.
    fn drop_used(&mut self) {
        let used = self.at.next.min(self.bytes.len() - PADDING);
        self.bytes.drain(..used);
        self.at.next -= used;
    }

    pub(crate) fn reader(&self) -> Bits<'_> {
        Bits { bytes: &self.bytes, at: self.at }
    }

    /// Goes on later where a reader of this segment stopped.
    pub(crate) fn resume_at(&mut self, place: Place) {
        self.at = place.0;
    }
}

/// Where a [`Bits`] stopped.
pub(crate) struct Place(Cursor);

/// Reads bits of a [`Segment`]. Behind its data there are zeros without end; [`Bits::left`] tells.
#[derive(Debug)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    at: Cursor,
}

impl Bits<'_> {
    /// Afterwards 56 bits can be read.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        let next = self.at.next;
        let word = match self.bytes.get(next..next + 8) {
            Some(word) => word.try_into().map_or(0, u64::from_be_bytes),
            None => 0,
        };
        self.at.bits |= word >> self.at.count;
        self.at.next += ((63 - self.at.count) >> 3) as usize;
        self.at.count |= 56;
    }

    /// The next `count` bits, 1 to 16, which stay.
    #[inline(always)]
    pub(crate) fn peek(&self, count: u32) -> usize {
        (self.at.bits >> (64 - count)) as usize
    }

    #[inline(always)]
    pub(crate) fn consume(&mut self, count: u32) {
        self.at.bits <<= count;
        self.at.count = self.at.count.wrapping_sub(count);
    }

    /// Takes `count` bits, 0 to 16.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> i32 {
        let value = ((self.at.bits >> 1) >> (63 - count)) as i32;
        self.consume(count);
        value
    }

    /// Takes `size` bits, 0 to 15, as the number that they mean behind a Huffman code: without a sign, small ones are
    /// negative.
    #[inline(always)]
    pub(crate) fn take_signed(&mut self, size: u32) -> i32 {
        signed(self.take(size), size)
    }

    /// How many bits are left; negative where some were read that are not there.
    #[inline]
    pub(crate) fn left(&self) -> isize {
        let read = self.at.next as isize * 8 - self.at.count as isize;
        (self.bytes.len() - PADDING) as isize * 8 - read
    }

    pub(crate) fn place(&self) -> Place {
        Place(self.at)
    }
}

/// The number that `size` bits behind a Huffman code mean.
#[inline(always)]
pub(crate) fn signed(value: i32, size: u32) -> i32 {
    let half = (1 << size) >> 1;
    if value < half { value - (1 << size) + 1 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffing_goes_and_a_marker_ends_the_data_wherever_the_pieces_are_cut() {
        let input = [0x12, 0xff, 0x00, 0x34, 0xff, 0xff, 0xd3, 0x56];
        for cut in 0..input.len() {
            let mut segment = Segment::new();
            let mut taken = segment.feed(&input[..cut]);
            taken += segment.feed(&input[taken..]);
            assert_eq!((taken, segment.end()), (7, Some(0xd3)), "cut at {cut}");
            let mut bits = segment.reader();
            bits.refill();
            assert_eq!(bits.left(), 24);
            assert_eq!([bits.take(8), bits.take(8), bits.take(8)], [0x12, 0xff, 0x34]);
            assert_eq!((bits.left(), bits.take(3), bits.left()), (0, 0, -3));
        }
    }

    #[test]
    fn bits_go_on_where_they_stopped_when_more_data_arrives() {
        let mut segment = Segment::new();
        let data: Vec<u8> = (0..200).map(|index| (index as u8).wrapping_mul(37) & 0x7f).collect();
        let mut read = Vec::new();
        for piece in data.chunks(23) {
            segment.feed(piece);
            let mut bits = segment.reader();
            while bits.left() >= 64 {
                bits.refill();
                read.push(bits.take(4) as u8);
            }
            let place = bits.place();
            segment.resume_at(place);
        }
        let nibbles: Vec<u8> = data.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
        assert!(read.len() > 380);
        assert_eq!(read, nibbles[..read.len()]);
    }

    #[test]
    fn numbers_behind_a_code() {
        assert_eq!((signed(0, 0), signed(0, 1), signed(1, 1)), (0, -1, 1));
        assert_eq!((signed(0, 3), signed(3, 3), signed(4, 3), signed(7, 3)), (-7, -4, 4, 7));
    }
}
