//! Files to decode: generated images in every form that a JPEG can have.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use scaled_jpeg::{Decoder, Limits, Planes, Result, Scale, Want};

/// Every ratio between the components that the encoder knows.
pub(crate) const SAMPLINGS: [SamplingFactor; 14] = [
    SamplingFactor::F_1_1,
    SamplingFactor::F_2_1,
    SamplingFactor::F_1_2,
    SamplingFactor::F_2_2,
    SamplingFactor::F_4_1,
    SamplingFactor::F_4_2,
    SamplingFactor::F_1_4,
    SamplingFactor::F_2_4,
    SamplingFactor::R_4_4_0,
    SamplingFactor::R_4_4_1,
    SamplingFactor::R_4_2_2,
    SamplingFactor::R_4_2_0,
    SamplingFactor::R_4_1_1,
    SamplingFactor::R_4_1_0,
];

/// The samplings that differ most: none, the usual one, and those of other blocks across than down.
pub(crate) const SOME_SAMPLINGS: [SamplingFactor; 5] = [
    SamplingFactor::F_1_1,
    SamplingFactor::F_2_2,
    SamplingFactor::F_2_1,
    SamplingFactor::F_1_4,
    SamplingFactor::F_4_2,
];

/// Sides that no MCU divides, and those that one does.
pub(crate) const SIZES: [(u16, u16); 9] =
    [(1, 1), (7, 9), (8, 8), (16, 16), (17, 33), (33, 17), (100, 3), (2, 90), (255, 131)];

/// How an image is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) color: ColorType,
    pub(crate) sampling: SamplingFactor,
    pub(crate) is_progressive: bool,
    /// Whether every component has a scan of its own, where it is not progressive.
    pub(crate) is_separate: bool,
    /// MCUs between restarts, 0 for none.
    pub(crate) restart: u16,
    pub(crate) quality: u8,
}

impl Form {
    pub(crate) fn new(width: u16, height: u16) -> Self {
        Form {
            width,
            height,
            color: ColorType::Rgb,
            sampling: SamplingFactor::F_2_2,
            is_progressive: false,
            is_separate: false,
            restart: 0,
            quality: 90,
        }
    }

    pub(crate) fn sampled(self, sampling: SamplingFactor) -> Self {
        Form { sampling, ..self }
    }

    pub(crate) fn colored(self, color: ColorType) -> Self {
        Form { color, ..self }
    }

    pub(crate) fn progressive(self, is_progressive: bool) -> Self {
        Form { is_progressive, ..self }
    }

    pub(crate) fn separate(self) -> Self {
        Form { is_separate: true, ..self }
    }

    pub(crate) fn restarted(self, restart: u16) -> Self {
        Form { restart, ..self }
    }

    /// The photo of this form.
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, self.quality);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_progressive(self.is_progressive);
        encoder.set_optimized_huffman_tables(self.is_separate);
        encoder.set_restart_interval(self.restart);
        let channels = match self.color {
            ColorType::Luma => 1,
            ColorType::Rgb => 3,
            _ => 4,
        };
        let pixels = photo(usize::from(self.width), usize::from(self.height), channels);
        encoder.encode(&pixels, self.width, self.height, self.color).unwrap();
        file
    }
}

/// Pixels with what photos have: slow gradients, hard edges and fine texture, none of it close to black or white.
pub(crate) fn photo(width: usize, height: usize, channels: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let mut pixels = Vec::with_capacity(width * height * channels);
    for y in 0..height {
        for x in 0..width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let texture = (state >> 28) as usize;
            let is_inside = x.abs_diff(width / 3).pow(2) + y.abs_diff(height / 2).pow(2) < 900;
            let edge = if is_inside || (x / 29 + y / 23) % 5 == 0 { 60 } else { 0 };
            for channel in 0..channels {
                let gradient =
                    40 + (x * (channel + 1) + y * (channels - channel)) * 100 / (width + height) / channels;
                let edge = if channel == 1 { 60 - edge } else { edge };
                pixels.push((gradient + edge + texture).min(230) as u8);
            }
        }
    }
    pixels
}

/// The file without a JFIF segment, and with that of Adobe for a transform.
pub(crate) fn with_adobe(file: &[u8], transform: u8) -> Vec<u8> {
    let mut edited = vec![0xff, 0xd8];
    edited.extend_from_slice(b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00");
    edited.push(transform);
    for segment in segments(file) {
        if !matches!(segment.marker, 0xe0 | 0xee) {
            edited.extend_from_slice(&file[segment.start..segment.end]);
        }
    }
    edited
}

/// A component of a file that has a baseline scan for each, as a gray image.
pub(crate) fn alone(file: &[u8], index: usize) -> Vec<u8> {
    let frame = segment(file, 0xc0);
    let header = &file[frame.start..frame.end];
    let components: Vec<&[u8]> = header[10..].chunks_exact(3).collect();
    let own = components[index];
    let side = |high: u8, low: u8, sampling: fn(&[u8]) -> u8| {
        let most = components.iter().map(|component| sampling(component)).max().unwrap_or(1);
        let length = usize::from(u16::from_be_bytes([high, low])) * usize::from(sampling(own));
        (length.div_ceil(usize::from(most)) as u16).to_be_bytes()
    };
    let height = side(header[5], header[6], |component| component[1] & 15);
    let width = side(header[7], header[8], |component| component[1] >> 4);

    let mut gray = vec![0xff, 0xd8];
    let mut scans = 0;
    for part in segments(file) {
        match part.marker {
            0xc0 => {
                gray.extend([
                    0xff, 0xc0, 0, 11, 8, height[0], height[1], width[0], width[1], 1, own[0], 0x11, own[2],
                ]);
            }
            0xda => {
                if scans == index {
                    gray.extend_from_slice(&file[part.start..part.end]);
                }
                scans += 1;
            }
            _ => gray.extend_from_slice(&file[part.start..part.end]),
        }
    }
    assert_eq!(scans, components.len());
    gray
}

/// A part of a file, from its marker to the next one; that of a scan has its data, with restarts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) marker: u8,
    pub(crate) start: usize,
    /// Where the payload of its length ends, and a scan's data begins.
    pub(crate) data: usize,
    pub(crate) end: usize,
}

/// The segments of a sound file behind its start.
pub(crate) fn segments(file: &[u8]) -> Vec<Segment> {
    let mut found = Vec::new();
    let mut start = 2;
    while start < file.len() {
        let marker = file[start + 1];
        let data = match marker {
            0xd9 => start + 2,
            _ => start + 2 + usize::from(u16::from_be_bytes([file[start + 2], file[start + 3]])),
        };
        let mut end = data;
        if marker == 0xda {
            while file[end] != 0xff || matches!(file[end + 1], 0 | 0xd0..=0xd7) {
                end += 1;
            }
        }
        found.push(Segment { marker, start, data, end });
        start = end;
    }
    found
}

/// The only segment with a marker.
pub(crate) fn segment(file: &[u8], marker: u8) -> Segment {
    segments(file).into_iter().find(|segment| segment.marker == marker).expect("there is such a segment")
}

pub(crate) fn decode(file: &[u8], scale: Scale) -> Result<Planes> {
    decode_with(Decoder::new(Want::Scale(scale), Limits::default()), file)
}

pub(crate) fn decode_with(mut decoder: Decoder, file: &[u8]) -> Result<Planes> {
    decoder.push(file)?;
    decoder.finish()
}
