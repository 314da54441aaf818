//! Pictures drawn by OpenGL: what differs from the last one is painted into a canvas that keeps it, which is then shown.
//!
//! The context belongs to the window and is current only while something is drawn: the host and other plugins have theirs on the
//! same thread.
#![allow(unsafe_code)]

use super::picture::Resolution;
use crate::editor::theme;
use baseview::HandlerError;
use baseview::gl::GlContext;
use egui::ClippedPrimitive;
use egui::Rect;
use egui::TexturesDelta;
use egui_glow::Painter;
use egui_glow::PainterError;
use egui_glow::glow;
use egui_glow::glow::HasContext;
use egui_glow::glow::PixelUnpackData;
use std::sync::Arc;

pub(super) struct OpenGl {
    context: GlContext,
    painter: Painter,
    canvas: Canvas,
}

impl OpenGl {
    /// Fails where the context has no OpenGL 2.1 or later.
    pub(super) fn new(context: GlContext) -> Result<Self, HandlerError> {
        let (painter, canvas) = while_current(&context, || {
            let gl = Arc::new(functions(&context));
            let canvas = Canvas::new(Arc::clone(&gl))?;
            Ok::<_, PainterError>((Painter::new(gl, "", None, false)?, canvas))
        })??;
        Ok(OpenGl { context, painter, canvas })
    }

    /// In pixels.
    pub(super) fn max_texture_side(&self) -> usize {
        self.painter.max_texture_side()
    }

    /// Paints triangles into what is damaged, and shows all.
    pub(super) fn show(
        &mut self,
        (size, pixels_per_point): Resolution,
        damage: &[Rect],
        triangles: &[ClippedPrimitive],
        textures: &mut TexturesDelta,
    ) -> Result<(), HandlerError> {
        let OpenGl { context, painter, canvas } = self;
        while_current(context, || {
            canvas.begin(size, damage)?;
            painter.paint_and_update_textures(size, pixels_per_point, triangles, textures);
            canvas.show(size);
            Ok::<_, HandlerError>(context.swap_buffers()?)
        })?
    }
}

impl Drop for OpenGl {
    fn drop(&mut self) {
        let OpenGl { context, painter, canvas } = self;
        // Where it cannot be current any more, all went with the window.
        let _ = while_current(context, || {
            painter.destroy();
            canvas.destroy();
        });
    }
}

/// What draws with a context: its own name for it.
pub(super) fn renderer(context: &GlContext) -> Result<String, baseview::Error> {
    // SAFETY: the context is current.
    while_current(context, || unsafe { functions(context).get_parameter_string(glow::RENDERER) })
}

/// What OpenGL offers, of the context that is current.
fn functions(context: &GlContext) -> glow::Context {
    // SAFETY: the context is current and gives its own functions.
    unsafe { glow::Context::from_loader_function_cstr(|name| context.get_proc_address(name)) }
}

/// Pixels that stay from picture to picture. All calls need the context to be current.
struct Canvas {
    gl: Arc<glow::Context>,
    frame: glow::Framebuffer,
    pixels: glow::Texture,
    size: [u32; 2],
}

impl Canvas {
    fn new(gl: Arc<glow::Context>) -> Result<Self, PainterError> {
        // SAFETY: the context is current.
        let (frame, pixels) = unsafe { (gl.create_framebuffer()?, gl.create_texture()?) };
        Ok(Canvas { gl, frame, pixels, size: [0; 2] })
    }

    /// Has all that is painted next go here, and clears what is painted anew.
    fn begin(&mut self, size: [u32; 2], damage: &[Rect]) -> Result<(), PainterError> {
        let gl = &self.gl;
        // SAFETY: the context is current, and frame and pixels are its own.
        unsafe {
            gl.bind_framebuffer(glow::FRAMEBUFFER, Some(self.frame));
            if std::mem::replace(&mut self.size, size) != size {
                let [width, height] = size.map(|side| side as i32);
                gl.bind_texture(glow::TEXTURE_2D, Some(self.pixels));
                // The order that windows have, so that showing them is a mere copy.
                let (inside, order, kind) = (glow::RGBA as i32, glow::BGRA, glow::UNSIGNED_INT_8_8_8_8_REV);
                let unknown = PixelUnpackData::Slice(None);
                gl.tex_image_2d(glow::TEXTURE_2D, 0, inside, width, height, 0, order, kind, unknown);
                gl.tex_parameter_i32(glow::TEXTURE_2D, glow::TEXTURE_MIN_FILTER, glow::NEAREST as i32);
                gl.bind_texture(glow::TEXTURE_2D, None);
                let (to, from) = (glow::COLOR_ATTACHMENT0, Some(self.pixels));
                gl.framebuffer_texture_2d(glow::FRAMEBUFFER, to, glow::TEXTURE_2D, from, 0);
                let status = gl.check_framebuffer_status(glow::FRAMEBUFFER);
                if status != glow::FRAMEBUFFER_COMPLETE {
                    return Err(format!("no canvas of {width} x {height} pixels ({status:#x})").into());
                }
            }
            let [red, green, blue, alpha] = theme::BACKGROUND.to_normalized_gamma_f32();
            gl.clear_color(red, green, blue, alpha);
            gl.enable(glow::SCISSOR_TEST);
            for area in damage {
                // OpenGL counts rows from below.
                let [left, bottom, right, top] =
                    [area.min.x, area.max.y, area.max.x, area.min.y].map(|edge| edge as i32);
                gl.scissor(left, size[1] as i32 - bottom, right - left, bottom - top);
                gl.clear(glow::COLOR_BUFFER_BIT);
            }
        }
        Ok(())
    }

    /// Copies all to the window.
    fn show(&self, size: [u32; 2]) {
        let gl = &self.gl;
        let [width, height] = size.map(|side| side as i32);
        // SAFETY: as above.
        unsafe {
            gl.bind_framebuffer(glow::READ_FRAMEBUFFER, Some(self.frame));
            gl.bind_framebuffer(glow::DRAW_FRAMEBUFFER, None);
            let (colour, sharp) = (glow::COLOR_BUFFER_BIT, glow::NEAREST);
            gl.disable(glow::SCISSOR_TEST);
            gl.blit_framebuffer(0, 0, width, height, 0, 0, width, height, colour, sharp);
            gl.bind_framebuffer(glow::FRAMEBUFFER, None);
        }
    }

    fn destroy(&self) {
        // SAFETY: as above.
        unsafe {
            self.gl.delete_framebuffer(self.frame);
            self.gl.delete_texture(self.pixels);
        }
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
