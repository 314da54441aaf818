//! Pictures drawn by OpenGL: what differs from the last one is painted into a canvas that keeps it, which is then shown.
//!
//! Without a graphics card each pixel that is painted costs processor time, and what a window showed before is lost with each picture.
//! The context belongs to the window and is current only while something is drawn: the host and other plugins have theirs on the
//! same thread.
#![allow(unsafe_code)]

use super::picture::Picture;
use super::picture::area;
use crate::editor::theme;
use baseview::HandlerError;
use baseview::WindowContext;
use baseview::gl::GlContext;
use egui::Rect;
use egui::TexturesDelta;
use egui::epaint::ClippedShape;
use egui_glow::Painter;
use egui_glow::PainterError;
use egui_glow::glow;
use egui_glow::glow::HasContext;
use egui_glow::glow::PixelUnpackData;
use std::sync::Arc;

/// What draws without a graphics card calls itself so.
const SOFTWARE: [&str; 8] =
    ["llvmpipe", "softpipe", "swrast", "software", "swiftshader", "gdi generic", "basic render", "lavapipe"];

pub(super) struct Graphics {
    context: GlContext,
    painter: Painter,
    canvas: Canvas,
    picture: Picture,
    software: bool,
    /// Whether the window's own pixels stay from picture to picture, so that what differs is copied there alone.
    keeps: bool,
}

impl Graphics {
    pub(super) fn new(window: &WindowContext) -> Result<Self, HandlerError> {
        let context =
            window.gl_context().ok_or_else(|| PainterError::from("the window has none".to_owned()))?;
        let (painter, canvas, software, keeps) = while_current(&context, || {
            // SAFETY: the context is current and gives its own functions.
            let gl =
                unsafe { glow::Context::from_loader_function_cstr(|name| context.get_proc_address(name)) };
            let gl = Arc::new(gl);
            // SAFETY: the context is current.
            let renderer = unsafe { gl.get_parameter_string(glow::RENDERER) };
            let canvas = Canvas::new(Arc::clone(&gl))?;
            let software = is_software(&renderer);
            // Graphics cards would copy more for it, not less.
            let keeps = software && keep_pixels(&context);
            Ok::<_, PainterError>((Painter::new(gl, "", None, false)?, canvas, software, keeps))
        })??;
        Ok(Graphics { context, painter, canvas, picture: Picture::default(), software, keeps })
    }

    /// In pixels.
    pub(super) fn max_texture_side(&self) -> usize {
        self.painter.max_texture_side()
    }

    /// Whether the processor does the work of a graphics card.
    pub(super) fn is_software(&self) -> bool {
        self.software
    }

    /// Draws and shows a picture of so many pixels. Where it is the one that is shown, nothing is done unless that has been `lost`.
    pub(super) fn draw(
        &mut self,
        egui: &egui::Context,
        (size, pixels_per_point): ([u32; 2], f32),
        shapes: Vec<ClippedShape>,
        textures: &mut TexturesDelta,
        lost: bool,
    ) -> Result<(), HandlerError> {
        let Graphics { context, painter, canvas, picture, keeps, .. } = self;
        let size = size.map(|side| side.max(1));
        // Any shape may be made of what changes there.
        let other_textures = !textures.set.is_empty() || !textures.free.is_empty();
        let damage = picture.show(shapes, size, pixels_per_point, other_textures);
        if damage.is_empty() && !lost {
            return Ok(());
        }
        let triangles = picture.triangles(&damage, |shapes, scale| egui.tessellate(shapes, scale));
        while_current(context, || {
            canvas.begin(size, &damage)?;
            painter.paint_and_update_textures(size, pixels_per_point, &triangles, textures);
            if *keeps && !lost {
                canvas.show(size, &damage);
            } else {
                canvas.show(size, &[area(size)]);
            }
            Ok::<_, HandlerError>(context.swap_buffers()?)
        })?
    }
}

impl Drop for Graphics {
    fn drop(&mut self) {
        let Graphics { context, painter, canvas, .. } = self;
        // Where it cannot be current any more, all went with the window.
        let _ = while_current(context, || {
            painter.destroy();
            canvas.destroy();
        });
    }
}

fn is_software(renderer: &str) -> bool {
    let renderer = renderer.to_lowercase();
    SOFTWARE.iter().any(|name| renderer.contains(name))
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
                let [left, low, right, high] = edges(size, area);
                gl.scissor(left, low, right - left, high - low);
                gl.clear(glow::COLOR_BUFFER_BIT);
            }
        }
        Ok(())
    }

    /// Copies parts to the window.
    fn show(&self, size: [u32; 2], parts: &[Rect]) {
        let gl = &self.gl;
        // SAFETY: as above.
        unsafe {
            gl.bind_framebuffer(glow::READ_FRAMEBUFFER, Some(self.frame));
            gl.bind_framebuffer(glow::DRAW_FRAMEBUFFER, None);
            let (colour, sharp) = (glow::COLOR_BUFFER_BIT, glow::NEAREST);
            gl.disable(glow::SCISSOR_TEST);
            for part in parts {
                let [left, low, right, high] = edges(size, part);
                gl.blit_framebuffer(left, low, right, high, left, low, right, high, colour, sharp);
            }
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

/// The left, lower, right and upper edge of a part of so many pixels, for OpenGL, which counts from below.
fn edges(size: [u32; 2], part: &Rect) -> [i32; 4] {
    let height = size[1] as i32;
    [part.min.x as i32, height - part.max.y as i32, part.max.x as i32, height - part.min.y as i32]
}

/// Has the current window keep its pixels when they have been shown; false where its system cannot.
#[cfg(all(unix, not(target_os = "macos")))]
fn keep_pixels(context: &GlContext) -> bool {
    use std::ffi::c_int;
    use std::ffi::c_uint;
    use std::ffi::c_void;

    // From EGL's own header.
    const DRAW: c_int = 0x3059;
    const SWAP_BEHAVIOR: c_int = 0x3093;
    const BUFFER_PRESERVED: c_int = 0x3094;
    type Current = unsafe extern "C" fn() -> *const c_void;
    type Surface = unsafe extern "C" fn(c_int) -> *const c_void;
    type Attribute = unsafe extern "C" fn(*const c_void, *const c_void, c_int, c_int) -> c_uint;

    // Where the context is none of EGL's there are no such functions.
    let found = [c"eglGetCurrentDisplay", c"eglGetCurrentSurface", c"eglSurfaceAttrib"]
        .map(|name| context.get_proc_address(name));
    let [display, surface, attribute] = found;
    if found.iter().any(|function| function.is_null()) {
        return false;
    }
    // SAFETY: EGL defines these types for these names, and its context is current.
    unsafe {
        let display = std::mem::transmute::<*const c_void, Current>(display)();
        let surface = std::mem::transmute::<*const c_void, Surface>(surface)(DRAW);
        let attribute = std::mem::transmute::<*const c_void, Attribute>(attribute);
        !display.is_null()
            && !surface.is_null()
            && attribute(display, surface, SWAP_BEHAVIOR, BUFFER_PRESERVED) == 1
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn keep_pixels(_: &GlContext) -> bool {
    false
}

fn while_current<T>(context: &GlContext, work: impl FnOnce() -> T) -> Result<T, baseview::Error> {
    // SAFETY: the context is used by this thread alone, and no other is current here while the window library calls.
    unsafe { context.make_current()? };
    let answer = work();
    // SAFETY: as above.
    unsafe { context.make_not_current()? };
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_draws_without_a_graphics_card_is_known_by_its_name() {
        for renderer in [
            "llvmpipe (LLVM 15.0.7, 256 bits)",
            "GDI Generic",
            "Apple Software Renderer",
            "Software Rasterizer",
        ] {
            assert!(is_software(renderer), "{renderer}");
        }
        for renderer in
            ["Mesa Intel(R) UHD Graphics 620 (KBL GT2)", "Apple M2", "NVIDIA GeForce GTX 1060/PCIe"]
        {
            assert!(!is_software(renderer), "{renderer}");
        }
    }
}
