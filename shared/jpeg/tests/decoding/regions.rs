//! A part of an image is that part of the whole.

use scaled_jpeg::{Decoder, Limits, Planes, Region, Scale, Want};

use crate::files::{Form, SAMPLINGS, decode, decode_with};

fn check(whole: &Planes, part: &Planes, region: Region, denominator: u32, case: &str) {
    let end = |start: u32, length: u32| start.saturating_add(length).div_ceil(denominator);
    assert!(part.left <= region.left / denominator, "{case}: {}", part.left);
    assert!(part.top <= region.top / denominator, "{case}: {}", part.top);
    assert!(part.left + part.width >= end(region.left, region.width).min(whole.width), "{case}");
    assert!(part.top + part.height >= end(region.top, region.height).min(whole.height), "{case}");
    assert_eq!((part.model, part.data.len()), (whole.model, whole.data.len()), "{case}");
    for (whole_plane, plane) in whole.data.iter().zip(&part.data) {
        assert_eq!(plane.len() as u32, part.width * part.height, "{case}");
        for y in 0..part.height {
            let start = ((part.top + y) * whole.width + part.left) as usize;
            let width = part.width as usize;
            let row = &plane[y as usize * width..][..width];
            assert_eq!(row, &whole_plane[start..start + width], "{case}, row {y}");
        }
    }
}

#[test]
fn a_region_has_the_pixels_of_the_whole() {
    let regions = [
        (0, 0, 101, 77),
        (0, 0, 1, 1),
        (40, 30, 20, 20),
        (13, 51, 64, 9),
        (100, 76, 1, 1),
        (90, 0, 500, 500),
    ];
    for sampling in SAMPLINGS {
        for is_progressive in [false, true] {
            let file = Form::new(101, 77).sampled(sampling).progressive(is_progressive).restarted(3).encode();
            for scale in Scale::ALL {
                let whole = decode(&file, scale).unwrap();
                for (left, top, width, height) in regions {
                    let region = Region { left, top, width, height };
                    let decoder = Decoder::new(Want::Scale(scale), Limits::default()).within(region);
                    let part = decode_with(decoder, &file).unwrap();
                    let case = format!("{sampling:?}, {is_progressive}, {scale:?}, {region:?}");
                    check(&whole, &part, region, scale.denominator(), &case);
                }
            }
        }
    }
}

#[test]
fn a_small_region_is_drawn_small() {
    let file = Form::new(640, 480).encode();
    let region = Region { left: 200, top: 100, width: 50, height: 60 };
    let decoder = Decoder::new(Want::Scale(Scale::Half), Limits::default()).within(region);
    let part = decode_with(decoder, &file).unwrap();
    // As much larger as an MCU of 16 pixels can stick out on each side.
    assert!(part.width <= (50 + 30) / 2 && part.height <= (60 + 30) / 2, "{} x {}", part.width, part.height);
}

#[test]
fn a_region_that_is_empty_or_outside_has_no_pixels() {
    for is_progressive in [false, true] {
        let file = Form::new(60, 40).progressive(is_progressive).encode();
        for (left, top, width, height) in
            [(60, 0, 10, 10), (0, 40, 10, 10), (1000, 1000, 5, 5), (u32::MAX, 0, u32::MAX, 4)]
        {
            let region = Region { left, top, width, height };
            let decoder = Decoder::new(Want::Scale(Scale::Quarter), Limits::default()).within(region);
            let part = decode_with(decoder, &file).unwrap();
            assert!(
                part.data.iter().all(|plane| plane.len() as u32 == part.width * part.height),
                "{region:?}"
            );
            // Whole MCUs are drawn, which a region that ends at the edge of the image may still touch.
            assert!(part.width * part.height <= 8 * 8, "{region:?}: {} x {}", part.width, part.height);
        }
    }
}

#[test]
fn an_error_outside_of_the_region_is_found() {
    let mut file = Form::new(200, 200).encode();
    let scan = crate::files::segment(&file, 0xda);
    file.drain(scan.end - 200..scan.end - 100);
    let region = Region { left: 0, top: 0, width: 16, height: 16 };
    let decoder = Decoder::new(Want::Scale(Scale::Eighth), Limits::default()).within(region);
    assert!(decode_with(decoder, &file).is_err());
}
