//! Sequential JPEG with one scan for each channel: legal, rare, and decoded wrongly by `zune-jpeg` 0.5.15 where a
//! channel is subsampled or a scan is only some bytes long.
//!
//! Such a scan is coded exactly like that of a gray image. Each channel is therefore decoded as one.

use storage_core::error::Result;
use storage_core::ports::ImageFormat;

use crate::container::jpeg::{EOI, SOI, SOS, Walker, push_segment};
use crate::header::Header;
use crate::pixels::{Layout, Pixels};
use crate::{decode, invalid};

/// The gray images inside a colour image.
pub(crate) struct Planes {
    width: u32,
    height: u32,
    is_rgb: bool,
    planes: Vec<Plane>,
}

struct Plane {
    file: Vec<u8>,
    width: u32,
    height: u32,
}

struct Component {
    id: u8,
    horizontal: u32,
    vertical: u32,
    table: u8,
}

impl Planes {
    /// Takes a stripped JPEG apart; `None` where it is progressive, gray, or has all channels in one scan.
    ///
    /// Errors: `InvalidImage` where its channels are spread over scans in yet another way.
    pub(crate) fn find(source: &[u8]) -> Result<Option<Self>> {
        let mut walker = Walker::new(source)?;
        let mut tables = vec![0xff, SOI];
        let mut frame = None;
        let mut adobe_transform = None;
        let mut planes = Vec::new();
        loop {
            let segment = walker.next_segment()?;
            let payload = &source[segment.payload];
            match segment.marker {
                0xc0 | 0xc1 => frame = Frame::read(payload),
                0xc4 | 0xdb | 0xdd => tables.extend_from_slice(&source[segment.whole]),
                0xee => adobe_transform = payload.get(11).copied(),
                SOS => {
                    let Some(frame) = &frame else { return Ok(None) };
                    if planes.is_empty() && payload.first() == Some(&3) {
                        return Ok(None);
                    }
                    let scan = &source[walker.skip_entropy_coded()];
                    planes.push(frame.plane(&tables, payload, scan).ok_or_else(unexpected)?);
                }
                EOI => break,
                _ => {}
            }
        }
        let Some(Frame { width, height, components }) = frame else { return Ok(None) };
        if planes.len() != 3
            || !planes.iter().zip(&components).all(|((id, _), component)| *id == component.id)
        {
            return Err(unexpected());
        }
        let is_rgb = match adobe_transform {
            Some(transform) => transform == 0,
            None => components.iter().map(|component| component.id).eq(*b"RGB"),
        };
        let planes = planes.into_iter().map(|(_, plane)| plane).collect();
        Ok(Some(Planes { width, height, is_rgb, planes }))
    }

    /// Decodes the channels, scales them to the size of the image by repeating pixels, and joins them.
    pub(crate) fn decode(self) -> Result<Pixels> {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut data = vec![0; width * height * 3];
        for (channel, plane) in self.planes.iter().enumerate() {
            let (from_width, from_height) = (plane.width as usize, plane.height as usize);
            let header = Header {
                format: ImageFormat::Jpeg,
                width: plane.width,
                height: plane.height,
                bytes_per_pixel: 1,
            };
            let gray = decode::decode_whole_jpeg(&plane.file, &header)?;
            for (y, line) in data.chunks_exact_mut(width * 3).enumerate() {
                let from = &gray.data[y * from_height / height * from_width..][..from_width];
                for (x, pixel) in line.chunks_exact_mut(3).enumerate() {
                    pixel[channel] = from[x * from_width / width];
                }
            }
        }
        if !self.is_rgb {
            data.chunks_exact_mut(3).for_each(to_rgb);
        }
        Ok(Pixels { width: self.width, height: self.height, layout: Layout::Rgb, data })
    }
}

fn unexpected() -> storage_core::error::Error {
    invalid("a JPEG whose channels are spread over scans in an unsupported way")
}

struct Frame {
    width: u32,
    height: u32,
    components: Vec<Component>,
}

impl Frame {
    /// A frame of three channels; `None` for any other.
    fn read(payload: &[u8]) -> Option<Self> {
        let [_, height_high, height_low, width_high, width_low, 3, components @ ..] = payload else {
            return None;
        };
        let components = components.chunks_exact(3).map(|component| Component {
            id: component[0],
            horizontal: u32::from(component[1] >> 4).clamp(1, 4),
            vertical: u32::from(component[1] & 15).clamp(1, 4),
            table: component[2],
        });
        Some(Frame {
            width: u32::from(u16::from_be_bytes([*width_high, *width_low])),
            height: u32::from(u16::from_be_bytes([*height_high, *height_low])),
            components: components.collect(),
        })
    }

    /// The gray JPEG of a scan of one channel, with the channel's id.
    fn plane(&self, tables: &[u8], header: &[u8], scan: &[u8]) -> Option<(u8, Plane)> {
        let [1, id, ..] = header else { return None };
        let component = self.components.iter().find(|component| component.id == *id)?;
        let most = |factor: fn(&Component) -> u32| self.components.iter().map(factor).max().unwrap_or(1);
        let width = (self.width * component.horizontal).div_ceil(most(|component| component.horizontal));
        let height = (self.height * component.vertical).div_ceil(most(|component| component.vertical));
        let [height_high, height_low] = u16::try_from(height).ok()?.to_be_bytes();
        let [width_high, width_low] = u16::try_from(width).ok()?.to_be_bytes();
        let frame = [8, height_high, height_low, width_high, width_low, 1, *id, 0x11, component.table];

        let mut file = Vec::with_capacity(tables.len() + scan.len() + 64);
        file.extend_from_slice(tables);
        push_segment(&mut file, 0xc0, &[&frame]);
        push_segment(&mut file, SOS, &[header]);
        file.extend_from_slice(scan);
        file.extend_from_slice(&[0xff, EOI]);
        Some((*id, Plane { file, width, height }))
    }
}

/// JFIF's conversion from luminance and colour differences, in 16-bit fixed point.
fn to_rgb(pixel: &mut [u8]) {
    let [y, blue, red] = [0, 1, 2].map(|channel| i32::from(pixel[channel]));
    let (blue, red) = (blue - 128, red - 128);
    let clamp = |value: i32| (((y << 16) + value + (1 << 15)) >> 16).clamp(0, 255) as u8;
    pixel[0] = clamp(91_881 * red);
    pixel[1] = clamp(-22_554 * blue - 46_802 * red);
    pixel[2] = clamp(116_130 * blue);
}
