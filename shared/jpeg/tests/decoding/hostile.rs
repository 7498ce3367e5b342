//! Files that are no images, that contradict themselves, or that would cost too much.

use std::time::{Duration, Instant};

use jpeg_encoder::ColorType;
use scaled_jpeg::{Decoder, Error, Limits, Planes, Result, Scale, Want};

use crate::files::{Form, decode, decode_with, segment, segments};

fn small_files() -> [(&'static str, Vec<u8>); 6] {
    let form = Form { quality: 50, ..Form::new(20, 18) };
    [
        ("baseline", form.encode()),
        ("with restarts", form.restarted(1).encode()),
        ("in scans of single components", form.separate().encode()),
        ("gray", form.colored(ColorType::Luma).encode()),
        ("progressive", form.progressive(true).encode()),
        ("progressive with restarts", form.progressive(true).restarted(1).encode()),
    ]
}

fn limited(file: &[u8], limits: Limits) -> Result<Planes> {
    decode_with(Decoder::new(Want::Scale(Scale::Half), limits), file)
}

/// The file with other bytes in the place of a segment.
fn replaced(file: &[u8], marker: u8, bytes: &[u8]) -> Vec<u8> {
    let part = segment(file, marker);
    [&file[..part.start], bytes, &file[part.end..]].concat()
}

/// The file with bytes before the first segment of a kind.
fn preceded(file: &[u8], marker: u8, bytes: &[u8]) -> Vec<u8> {
    let part = segment(file, marker);
    [&file[..part.start], bytes, &file[part.start..]].concat()
}

#[track_caller]
fn assert_corrupt(file: &[u8]) {
    let found = decode(file, Scale::Half);
    assert!(matches!(found, Err(Error::Corrupt(_))), "{found:?}");
}

#[track_caller]
fn assert_unsupported(file: &[u8]) {
    let found = decode(file, Scale::Half);
    assert!(matches!(found, Err(Error::Unsupported(_))), "{found:?}");
}

#[test]
fn no_part_of_a_file_is_an_image() {
    for (name, file) in small_files() {
        for scale in Scale::ALL {
            let mut decoder = Decoder::new(Want::Scale(scale), Limits::default());
            let needed = file.iter().position(|&byte| decoder.push(&[byte]).unwrap()).unwrap() + 1;
            for length in 0..needed {
                assert_eq!(
                    decode(&file[..length], scale),
                    Err(Error::Truncated),
                    "{name}: {length} bytes at {scale:?}"
                );
            }
            assert!(decode(&file[..needed], scale).is_ok(), "{name} at {scale:?}");
        }
    }
}

#[test]
fn a_file_that_ends_too_early_is_noticed_where_its_end_is_marked() {
    for (name, file) in small_files() {
        let scan = segments(&file).into_iter().rfind(|part| part.marker == 0xda).unwrap();
        for length in scan.data..scan.end {
            let cut = [&file[..length], &[0xff, 0xd9]].concat();
            // A last byte of bits that fill it may be missing.
            let found = decode(&cut, Scale::Half);
            assert!(found.is_err(), "{name}: {length} of {} bytes", scan.end);
        }
    }
}

#[test]
fn flipped_bits_never_panic_and_never_take_long() {
    for (name, file) in small_files() {
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let limits = Limits { max_memory: 4 << 20, ..Limits::default() };
            for scale in Scale::ALL {
                let begun = Instant::now();
                drop(decode_with(Decoder::new(Want::Scale(scale), limits), &damaged));
                assert!(begun.elapsed() < Duration::from_secs(5), "{name}: bit {bit} at {scale:?}");
            }
        }
    }
}

#[test]
fn bytes_without_meaning_never_panic() {
    let mut state = 1_u32;
    for _ in 0..2000 {
        let mut file = vec![0xff, 0xd8];
        for _ in 0..60 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let byte = (state >> 24) as u8;
            if byte.is_multiple_of(5) {
                file.extend([0xff, 0xc0 | byte >> 3, 0, byte & 15]);
            } else {
                file.push(byte);
            }
        }
        assert!(decode(&file, Scale::Half).is_err());
    }
    for file in [&b""[..], b"\xff", b"\xff\xd8", b"GIF89a", b"\xff\xd8\xff\xd9", b"\xd8\xff"] {
        assert!(decode(file, Scale::Half).is_err());
    }
}

#[test]
fn an_error_stays() {
    let mut decoder = Decoder::new(Want::Scale(Scale::Half), Limits::default());
    let error = decoder.push(b"GIF89a").unwrap_err();
    assert_eq!(decoder.push(&Form::new(8, 8).encode()), Err(error));
    assert_eq!(decoder.finish(), Err(error));
}

#[test]
fn scans_are_limited() {
    let mut file = Form::new(16, 16).progressive(true).encode();
    let first = segment(&file, 0xda);
    let scan = file[first.start..first.end].to_vec();
    file.truncate(first.start);
    for _ in 0..300 {
        file.extend_from_slice(&scan);
    }
    // The same scan again is wrong already. What is limited is the number of different ones.
    assert!(limited(&file, Limits::default()).is_err());

    let file = Form::new(16, 16).progressive(true).encode();
    let scans = segments(&file).into_iter().filter(|part| part.marker == 0xda).count() as u32;
    assert!(limited(&file, Limits { max_scans: scans, ..Limits::default() }).is_ok());
    let found = limited(&file, Limits { max_scans: scans - 1, ..Limits::default() });
    assert!(matches!(found, Err(Error::TooLarge(_))), "{found:?}");
}

/// A scan of one coefficient in which a million blocks are empty, for a code of one bit for runs of 2^14 and more of them.
fn empty_scan(coefficient: u8, bits: u8) -> Vec<u8> {
    let mut scan = vec![0xff, 0xda, 0, 8, 1, 1, 0, coefficient, coefficient, bits];
    // 61 runs of 15 bits, the last one by 576 blocks longer, and bits that fill the byte.
    let mut runs = [0; 115];
    let last = 576_u16 << 5 | 0x1f;
    runs[113..].copy_from_slice(&last.to_be_bytes());
    scan.extend(runs);
    scan
}

#[test]
fn many_scans_of_nothing_end_soon() {
    // 8000 x 8000 pixels; the only code is one bit for a run of 2^14 blocks, whose length has 14 more bits.
    let mut file = b"\xff\xd8\xff\xdb\x00\x43\x00".to_vec();
    file.extend([1; 64]);
    file.extend(b"\xff\xc2\x00\x0b\x08\x1f\x40\x1f\x40\x01\x01\x11\x00");
    file.extend(b"\xff\xc4\x00\x14\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x00");
    file.extend(b"\xff\xc4\x00\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe0");
    // A million blocks, averages first.
    file.extend(b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00");
    file.extend(vec![0; 1_000_000 / 8]);
    for first in 1..64 {
        for low in (0..14_u8).rev() {
            let before = if low == 13 { 0 } else { low + 1 };
            file.extend(empty_scan(first, before << 4 | low));
        }
    }
    let begun = Instant::now();
    let limits = Limits { max_scans: 100, ..Limits::default() };
    let found = limited(&file, limits).map(|planes| planes.width);
    assert!(matches!(found, Err(Error::TooLarge(_))), "{found:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn sizes_are_limited_before_anything_is_allocated() {
    for is_progressive in [false, true] {
        let sound = Form::new(16, 16).progressive(is_progressive).encode();
        let marker = if is_progressive { 0xc2 } else { 0xc0 };
        let frame = segment(&sound, marker);
        for (side, limits, is_allowed) in [
            (65_500_u16, Limits::default(), false),
            (65_500, Limits { max_pixels: u64::MAX, ..Limits::default() }, false),
            (2000, Limits { max_memory: 1 << 20, ..Limits::default() }, false),
            (2000, Limits::default(), true),
        ] {
            let mut file = sound.clone();
            file[frame.start + 5..frame.start + 7].copy_from_slice(&side.to_be_bytes());
            file[frame.start + 7..frame.start + 9].copy_from_slice(&side.to_be_bytes());
            let begun = Instant::now();
            let mut decoder = Decoder::new(Want::Scale(Scale::Half), limits);
            let found = decoder.push(&file[..frame.end]);
            assert!(begun.elapsed() < Duration::from_millis(500));
            match found {
                Ok(_) => assert!(is_allowed, "{side}, {limits:?}"),
                Err(error) => {
                    assert!(matches!(error, Error::TooLarge(_)) && !is_allowed, "{side}, {limits:?}: {error}")
                }
            }
        }
    }
}

#[test]
fn images_too_small_for_what_is_wanted_are_unsupported() {
    let file = Form::new(40, 60).encode();
    for (side, expected) in [(5, Some(5)), (6, Some(10)), (20, Some(20)), (21, None)] {
        let found = decode_with(Decoder::new(Want::ShortSide(side), Limits::default()), &file);
        assert_eq!(found.as_ref().ok().map(|planes| planes.width), expected, "{side}");
        assert!(expected.is_some() || matches!(found, Err(Error::Unsupported(_))));
    }
}

#[test]
fn other_kinds_of_jpeg_are_unsupported() {
    let file = Form::new(16, 16).encode();
    let frame = segment(&file, 0xc0);
    for marker in [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf, 0xcc] {
        let mut other = file.clone();
        other[frame.start + 1] = marker;
        assert_unsupported(&other);
    }
    let mut deep = file.clone();
    deep[frame.start + 4] = 12;
    assert_unsupported(&deep);
    // The number of lines behind the first scan.
    assert_unsupported(&preceded(&file, 0xd9, b"\xff\xdc\x00\x04\x00\x10"));
    let two = b"\xff\xc0\x00\x0e\x08\x00\x10\x00\x10\x02\x01\x11\x00\x02\x11\x00";
    assert_unsupported(&replaced(&file, 0xc0, two));
    let fractional = b"\xff\xc0\x00\x11\x08\x00\x10\x00\x10\x03\x01\x31\x00\x02\x21\x00\x03\x11\x00";
    assert_unsupported(&replaced(&file, 0xc0, fractional));
}

#[test]
fn frames_that_cannot_be_are_corrupt() {
    let file = Form::new(16, 16).encode();
    let frame = segment(&file, 0xc0);
    let with = |at: usize, byte: u8| {
        let mut other = file.clone();
        other[frame.start + at] = byte;
        other
    };
    // No height, which a later segment may tell, and no width.
    assert_corrupt(&with(6, 0));
    assert_corrupt(&with(8, 0));
    // Sampling of 0 and of 5, a table that does not exist, one that is not there, two components of one name.
    for (at, byte) in [(11, 0x01), (11, 0x10), (11, 0x51), (12, 4), (12, 3), (13, file[frame.start + 10])] {
        assert_corrupt(&with(at, byte));
    }
    // Longer and shorter than its components.
    assert_corrupt(&with(3, 0x12));
    assert_corrupt(&with(9, 4));
    let twice = file[frame.start..frame.end].to_vec();
    assert_corrupt(&preceded(&file, 0xda, &twice));
    assert_corrupt(&preceded(&file, 0xda, b"\xff\xd8"));
    assert_corrupt(&replaced(&file, 0xc0, b""));
}

#[test]
fn scans_that_cannot_be_are_corrupt() {
    let file = Form::new(16, 16).encode();
    let scan = segment(&file, 0xda);
    let with = |at: usize, byte: u8| {
        let mut other = file.clone();
        other[scan.start + at] = byte;
        other
    };
    // No component, an unknown one, one twice, a table that is not there, another range of coefficients.
    for (at, byte) in
        [(4, 0), (4, 2), (5, 99), (7, file[scan.start + 5]), (6, 0x44), (6, 0x33), (11, 1), (12, 62), (13, 1)]
    {
        assert_corrupt(&with(at, byte));
    }
    // The same data again.
    let again = file[scan.start..scan.end].to_vec();
    assert_corrupt(&preceded(&file, 0xd9, &again));
    // An end without a scan.
    assert_corrupt(&replaced(&file, 0xda, b""));
}

#[test]
fn tables_that_cannot_be_are_corrupt() {
    let file = Form::new(16, 16).encode();
    let huffman = |counts: [u8; 16], symbols: &[u8]| {
        let mut bytes = vec![0xff, 0xc4, 0, (19 + symbols.len()) as u8, 0];
        bytes.extend(counts);
        bytes.extend(symbols);
        preceded(&file, 0xda, &bytes)
    };
    let mut counts = [0; 16];
    counts[0] = 3;
    assert_corrupt(&huffman(counts, &[0, 1, 2]));
    counts[0] = 2;
    counts[15] = 1;
    assert_corrupt(&huffman(counts, &[0, 1, 2]));
    // Fewer symbols than codes, and more.
    counts = [0; 16];
    counts[3] = 9;
    assert_corrupt(&huffman(counts, &[0, 1]));
    // A difference of 16 bits.
    counts = [0; 16];
    counts[1] = 1;
    assert_corrupt(&huffman(counts, &[16]));
    for segment in [
        &b"\xff\xc4\x00\x13\x24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..],
        b"\xff\xc4\x00\x05\x00\x01\x02",
        b"\xff\xdb\x00\x04\x00\x01",
        b"\xff\xdb\x00\x03\x25",
        b"\xff\xdd\x00\x03\x01",
        b"\xff\xfe\x00\x01",
        b"\xff\xfe\x00\x00",
    ] {
        assert_corrupt(&preceded(&file, 0xda, segment));
    }
    assert_corrupt(&replaced(&file, 0xdb, b""));
    assert_corrupt(&replaced(&file, 0xc4, b""));
}

#[test]
fn restarts_out_of_order_are_corrupt() {
    for is_progressive in [false, true] {
        let file = Form::new(80, 80).progressive(is_progressive).restarted(2).encode();
        let scan = segment(&file, 0xda);
        let restarts: Vec<usize> = (scan.data..scan.end)
            .filter(|&at| file[at] == 0xff && matches!(file[at + 1], 0xd0..=0xd7))
            .collect();
        assert!(restarts.len() > 8);
        for &at in &restarts {
            let mut other = file.clone();
            other[at + 1] ^= 1;
            assert_corrupt(&other);
            // One that is missing, with and without its data.
            let mut other = file.clone();
            other.drain(at..at + 2);
            assert_corrupt(&other);
        }
        for pair in restarts.windows(2) {
            let mut other = file.clone();
            other.drain(pair[0]..pair[1]);
            assert_corrupt(&other);
        }
        // Restarts where none were announced.
        let interval = segment(&file, 0xdd);
        let other = [&file[..interval.start], &file[interval.end..]].concat();
        assert_corrupt(&other);
    }
}

/// A gray progressive image of 16 x 16 pixels whose only code for averages is one bit for no difference, and whose only
/// code for coefficients is one bit for `symbol`. Its first scan is that of the averages.
fn progressive(symbol: u8) -> Vec<u8> {
    let mut file = b"\xff\xd8\xff\xdb\x00\x43\x00".to_vec();
    file.extend([1; 64]);
    file.extend(b"\xff\xc2\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00");
    file.extend(b"\xff\xc4\x00\x14\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x00");
    file.extend(b"\xff\xc4\x00\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    file.push(symbol);
    file.extend(b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00\x0f");
    file
}

fn with_scan(mut file: Vec<u8>, range: (u8, u8), bits: u8, data: &[u8]) -> Vec<u8> {
    file.extend([0xff, 0xda, 0, 8, 1, 1, 0, range.0, range.1, bits]);
    file.extend(data);
    file.extend([0xff, 0xd9]);
    file
}

#[test]
fn progressive_scans_that_cannot_be_are_corrupt() {
    // The end of 4 blocks: a code and two bits for 0 more than 4.
    let sound = with_scan(progressive(0x20), (1, 63), 0, &[0x1f]);
    assert_eq!(decode(&sound, Scale::Half).unwrap().data[0], vec![128; 64]);
    // The end of 5 blocks, and of 4 with a byte too many or too few bits.
    assert_corrupt(&with_scan(progressive(0x20), (1, 63), 0, &[0x3f]));
    let surplus = decode(&with_scan(progressive(0x20), (1, 63), 0, &[0x1f, 0]), Scale::Half);
    assert!(matches!(surplus, Err(Error::Unsupported(_))), "{surplus:?}");
    assert_corrupt(&with_scan(progressive(0x20), (1, 63), 0, &[]));
    // Runs of zeros that leave the block.
    assert_corrupt(&with_scan(progressive(0xf0), (1, 63), 0, &[0; 8]));
    // Refinement before there is anything, and twice the same; bits that were passed over.
    assert_corrupt(&with_scan(progressive(0x20), (1, 63), 0x10, &[0x1f]));
    let first = with_scan(progressive(0x20), (1, 63), 2, &[0x1f]);
    let first = first[..first.len() - 2].to_vec();
    assert_corrupt(&with_scan(first.clone(), (1, 63), 0x10, &[0x1f]));
    assert_corrupt(&with_scan(first.clone(), (1, 63), 2, &[0x1f]));
    assert_corrupt(&with_scan(first.clone(), (1, 63), 0x20, &[0x1f]));
    let second = with_scan(first, (1, 63), 0x21, &[0x1f]);
    let second = second[..second.len() - 2].to_vec();
    assert!(decode(&with_scan(second, (1, 63), 0x10, &[0x1f]), Scale::Half).is_ok());
    // Ranges that are none, and averages together with others.
    for (range, bits) in [((0, 5), 0), ((5, 1), 0), ((1, 64), 0), ((1, 63), 14), ((1, 63), 0x31)] {
        assert_corrupt(&with_scan(progressive(0x20), range, bits, &[0x1f]));
    }
    // A refinement by more than one bit.
    let first = with_scan(progressive(0x20), (1, 63), 1, &[0x1f]);
    let table = b"\xff\xc4\x00\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02";
    let changed = [&first[..first.len() - 2], table].concat();
    assert_corrupt(&with_scan(changed, (1, 63), 0x10, &[0x1f]));
}

#[test]
fn an_image_without_one_of_its_components_is_corrupt() {
    let file = Form::new(20, 18).separate().encode();
    let scans: Vec<_> = segments(&file).into_iter().filter(|part| part.marker == 0xda).collect();
    assert_eq!(scans.len(), 3);
    for scan in scans {
        assert_corrupt(&[&file[..scan.start], &file[scan.end..]].concat());
    }
}

#[test]
fn data_behind_the_last_block_is_not_collected() {
    for is_progressive in [false, true] {
        let file = Form::new(16, 16).progressive(is_progressive).encode();
        let scan = segment(&file, 0xda);
        let mut decoder = Decoder::new(Want::Scale(Scale::Half), Limits::default());
        assert_eq!(decoder.push(&file[..scan.end]), Ok(false));
        // There is no marker, and there need not be one to see that this is too much.
        let found = decoder.push(&[0; 8192]);
        assert!(matches!(found, Err(Error::Unsupported(_))), "{found:?}");
    }
}

#[test]
fn a_sequential_scan_may_leave_out_what_it_always_says() {
    let file = Form::new(16, 16).encode();
    let scan = segment(&file, 0xda);
    let range = scan.start + 5 + 2 * usize::from(file[scan.start + 4]);
    assert_eq!(file[range..range + 3], [0, 63, 0]);
    let mut silent = file.clone();
    silent[range + 1] = 0;
    assert!(decode(&silent, Scale::Half).unwrap() == decode(&file, Scale::Half).unwrap());
}
