//! Pictures drawn by the processor, where no graphics card would.
//!
//! An OpenGL made of software takes two to three times as long for the same pixels, and copies all of a window for each picture. Here
//! what differs is painted right into what the window system shows.

use super::picture::Resolution;
use super::raster::Canvas;
use crate::editor::theme;
use baseview::HandlerError;
use baseview::PlatformHandle;
use baseview::WindowContext;
use egui::ClippedPrimitive;
use egui::ColorImage;
use egui::ImageData;
use egui::Rect;
use egui::TextureId;
use egui::TexturesDelta;
use egui::epaint::ImageDelta;
use egui::epaint::Primitive;
use softbuffer::Context;
use softbuffer::SoftBufferError;
use softbuffer::Surface;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// A window whose pixels are painted by the processor.
pub(super) struct Software {
    window: Surface<PlatformHandle, PlatformHandle>,
    painter: Painter,
}

impl Software {
    /// How wide egui makes its letters' texture, and how high it lets it grow.
    pub(super) const MAX_TEXTURE_SIDE: usize = 8192;

    pub(super) fn new(window: &WindowContext) -> Result<Self, SoftBufferError> {
        let window = window.platform_handle();
        let window = Surface::new(&Context::new(window.clone())?, window)?;
        Ok(Software { window, painter: Painter::default() })
    }

    /// Makes it so many pixels. Returns whether those painted last are still there.
    pub(super) fn keeps(&mut self, size: [u32; 2]) -> Result<bool, SoftBufferError> {
        let [width, height] = size.map(|side| NonZeroU32::new(side).unwrap_or(NonZeroU32::MIN));
        self.window.resize(width, height)?;
        Ok(self.window.buffer_mut()?.age() == 1)
    }

    /// Paints triangles into what is damaged, and shows that, or all if the system has `lost` what it showed.
    pub(super) fn show(
        &mut self,
        resolution: Resolution,
        damage: &[Rect],
        triangles: &[ClippedPrimitive],
        textures: &mut TexturesDelta,
        lost: bool,
    ) -> Result<(), HandlerError> {
        let mut pixels = self.window.buffer_mut()?;
        self.painter.paint(resolution, damage, triangles, textures, &mut pixels);
        if lost {
            return Ok(pixels.present()?);
        }
        let parts: Vec<_> = damage.iter().filter_map(part).collect();
        Ok(pixels.present_with_damage(&parts)?)
    }
}

fn part(area: &Rect) -> Option<softbuffer::Rect> {
    let (x, y) = (area.min.x as u32, area.min.y as u32);
    let (width, height) = (NonZeroU32::new(area.width() as u32)?, NonZeroU32::new(area.height() as u32)?);
    Some(softbuffer::Rect { x, y, width, height })
}

/// Paints triangles.
#[derive(Default)]
pub(super) struct Painter {
    textures: HashMap<TextureId, ColorImage>,
}

impl Painter {
    /// Paints the rectangles that are damaged anew, in all of a window's pixels: 0xAARRGGBB, row by row.
    pub(super) fn paint(
        &mut self,
        (size, pixels_per_point): Resolution,
        damage: &[Rect],
        triangles: &[ClippedPrimitive],
        textures: &mut TexturesDelta,
        pixels: &mut [u32],
    ) {
        for (id, changes) in textures.set.drain() {
            changes.into_iter().for_each(|change| self.set_texture(id, change));
        }
        let mut canvas = Canvas { pixels, size: size.map(|side| side as usize) };
        damage.iter().for_each(|area| canvas.fill(*area, theme::BACKGROUND));
        for ClippedPrimitive { clip_rect, primitive } in triangles {
            if let Primitive::Mesh(mesh) = primitive
                && let Some(texture) = self.textures.get(&mesh.texture_id)
            {
                canvas.paint(mesh, texture, pixels_per_point, (*clip_rect * pixels_per_point).round());
            }
        }
        textures.free.drain().for_each(|id| _ = self.textures.remove(&id));
    }

    fn set_texture(&mut self, id: TextureId, change: ImageDelta) {
        let ImageData::Color(image) = change.image;
        match (change.pos, self.textures.get_mut(&id)) {
            (Some(from), Some(texture)) => put(texture, &image, from),
            _ => _ = self.textures.insert(id, Arc::unwrap_or_clone(image)),
        }
    }
}

/// Writes a smaller image into a larger one.
fn put(texture: &mut ColorImage, image: &ColorImage, [left, top]: [usize; 2]) {
    let rows = texture.pixels.chunks_mut(texture.size[0]).skip(top);
    for (texels, pixels) in rows.zip(image.pixels.chunks(image.size[0])) {
        texels[left..][..pixels.len()].copy_from_slice(pixels);
    }
}
