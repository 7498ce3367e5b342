//! However a file is cut, it is the same image; and no more of it is asked for than is needed.

use jpeg_encoder::ColorType;
use scaled_jpeg::{Decoder, Limits, Planes, Result, Scale, Want};

use crate::files::{Form, SOME_SAMPLINGS, decode, segments};

fn in_pieces(file: &[u8], scale: Scale, size: usize) -> Result<Planes> {
    let mut decoder = Decoder::new(Want::Scale(scale), Limits::default());
    for piece in file.chunks(size) {
        if decoder.push(piece)? {
            break;
        }
    }
    decoder.finish()
}

#[test]
fn how_a_file_is_cut_changes_nothing() {
    for sampling in SOME_SAMPLINGS {
        for (is_progressive, restart) in [(false, 0), (false, 1), (false, 7), (true, 0), (true, 2)] {
            let file =
                Form::new(67, 45).sampled(sampling).progressive(is_progressive).restarted(restart).encode();
            for scale in Scale::ALL {
                let whole = decode(&file, scale).unwrap();
                for size in [1, 2, 3, 7, 61, 257, 1009] {
                    let case =
                        format!("{sampling:?}, {is_progressive}, {restart}, {scale:?}, in pieces of {size}");
                    assert!(in_pieces(&file, scale, size).unwrap() == whole, "{case}");
                }
            }
        }
    }
}

#[test]
fn large_scans_come_in_pieces_too() {
    for is_progressive in [false, true] {
        let file = Form { quality: 98, ..Form::new(400, 300) }.progressive(is_progressive).encode();
        assert!(file.len() > 64 * 1024);
        let whole = decode(&file, Scale::Half).unwrap();
        for size in [1, 4093, 20_011] {
            assert!(in_pieces(&file, Scale::Half, size).unwrap() == whole, "{is_progressive}, {size}");
        }
    }
}

#[test]
fn errors_do_not_depend_on_the_pieces_either() {
    let sound = Form::new(67, 45).progressive(true).restarted(3).encode();
    for at in (2..sound.len()).step_by(11) {
        let mut file = sound.clone();
        file[at] ^= 0x10;
        let whole = decode(&file, Scale::Half);
        for size in [1, 13] {
            assert!(in_pieces(&file, Scale::Half, size) == whole, "{at} in pieces of {size}");
        }
    }
}

#[test]
fn what_is_behind_the_image_is_ignored() {
    for is_progressive in [false, true] {
        let mut file = Form::new(30, 20).progressive(is_progressive).encode();
        let length = file.len();
        let whole = decode(&file, Scale::Half).unwrap();
        file.extend_from_slice(b"\xff\xd8\xff\xc0 another image, or anything");
        let mut decoder = Decoder::new(Want::Scale(Scale::Half), Limits::default());
        assert_eq!(decoder.push(&file[..length - 1]), Ok(false));
        assert_eq!(decoder.push(&file[length - 1..length]), Ok(true));
        assert_eq!(decoder.push(&file[length..]), Ok(true));
        assert_eq!(decoder.finish().unwrap(), whole);
        assert_eq!(decode(&file, Scale::Half).unwrap(), whole);
    }
}

/// The share of the file that is needed.
fn needed(file: &[u8], scale: Scale) -> f64 {
    let mut decoder = Decoder::new(Want::Scale(scale), Limits::default());
    let count = file.iter().position(|&byte| decoder.push(&[byte]).unwrap()).unwrap() + 1;
    assert!(decoder.finish().is_ok());
    count as f64 / file.len() as f64
}

#[test]
fn of_a_progressive_file_the_smallest_scale_needs_a_part() {
    for color in [ColorType::Luma, ColorType::Rgb] {
        let file = Form::new(255, 131).progressive(true).colored(color).encode();
        let (eighth, half) = (needed(&file, Scale::Eighth), needed(&file, Scale::Half));
        assert!(eighth < 0.75, "{color:?}: {eighth:.2} at 1/8");
        // All but the end marker, or but scans of frequencies that nobody sees.
        assert!(half > eighth, "{color:?}: {half:.2} at 1/2, {eighth:.2} at 1/8");
    }
}

#[test]
fn a_baseline_file_is_needed_whole() {
    let file = Form::new(100, 80).encode();
    for scale in Scale::ALL {
        assert!((needed(&file, scale) - 1.0).abs() < 1e-9);
    }
}

#[test]
fn the_header_is_known_once_it_has_arrived() {
    for is_progressive in [false, true] {
        let file = Form::new(99, 50).progressive(is_progressive).encode();
        let frame = segments(&file).into_iter().find(|part| matches!(part.marker, 0xc0 | 0xc2)).unwrap();
        let mut decoder = Decoder::new(Want::ShortSide(12), Limits::default());
        decoder.push(&file[..frame.end - 1]).unwrap();
        assert_eq!(decoder.header(), None);
        decoder.push(&file[frame.end - 1..frame.end]).unwrap();
        let header = decoder.header().unwrap();
        assert_eq!((header.width, header.height, header.scale), (99, 50, Scale::Quarter));
        assert_eq!(header.is_progressive, is_progressive);
    }
}
