//! What a header claims, and the budgets it is held to before a pixel is decoded.

use serde_json::json;
use storage_core::error::{Error, ErrorKind, Result};
use storage_core::ports::{ImageFormat, ImageLimits};

use crate::{container, invalid};

/// The claims of an image's header, in the orientation of the stored pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) format: ImageFormat,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The size of a decoded pixel in bytes: channels, twice as much for 16-bit samples.
    pub(crate) bytes_per_pixel: u32,
}

impl Header {
    /// Reads no further than it must to know the dimensions.
    ///
    /// Errors: `InvalidImage` for a header that is cut, contradicts itself, has a side of 0, or describes a variant
    /// of the format that is not decoded here.
    pub(crate) fn read(format: ImageFormat, source: &[u8]) -> Result<Self> {
        let header = match format {
            ImageFormat::Jpeg => container::jpeg::probe(source),
            ImageFormat::Png => container::png::probe(source),
            ImageFormat::Webp => container::webp::probe(source),
            ImageFormat::Gif => container::gif::probe(source),
        }?;
        if header.width == 0 || header.height == 0 {
            return Err(invalid("a side is 0"));
        }
        Ok(header)
    }

    /// Holds the claims to the budgets. Errors: `ImageTooLarge`, with the limits as details.
    pub(crate) fn check(&self, limits: &ImageLimits) -> Result<()> {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let decoded = pixels.saturating_mul(u64::from(self.bytes_per_pixel));
        let context = if self.width > limits.max_side || self.height > limits.max_side {
            "a side is longer than allowed"
        } else if pixels > limits.max_pixels {
            "the image has more pixels than allowed"
        } else if decoded > limits.max_decoded_bytes {
            "the decoded image has more bytes than allowed"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::ImageTooLarge, context).with_details(json!({
            "max_side": limits.max_side,
            "max_pixels": limits.max_pixels,
            "max_decoded_bytes": limits.max_decoded_bytes,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(width: u32, height: u32, bytes_per_pixel: u32) -> Option<ErrorKind> {
        let header = Header { format: ImageFormat::Png, width, height, bytes_per_pixel };
        header.check(&ImageLimits::default()).err().map(|error| error.kind())
    }

    #[test]
    fn each_budget_refuses_on_its_own() {
        assert_eq!(kind_of(12_000, 1, 4), None);
        assert_eq!(kind_of(12_001, 1, 4), Some(ErrorKind::ImageTooLarge));
        assert_eq!(kind_of(1, 12_001, 4), Some(ErrorKind::ImageTooLarge));
        assert_eq!(kind_of(8_000, 5_000, 4), None);
        assert_eq!(kind_of(8_000, 5_001, 1), Some(ErrorKind::ImageTooLarge));
        assert_eq!(kind_of(6_300, 6_300, 8), Some(ErrorKind::ImageTooLarge));
        assert_eq!(kind_of(u32::MAX, u32::MAX, 8), Some(ErrorKind::ImageTooLarge));
    }
}
