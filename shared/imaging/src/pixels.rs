//! Decoded pixels: 8 bits a sample, rows without padding, alpha not premultiplied.

use crate::exif::Orientation;

/// The channels of a pixel, in the order they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    /// The size of a pixel in bytes.
    pub(crate) fn channels(self) -> usize {
        match self {
            Layout::Gray => 1,
            Layout::GrayAlpha => 2,
            Layout::Rgb => 3,
            Layout::Rgba => 4,
        }
    }

    /// Whether the last channel is alpha.
    pub(crate) fn has_alpha(self) -> bool {
        matches!(self, Layout::GrayAlpha | Layout::Rgba)
    }
}

/// An image in memory. `data` holds exactly `width * height * layout.channels()` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) layout: Layout,
    pub(crate) data: Vec<u8>,
}

impl Pixels {
    /// Whether every pixel is opaque.
    pub(crate) fn is_opaque(&self) -> bool {
        let channels = self.layout.channels();
        !self.layout.has_alpha() || self.data.chunks_exact(channels).all(|pixel| pixel[channels - 1] == 255)
    }

    /// The same image as it is to be shown.
    pub(crate) fn oriented(self, orientation: Orientation) -> Self {
        if orientation == Orientation::UPRIGHT {
            return self;
        }
        let (width, height) =
            if orientation.swaps_sides() { (self.height, self.width) } else { (self.width, self.height) };
        let channels = self.layout.channels();
        let stored_width = self.width as usize;
        let mut data = Vec::with_capacity(self.data.len());
        for y in 0..height as usize {
            for x in 0..width as usize {
                let (from_x, from_y) = orientation.stored_position(x, y, width as usize, height as usize);
                let at = (from_y * stored_width + from_x) * channels;
                data.extend_from_slice(&self.data[at..at + channels]);
            }
        }
        Pixels { width, height, layout: self.layout, data }
    }

    /// The same image with three colour channels, and alpha where it had alpha.
    pub(crate) fn into_rgb(self) -> Self {
        let (layout, data) = match self.layout {
            Layout::Rgb | Layout::Rgba => return self,
            Layout::Gray => (Layout::Rgb, self.data.iter().flat_map(|gray| [*gray; 3]).collect()),
            Layout::GrayAlpha => {
                let pixels = self.data.chunks_exact(2);
                (Layout::Rgba, pixels.flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]).collect())
            }
        };
        Pixels { layout, data, ..self }
    }

    /// Multiplies the colours by alpha, so that transparent pixels do not bleed into their neighbours when resized.
    pub(crate) fn premultiply(&mut self) {
        self.for_each_translucent(|sample, alpha| {
            // Exact rounding of `sample * alpha / 255` without a division.
            let product = u32::from(sample) * u32::from(alpha) + 128;
            ((product + (product >> 8)) >> 8) as u8
        });
    }

    /// Undoes [`Pixels::premultiply`].
    pub(crate) fn unpremultiply(&mut self) {
        self.for_each_translucent(|sample, alpha| match u32::from(alpha) {
            0 => 0,
            alpha => ((u32::from(sample) * 255 + alpha / 2) / alpha).min(255) as u8,
        });
    }

    fn for_each_translucent(&mut self, change: impl Fn(u8, u8) -> u8) {
        if !self.layout.has_alpha() {
            return;
        }
        for pixel in self.data.chunks_exact_mut(self.layout.channels()) {
            let Some((alpha, colours)) = pixel.split_last_mut() else { continue };
            if *alpha != 255 {
                colours.iter_mut().for_each(|sample| *sample = change(*sample, *alpha));
            }
        }
    }
}
