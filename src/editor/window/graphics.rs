//! Triangles drawn by OpenGL.
//!
//! The context belongs to the window and is current only while something is drawn: the host and other plugins have theirs on the
//! same thread.
#![allow(unsafe_code)]

use crate::editor::theme;
use baseview::HandlerError;
use baseview::WindowContext;
use baseview::gl::GlContext;
use egui::ClippedPrimitive;
use egui::TexturesDelta;
use egui_glow::Painter;
use egui_glow::PainterError;
use egui_glow::glow;
use std::sync::Arc;

pub(super) struct Graphics {
    context: GlContext,
    painter: Painter,
}

impl Graphics {
    pub(super) fn new(window: &WindowContext) -> Result<Self, HandlerError> {
        let context =
            window.gl_context().ok_or_else(|| PainterError::from("the window has none".to_owned()))?;
        let painter = while_current(&context, || {
            // SAFETY: the context is current and gives its own functions.
            let gl =
                unsafe { glow::Context::from_loader_function_cstr(|name| context.get_proc_address(name)) };
            Painter::new(Arc::new(gl), "", None, true)
        })??;
        Ok(Graphics { context, painter })
    }

    /// In pixels.
    pub(super) fn max_texture_side(&self) -> usize {
        self.painter.max_texture_side()
    }

    /// Draws and shows a picture of so many pixels.
    pub(super) fn draw(
        &mut self,
        size: [u32; 2],
        pixels_per_point: f32,
        picture: &[ClippedPrimitive],
        textures: &mut TexturesDelta,
    ) -> Result<(), HandlerError> {
        let Graphics { context, painter } = self;
        while_current(context, || {
            painter.clear(size, theme::BACKGROUND.to_normalized_gamma_f32());
            painter.paint_and_update_textures(size, pixels_per_point, picture, textures);
            context.swap_buffers()
        })??;
        Ok(())
    }
}

impl Drop for Graphics {
    fn drop(&mut self) {
        let Graphics { context, painter } = self;
        // Where it cannot be current any more, all went with the window.
        let _ = while_current(context, || painter.destroy());
    }
}

fn while_current<T>(context: &GlContext, work: impl FnOnce() -> T) -> Result<T, baseview::Error> {
    // SAFETY: the context is used by this thread alone, and no other is current here while the window library calls.
    unsafe { context.make_current()? };
    let answer = work();
    // SAFETY: as above.
    unsafe { context.make_not_current()? };
    Ok(answer)
}
