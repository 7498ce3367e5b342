//! Hostile JPEG under small limits: the same answer however it is cut, of the size that its header says, and the pixels of
//! a region are those of the whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scaled_jpeg::{Decoder, Header, Limits, Planes, Region, Result, Scale, Want};

const LIMITS: Limits = Limits { max_pixels: 1 << 20, max_scans: 20, max_memory: 1 << 20 };

// The first byte chooses the scale, the second how the file behind them is cut and which region is compared.
fuzz_target!(|data: &[u8]| {
    let [scale, choice, file @ ..] = data else { return };
    let scale = Scale::ALL[usize::from(*scale) % Scale::ALL.len()];
    let whole = decode(scale, None, file, file.len().max(1));
    let pieces = decode(scale, None, file, 1 + usize::from(choice & 31));
    assert_eq!(whole, pieces, "how a file is cut changes nothing");
    let Ok((header, planes)) = whole else { return };

    assert!(header.width > 0 && header.height > 0);
    assert!(u64::from(header.width) * u64::from(header.height) <= LIMITS.max_pixels);
    assert_eq!((planes.left, planes.top), (0, 0));
    assert_eq!((planes.width, planes.height), (scale.of(header.width), scale.of(header.height)));
    let pixels = planes.width as usize * planes.height as usize;
    assert!(planes.data.iter().all(|plane| plane.len() == pixels));
    assert!((pixels * planes.data.len()) as u64 <= LIMITS.max_memory);
    assert_eq!(planes.model.to_pixels(&planes.data).len(), pixels * planes.model.channels());

    let region = region(header, *choice);
    let (_, part) = decode(scale, Some(region), file, file.len()).expect("the whole was decoded");
    check_part(&planes, &part, region, scale.denominator());
});

fn decode(scale: Scale, region: Option<Region>, file: &[u8], piece: usize) -> Result<(Header, Planes)> {
    let mut decoder = Decoder::new(Want::Scale(scale), LIMITS);
    if let Some(region) = region {
        decoder = decoder.within(region);
    }
    for piece in file.chunks(piece) {
        if decoder.push(piece)? {
            assert_eq!(decoder.push(b"what follows"), Ok(true));
            break;
        }
    }
    let header = decoder.header();
    let planes = decoder.finish()?;
    Ok((header.expect("what is decoded has a header"), planes))
}

/// One of a few rectangles, some of which reach over the edges of the image.
fn region(header: Header, choice: u8) -> Region {
    let eighths = |side: u32, choice: u8| side * u32::from(choice & 7) / 8;
    Region {
        left: eighths(header.width, choice),
        top: eighths(header.height, choice >> 3),
        width: 1 + u32::from(choice >> 4),
        height: header.height / (1 + u32::from(choice >> 6)),
    }
}

/// All pixels of the region are there, and those that are there are right.
fn check_part(whole: &Planes, part: &Planes, region: Region, denominator: u32) {
    let ends = |start: u32, length: u32| start.saturating_add(length).div_ceil(denominator);
    assert!(part.left <= region.left / denominator && part.top <= region.top / denominator);
    assert!(part.left + part.width >= ends(region.left, region.width).min(whole.width));
    assert!(part.top + part.height >= ends(region.top, region.height).min(whole.height));
    assert!(part.left + part.width <= whole.width && part.top + part.height <= whole.height);
    for (whole_plane, plane) in whole.data.iter().zip(&part.data) {
        for y in 0..part.height {
            let start = ((part.top + y) * whole.width + part.left) as usize;
            let row = (y * part.width) as usize;
            let width = part.width as usize;
            assert_eq!(plane[row..row + width], whole_plane[start..start + width]);
        }
    }
}
