//! libwebp's SIMD code and its plain code write the same bytes. The one test of its binary, because it switches the
//! code of the whole process.
#![allow(unsafe_code, reason = "libwebp's choice of code is a variable of C")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::c_int;

use storage_webp::{Channels, Image, encode};

type CpuInfo = Option<unsafe extern "C" fn(c_int) -> c_int>;

unsafe extern "C" {
    /// Tells libwebp what the processor can do; it looks again whenever this is another function.
    static mut VP8GetCPUInfo: CpuInfo;
}

/// Gradients, edges and noise: `channels` samples a pixel, also transparent ones.
fn scene(side: u32, channels: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut pixels = Vec::new();
    for index in 0..side * side {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (x, y, noise) = (index % side, index / side, (state >> 28) as u8);
        let edge = if (x / 9 + y / 7) % 2 == 0 { 60 } else { 0 };
        let sample = [(x * 195 / side) as u8 + edge, (y * 255 / side) as u8 ^ noise, ((x + y) / 3) as u8, 0];
        pixels.extend_from_slice(&sample[..3]);
        if channels == 4 {
            pixels.push(if x < side / 3 { 0 } else { (y * 255 / side) as u8 | noise });
        }
    }
    pixels
}

fn files() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for side in [1, 2, 15, 16, 17, 32, 47, 150, 299, 300] {
        for (channels, count) in [(Channels::Rgb, 3), (Channels::Rgba, 4)] {
            let pixels = scene(side, count, side);
            for quality in [0.0, 40.0, 80.0, 100.0] {
                files.push(encode(Image::new(&pixels, channels, side, side).unwrap(), quality).unwrap());
            }
        }
    }
    files
}

#[test]
fn g47_simd_changes_no_byte() {
    let with_simd = files();
    // SAFETY: no other thread encodes meanwhile.
    let found = unsafe { VP8GetCPUInfo };
    assert!(found.is_some(), "this build has no SIMD code, so that there is nothing to compare");
    // SAFETY: no other thread encodes meanwhile, and libwebp knows what no function means: plain code.
    unsafe { VP8GetCPUInfo = None };
    let without = files();
    // SAFETY: no other thread encodes meanwhile.
    unsafe { VP8GetCPUInfo = found };
    for (index, (one, other)) in with_simd.iter().zip(&without).enumerate() {
        assert!(one == other, "file {index}");
    }
    assert_eq!(files(), with_simd);
}
