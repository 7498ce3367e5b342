use std::collections::BTreeSet;

use super::*;

fn entity(number: u32) -> EntityId {
    EntityId::parse(&format!("{number:08x}-2222-4222-8222-222222222222")).unwrap()
}

/// Side and pixels, three bytes each, as somebody else's decoder reads them.
fn pixels(file: &[u8]) -> (usize, Vec<u8>) {
    let mut decoder = ::png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(::png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut data).unwrap();
    assert_eq!((frame.width, frame.color_type), (frame.height, ::png::ColorType::Rgb));
    (frame.width as usize, data)
}

fn picture(name: Option<&str>, size: VariantSize) -> (usize, Vec<u8>) {
    pixels(&draw(entity(1), name, size))
}

/// WCAG 2.2: contrast ratio.
fn contrast_with_white(colour: [u8; 3]) -> f64 {
    let linear = |sample: u8| {
        let value = f64::from(sample) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let [red, green, blue] = colour.map(linear);
    1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
}

#[test]
fn white_can_be_read_on_every_colour() {
    for colour in COLOURS {
        let contrast = contrast_with_white(colour);
        assert!(contrast >= 4.5, "{colour:x?}: {contrast}");
    }
    assert_eq!(COLOURS.iter().collect::<BTreeSet<_>>().len(), COLOURS.len());
}

#[test]
fn ids_spread_over_the_colours() {
    let mut counts = [0; COLOURS.len()];
    for number in 0..1600 {
        let colour = colour(entity(number));
        counts[COLOURS.iter().position(|known| *known == colour).unwrap()] += 1;
    }
    assert!(counts.iter().all(|count| (50..=150).contains(count)), "{counts:?}");
}

#[test]
fn pictures_are_as_large_as_the_avatar_would_be_and_white_on_one_colour() {
    for (size, side) in [
        (VariantSize::Small, 32),
        (VariantSize::Medium, 150),
        (VariantSize::Large, 300),
        (VariantSize::Original, 300),
    ] {
        for name in [None, Some("Ada"), Some("Ada Lovelace")] {
            let file = draw(entity(7), name, size);
            assert!(file.len() < 3000, "{name:?} {size}: {} bytes", file.len());
            assert_eq!(file, draw(entity(7), name, size));
            let (found, data) = pixels(&file);
            assert_eq!(found, side);
            let ground = colour(entity(7));
            assert_eq!(data[..3], ground, "the corner");
            let white = data.chunks_exact(3).filter(|pixel| *pixel == [255; 3]).count();
            assert!(white > side * side / 100, "{name:?} {size}: {white}");
            // Nothing but the shades between the two.
            for pixel in data.chunks_exact(3) {
                for channel in 0..3 {
                    assert!(pixel[channel] >= ground[channel]);
                }
            }
        }
    }
}

#[test]
fn every_letter_and_digit_is_drawn_and_is_another() {
    let letters: Vec<char> = ('A'..='Z').chain('0'..='9').collect();
    for size in [VariantSize::Small, VariantSize::Medium, VariantSize::Large] {
        let mut seen = BTreeSet::new();
        for letter in &letters {
            let (side, data) = picture(Some(&letter.to_string()), size);
            let ground = colour(entity(1));
            let drawn = |x: usize, y: usize| data[(y * side + x) * 3..][..3] != ground;
            // Letters keep away from the edge, of which a round frame hides more.
            let margin = side / 6;
            for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
                let inside = (margin..side - margin).contains(&x) && (margin..side - margin).contains(&y);
                assert!(inside || !drawn(x, y), "{letter} {size} at {x},{y}");
            }
            assert!(seen.insert(data), "{letter} {size} looks like another");
        }
        assert_eq!(seen.len(), 36);
        assert!(seen.insert(picture(None, size).1), "the silhouette is no letter");
    }
    assert!(font::glyph('a').is_none() && font::glyph('\u{c4}').is_none());
}

/// The widest two letters stay inside the circle that most clients cut out.
#[test]
fn two_wide_letters_fit() {
    for name in ["W W", "M W", "A A", "Q Q"] {
        let (side, data) = picture(Some(name), VariantSize::Large);
        let ground = colour(entity(1));
        for (index, pixel) in data.chunks_exact(3).enumerate() {
            let (x, y) = (index % side, index / side);
            let away = (x.abs_diff(150).pow(2) + y.abs_diff(150).pow(2)) as f64;
            assert!(away.sqrt() < 135.0 || *pixel == ground, "{name} at {x},{y}");
        }
    }
}

#[test]
fn what_cannot_be_written_is_a_silhouette() {
    let silhouette = picture(None, VariantSize::Medium);
    for name in ["\u{738b}\u{5c0f}\u{660e}", "\u{1f600}", " ", "\u{418}\u{432}\u{430}\u{43d} Smith"] {
        assert_eq!(picture(Some(name), VariantSize::Medium), silhouette, "{name}");
    }
    assert_ne!(picture(Some("Smith"), VariantSize::Medium), silhouette);
}

/// Small, medium and large: no name, `S 2`, `Q` and `G M`.
const RECORDED: [[u32; 4]; 3] = [
    [3_324_484_946, 962_215_006, 3_026_559_238, 2_307_277_204],
    [3_714_348_145, 3_457_935_337, 1_547_845_854, 1_244_758_772],
    [2_396_003_493, 1_165_018_004, 2_072_646_415, 2_159_723_666],
];

/// Shades that are computed without a machine's own sines are the same everywhere.
#[test]
fn pictures_have_the_recorded_checksums() {
    let checksum = |name: Option<&str>, size| crc32fast::hash(&picture(name, size).1);
    let found = [VariantSize::Small, VariantSize::Medium, VariantSize::Large].map(|size| {
        [
            checksum(None, size),
            checksum(Some("S 2"), size),
            checksum(Some("Q"), size),
            checksum(Some("G M"), size),
        ]
    });
    assert_eq!(found, RECORDED);
}
