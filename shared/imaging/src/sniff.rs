//! The format of an image by its first bytes. Names and declared types are never looked at.

use storage_core::ports::ImageFormat;

const PNG_SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The format that `head` begins like; `None` where it is nothing that is decoded here.
///
/// A PNG signature with one wrong byte, or whose line ends a transfer has rewritten, still counts as PNG: the sender
/// is told that the image is damaged, not that its type is unknown. No other registered signature is that close.
pub(crate) fn sniff(head: &[u8]) -> Option<ImageFormat> {
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        return Some(ImageFormat::Jpeg);
    }
    if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        return Some(ImageFormat::Gif);
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some(ImageFormat::Webp);
    }
    if head.starts_with(&PNG_SIGNATURE[..4]) || is_nearly_png(head) {
        return Some(ImageFormat::Png);
    }
    None
}

/// Whether `bytes` begin with the PNG signature exactly.
pub(crate) fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(&PNG_SIGNATURE)
}

fn is_nearly_png(head: &[u8]) -> bool {
    let Some(head) = head.get(..PNG_SIGNATURE.len()) else { return false };
    head.iter().zip(PNG_SIGNATURE).filter(|(byte, expected)| **byte != *expected).count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        assert_eq!(sniff(b"\xff\xd8\xff\xe0"), Some(ImageFormat::Jpeg));
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some(ImageFormat::Png));
        assert_eq!(sniff(b"GIF87a"), Some(ImageFormat::Gif));
        assert_eq!(sniff(b"GIF89a=1;alert(1)//"), Some(ImageFormat::Gif));
        assert_eq!(sniff(b"RIFF\x10\0\0\0WEBPVP8 "), Some(ImageFormat::Webp));
    }

    #[test]
    fn i02_i24_i26_i30_everything_else_is_no_image() {
        let others: [&[u8]; 16] = [
            b"",
            b"\xff",
            b"\xff\xd8",
            b"<svg onload=alert(1)>",
            b"<!DOCTYPE html>",
            b"BM\x36\0\0\0\0\0\0\0",
            b"II*\0\x08\0\0\0",
            b"MM\0*\0\0\0\x08",
            b"\0\0\x01\0\x01\0",
            b"\0\0\0\x18ftypheic",
            b"\0\0\0\x1cftypavif",
            b"8BPS\0\x01",
            b"\x76\x2f\x31\x01\x02\0\0\0",
            b"qoif\0\0\0\x01",
            b"\x8aMNG\r\n\x1a\n",
            b"RIFF\x10\0\0\0WAVEfmt ",
        ];
        for head in others {
            assert_eq!(sniff(head), None, "{head:?}");
        }
    }
}
