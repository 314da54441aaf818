//! Pictures in a window: what differs from the last one is painted, by the graphics card or, where there is none, by the processor.

use super::opengl;
use super::opengl::OpenGl;
use super::picture::Picture;
use super::picture::Resolution;
use super::software::Software;
use crate::editor::pinned;
use baseview::HandlerError;
use baseview::WindowContext;
use egui::TexturesDelta;
use egui::epaint::ClippedShape;

/// What draws without a graphics card calls itself so.
const SOFTWARE: [&str; 8] =
    ["llvmpipe", "softpipe", "swrast", "software", "swiftshader", "gdi generic", "basic render", "lavapipe"];
/// On macOS the view that OpenGL draws in lies upon the window's own, and what OpenGL there needs is there on every machine.
const PAINTS_ITSELF: bool = !cfg!(target_os = "macos");

pub(super) struct Graphics {
    picture: Picture,
    painter: Painter,
    software: bool,
}

enum Painter {
    OpenGl(OpenGl),
    Software(Software),
}

impl Graphics {
    pub(super) fn new(window: &WindowContext) -> Result<Self, HandlerError> {
        let context = window.gl_context();
        let renderer = context.as_ref().and_then(|context| opengl::renderer(context).ok());
        let software = renderer.is_none_or(|name| is_software(&name));
        let by_card = |context| OpenGl::new(context).map(Painter::OpenGl);
        let by_processor = || {
            // There its threads outlive the window.
            if cfg!(windows) && !pinned::stays() {
                return Err(std::io::Error::other("the library cannot be kept loaded").into());
            }
            Ok::<_, HandlerError>(Painter::Software(Software::new(window)?))
        };
        let painter = match context {
            None => by_processor()?,
            Some(context) if software && PAINTS_ITSELF => by_processor().or_else(|_| by_card(context))?,
            Some(context) => by_card(context).or_else(|error| by_processor().map_err(|_| error))?,
        };
        Ok(Graphics { picture: Picture::default(), painter, software })
    }

    /// Has egui make what can be painted.
    pub(super) fn prepare(&self, egui: &egui::Context) {
        // Discs of its texture are drawn in other sizes, for which the nearest texel will not do.
        let discs = matches!(self.painter, Painter::OpenGl(_));
        egui.tessellation_options_mut(|options| options.prerasterized_discs = discs);
    }

    /// In pixels.
    pub(super) fn max_texture_side(&self) -> usize {
        match &self.painter {
            Painter::OpenGl(painter) => painter.max_texture_side(),
            Painter::Software(_) => Software::MAX_TEXTURE_SIDE,
        }
    }

    /// Whether the processor does the work of a graphics card.
    pub(super) fn is_software(&self) -> bool {
        self.software
    }

    /// Draws and shows a picture. Where it is the one that is shown, nothing is done unless that has been `lost`.
    pub(super) fn draw(
        &mut self,
        egui: &egui::Context,
        (size, pixels_per_point): Resolution,
        shapes: Vec<ClippedShape>,
        textures: &mut TexturesDelta,
        lost: bool,
    ) -> Result<(), HandlerError> {
        let resolution = (size.map(|side| side.max(1)), pixels_per_point);
        let keeps = match &mut self.painter {
            Painter::OpenGl(_) => true,
            Painter::Software(painter) => painter.keeps(resolution.0)?,
        };
        // Any shape may be made of what changes there.
        let other_textures = !textures.set.is_empty() || !textures.free.is_empty();
        let damage = self.picture.show(shapes, resolution, other_textures || !keeps);
        if damage.is_empty() && !lost {
            return Ok(());
        }
        let triangles = self.picture.triangles(&damage, |shapes, scale| egui.tessellate(shapes, scale));
        match &mut self.painter {
            Painter::OpenGl(painter) => painter.show(resolution, &damage, &triangles, textures),
            Painter::Software(painter) => painter.show(resolution, &damage, &triangles, textures, lost),
        }
    }
}

fn is_software(renderer: &str) -> bool {
    let renderer = renderer.to_lowercase();
    SOFTWARE.iter().any(|name| renderer.contains(name))
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
