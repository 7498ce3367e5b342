//! Damage that libjpeg-turbo warns about is an error here.

use scaled_jpeg::Scale;

use crate::files::{Form, decode, segments};
use crate::peers::turbo;

/// Small files, and the scale at which all of their data is decoded.
fn victims() -> [(&'static str, Vec<u8>); 5] {
    let form = Form { quality: 60, ..Form::new(24, 18) };
    [
        ("baseline", form.encode()),
        ("with restarts", form.restarted(1).encode()),
        ("in full colour", form.sampled(jpeg_encoder::SamplingFactor::F_1_1).encode()),
        ("progressive", form.progressive(true).encode()),
        ("progressive with restarts", form.progressive(true).restarted(2).encode()),
    ]
}

/// The bits of the data of scans that, flipped, libjpeg-turbo notices and `decode` does not; and how many it notices.
fn missed(file: &[u8], scales: &[Scale]) -> Option<(Vec<usize>, usize)> {
    let (mut missed, mut noticed) = (Vec::new(), 0);
    let bits = segments(file)
        .into_iter()
        .filter(|part| part.marker == 0xda)
        .flat_map(|part| part.data * 8..part.end * 8);
    for bit in bits {
        let mut damaged = file.to_vec();
        damaged[bit / 8] ^= 0x80 >> (bit % 8);
        let found = scales.iter().any(|&scale| decode(&damaged, scale).is_ok());
        // What both refuse need not be asked for.
        if found {
            let output = turbo("djpeg", &["-fast", "-nosmooth"], &damaged)?;
            if !output.status.success() || !output.stderr.is_empty() {
                missed.push(bit);
            }
        } else {
            noticed += 1;
        }
    }
    Some((missed, noticed))
}

#[test]
fn every_flipped_bit_of_scans_is_noticed_as_by_libjpeg_turbo() {
    for (name, file) in victims() {
        let scales = if name.starts_with("progressive") { &[Scale::Half][..] } else { &Scale::ALL };
        let Some((missed, noticed)) = missed(&file, scales) else { return };
        assert!(missed.is_empty(), "{name}: {} missed, {noticed} noticed; {missed:?}", missed.len());
        assert!(noticed > 0, "{name}");
    }
}

#[test]
fn bytes_between_the_scan_and_the_end_are_noticed() {
    for (name, file) in victims() {
        for part in segments(&file).into_iter().filter(|part| part.marker == 0xda) {
            for more in [&[0x00][..], &[0x12, 0x34], &[0xff, 0x00], &[0; 100]] {
                let mut longer = file.clone();
                longer.splice(part.end..part.end, more.iter().copied());
                assert!(decode(&longer, Scale::Half).is_err(), "{name}: {more:?}");
            }
        }
    }
}

#[test]
fn fill_bytes_before_a_marker_mean_nothing() {
    for (name, file) in victims() {
        let whole = decode(&file, Scale::Half).unwrap();
        let mut filled = file.clone();
        for part in segments(&file).into_iter().rev() {
            filled.splice(part.start..part.start, [0xff; 3]);
        }
        assert!(decode(&filled, Scale::Half).unwrap() == whole, "{name}");
    }
}

/// Bits of the markers of scans, and of what their headers say of the lengths.
#[test]
fn scans_are_not_lost() {
    for (name, file) in victims() {
        let scans = segments(&file).into_iter().filter(|part| part.marker == 0xda);
        for bit in scans.flat_map(|part| part.start * 8..part.start * 8 + 32) {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(decode(&damaged, Scale::Half).is_err(), "{name}: bit {bit}");
        }
    }
}

#[test]
fn more_restarts_than_blocks_are_noticed() {
    for (name, file) in victims().into_iter().filter(|(name, _)| name.contains("restarts")) {
        let mut scans: Vec<_> = segments(&file).into_iter().filter(|part| part.marker == 0xda).collect();
        if name.starts_with("progressive") {
            // Behind the last one nothing is read.
            scans.pop();
        }
        for part in scans {
            for restart in 0xd0..=0xd7 {
                let mut longer = file.clone();
                longer.splice(part.end..part.end, [0xff, restart, 0x12, 0x34]);
                assert!(decode(&longer, Scale::Half).is_err(), "{name}: {restart:x}");
            }
        }
    }
}

#[test]
fn bytes_between_other_segments_mean_nothing() {
    for (name, file) in victims() {
        let whole = decode(&file, Scale::Half).unwrap();
        let first = segments(&file)[1];
        let mut padded = file.clone();
        padded.splice(first.start..first.start, [0; 16]);
        assert!(decode(&padded, Scale::Half).unwrap() == whole, "{name}");
    }
}
