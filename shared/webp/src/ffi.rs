//! The calls into C, each with the reason why it is sound. Everything libwebp allocates is freed by a guard.

use std::mem::MaybeUninit;

use libwebp_sys::{
    WebPConfig, WebPEncode, WebPMemoryWrite, WebPMemoryWriter, WebPMemoryWriterClear, WebPMemoryWriterInit,
    WebPPicture, WebPPictureFree, WebPPictureImportRGB, WebPPictureImportRGBA, WebPPreset,
    WebPValidateConfig,
};

use crate::{Channels, Failed, Image};

pub(crate) fn encode(image: &Image<'_>, quality: f32, method: i32) -> Result<Vec<u8>, Failed> {
    let config = config(quality, method)?;
    let mut picture = Picture::of(image)?;
    let mut output = Output::new();
    picture.0.writer = Some(WebPMemoryWrite);
    picture.0.custom_ptr = (&raw mut output.0).cast();
    // SAFETY: the configuration was validated and the picture is initialised and holds its own samples. The writer is
    // the one that belongs to a `WebPMemoryWriter`, which `output` is, and which is not touched elsewhere meanwhile.
    #[expect(unsafe_code, reason = "the encoder is C")]
    let encoded = unsafe { WebPEncode(&config, &mut picture.0) };
    if encoded == 0 {
        return Err(Failed("libwebp does not encode the image"));
    }
    Ok(output.bytes().to_vec())
}

/// Lossy, in one pass and one thread.
fn config(quality: f32, method: i32) -> Result<WebPConfig, Failed> {
    let mut config = WebPConfig::new_with_preset(WebPPreset::WEBP_PRESET_DEFAULT, quality)
        .map_err(|()| Failed("another version of libwebp than its bindings are for"))?;
    config.method = method;
    config.thread_level = 0;
    // SAFETY: the configuration is initialised, and is only read.
    #[expect(unsafe_code, reason = "the encoder is C")]
    let is_valid = unsafe { WebPValidateConfig(&config) };
    // A NaN passes every comparison that libwebp refuses by.
    if is_valid == 0 || quality.is_nan() {
        return Err(Failed("a quality that there is not"));
    }
    Ok(config)
}

/// libwebp's own copy of an image, in luminance and colour differences.
struct Picture(WebPPicture);

impl Picture {
    fn of(image: &Image<'_>) -> Result<Self, Failed> {
        let picture = WebPPicture::new()
            .map_err(|()| Failed("another version of libwebp than its bindings are for"))?;
        let mut picture = Picture(picture);
        let failed = Failed("an image that libwebp does not take");
        picture.0.use_argb = 0;
        picture.0.width = i32::try_from(image.width).map_err(|_| failed)?;
        picture.0.height = i32::try_from(image.height).map_err(|_| failed)?;
        let stride = image.width as usize * image.channels.count();
        let stride = i32::try_from(stride).map_err(|_| failed)?;
        let import = match image.channels {
            Channels::Rgb => WebPPictureImportRGB,
            Channels::Rgba => WebPPictureImportRGBA,
        };
        // SAFETY: `Image` holds `height` rows of `stride` bytes, which are read and not kept. The picture is
        // initialised and has the image's sides, which the samples are allocated by.
        #[expect(unsafe_code, reason = "the encoder is C")]
        let imported = unsafe { import(&mut picture.0, image.pixels.as_ptr(), stride) };
        if imported == 0 { Err(failed) } else { Ok(picture) }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the picture is initialised; what it holds was allocated by libwebp, or is null.
        #[expect(unsafe_code, reason = "the encoder is C")]
        unsafe {
            WebPPictureFree(&mut self.0);
        }
    }
}

/// The file as libwebp writes it, in libwebp's memory.
struct Output(WebPMemoryWriter);

impl Output {
    fn new() -> Self {
        let mut writer = MaybeUninit::uninit();
        // SAFETY: the call writes every field, and reads none.
        #[expect(unsafe_code, reason = "the encoder is C")]
        unsafe {
            WebPMemoryWriterInit(writer.as_mut_ptr());
        }
        // SAFETY: it was initialised just now.
        #[expect(unsafe_code, reason = "the encoder is C")]
        Output(unsafe { writer.assume_init() })
    }

    fn bytes(&self) -> &[u8] {
        if self.0.mem.is_null() {
            return &[];
        }
        // SAFETY: libwebp has written `size` bytes there, and writes no more while they are borrowed.
        #[expect(unsafe_code, reason = "the encoder is C")]
        unsafe {
            std::slice::from_raw_parts(self.0.mem, self.0.size)
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: the writer is initialised; its memory is libwebp's, or null.
        #[expect(unsafe_code, reason = "the encoder is C")]
        unsafe {
            WebPMemoryWriterClear(&mut self.0);
        }
    }
}
