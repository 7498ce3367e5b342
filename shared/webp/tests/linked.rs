//! What of libwebp ends up in a program that encodes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use storage_webp::{Channels, Image, encode};

/// The linker takes from an archive only what is called, so a decoder that nobody calls is not there to be attacked.
#[test]
fn g42_the_decoder_is_not_linked() {
    assert!(encode(Image::new(&[9; 12], Channels::Rgb, 2, 2).unwrap(), 80.0).is_ok());
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let holds = |symbol: &[u8]| program.windows(symbol.len()).any(|window| window == symbol);
    assert!(holds(b"VP8EncLoop"), "this program has no symbols to look for");
    // Spelt in halves, so that the test does not find itself.
    for [start, end] in
        [["VP8", "GetHeaders"], ["VP8L", "DecodeImage"], ["WebP", "DecodeRGBA"], ["WebP", "IUpdate"]]
    {
        let symbol = [start, end].concat();
        assert!(!holds(symbol.as_bytes()), "{symbol} is linked");
    }
}
