//! The one EXIF tag that matters, and the smallest EXIF block that can carry it.

use crate::bytes::{array, be16, be32, le16, le32};

const ORIENTATION_TAG: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;
/// Real files have a few dozen entries in their first directory.
const MAX_ENTRIES: u16 = 1024;

/// How stored pixels are to be shown: EXIF's values 1 to 8, where 1 is upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

impl Orientation {
    /// Shown as stored.
    pub(crate) const UPRIGHT: Self = Orientation(1);

    /// The orientation with this EXIF value; anything outside 1 to 8 is upright.
    pub(crate) fn new(value: u16) -> Self {
        match value {
            1..=8 => Orientation(value as u8),
            _ => Self::UPRIGHT,
        }
    }

    /// The orientation of a TIFF-structured EXIF block. Only the first directory is read, so loops cannot be followed;
    /// a broken block is upright.
    pub(crate) fn from_tiff(tiff: &[u8]) -> Self {
        Self::search(tiff).unwrap_or(Self::UPRIGHT)
    }

    fn search(tiff: &[u8]) -> Option<Self> {
        type Read16 = fn(&[u8], usize) -> Option<u16>;
        type Read32 = fn(&[u8], usize) -> Option<u32>;
        let (read16, read32): (Read16, Read32) = match &array::<4>(tiff, 0)? {
            b"II*\0" => (le16, le32),
            b"MM\0*" => (be16, be32),
            _ => return None,
        };
        let directory = usize::try_from(read32(tiff, 4)?).ok()?;
        let entries = read16(tiff, directory)?.min(MAX_ENTRIES);
        for index in 0..usize::from(entries) {
            let entry = directory.checked_add(2 + index * 12)?;
            if read16(tiff, entry)? == ORIENTATION_TAG {
                let is_one_short = read16(tiff, entry + 2)? == TYPE_SHORT && read32(tiff, entry + 4)? == 1;
                return is_one_short.then(|| read16(tiff, entry + 8)).flatten().map(Self::new);
            }
        }
        None
    }

    /// A TIFF-structured EXIF block that holds this orientation and nothing else; `None` where none is needed.
    pub(crate) fn to_tiff(self) -> Option<[u8; 26]> {
        if self == Self::UPRIGHT {
            return None;
        }
        let mut tiff = *b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0";
        tiff[18] = self.0;
        Some(tiff)
    }

    /// Whether showing the image exchanges its width and height.
    pub(crate) fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// Where the shown pixel (`x`, `y`) is stored in an image that is shown `width` by `height` pixels large.
    pub(crate) fn stored_position(self, x: usize, y: usize, width: usize, height: usize) -> (usize, usize) {
        let (right, bottom) = (width - 1 - x, height - 1 - y);
        match self.0 {
            2 => (right, y),
            3 => (right, bottom),
            4 => (x, bottom),
            5 => (y, x),
            6 => (y, right),
            7 => (bottom, right),
            8 => (bottom, x),
            _ => (x, y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minimal_blocks_round_trip_and_an_independent_reader_agrees() {
        assert_eq!(Orientation::UPRIGHT.to_tiff(), None);
        for value in 2..=8 {
            let tiff = Orientation::new(value).to_tiff().unwrap();
            assert_eq!(Orientation::from_tiff(&tiff), Orientation::new(value));
            let parsed = ::exif::Reader::new().read_raw(tiff.to_vec()).unwrap();
            assert_eq!(parsed.fields().len(), 1);
            let field = parsed.get_field(::exif::Tag::Orientation, ::exif::In::PRIMARY).unwrap();
            assert_eq!(field.value.get_uint(0), Some(u32::from(value)));
        }
    }

    #[test]
    fn big_endian_blocks_are_read() {
        let tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        assert_eq!(Orientation::from_tiff(tiff), Orientation::new(6));
    }

    #[test]
    fn i33_i34_i35_broken_blocks_are_upright() {
        let good = Orientation::new(6).to_tiff().unwrap();
        for value in [0_u8, 9, 99] {
            let mut tiff = good;
            tiff[18] = value;
            assert_eq!(Orientation::from_tiff(&tiff), Orientation::UPRIGHT);
        }
        let with = |at: usize, bytes: &[u8]| {
            let mut tiff = good;
            tiff[at..at + bytes.len()].copy_from_slice(bytes);
            Orientation::from_tiff(&tiff)
        };
        assert_eq!(with(12, &[2]), Orientation::UPRIGHT, "a string");
        assert_eq!(with(14, &[0xff; 4]), Orientation::UPRIGHT, "a count of 0xFFFFFFFF");
        assert_eq!(with(4, &[0xff; 4]), Orientation::UPRIGHT, "a directory far outside");
        assert_eq!(with(22, &[8, 0, 0, 0]), Orientation::new(6), "a directory that is its own successor");
        for length in 0..20 {
            assert_eq!(Orientation::from_tiff(&good[..length]), Orientation::UPRIGHT, "cut at {length}");
        }
    }
}
