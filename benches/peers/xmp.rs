//! libxmp: 16-bit stereo, the only form that it mixes.
//!
//! Declarations follow `xmp.h` of version 4.5, which later versions keep. It has no windowed sinc.

use super::CALL;
use super::RATE;
use super::Reading;
use super::function;
use super::open;
use libloading::Library;
use std::ffi::CStr;
use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_long;
use std::ffi::c_void;

const NAMES: [&str; 5] = ["libxmp.so.4", "libxmp.4.dylib", "libxmp.dylib", "libxmp.dll", "xmp.dll"];

const PLAYER_INTERPOLATION: c_int = 2;
const INTERPOLATION_NEAREST: c_int = 0;
const INTERPOLATION_LINEAR: c_int = 1;
const INTERPOLATION_SPLINE: c_int = 2;

type Context = *mut c_char;

/// The library.
pub(crate) struct Xmp {
    create: unsafe extern "C" fn() -> Context,
    free: unsafe extern "C" fn(Context),
    load: unsafe extern "C" fn(Context, *const c_void, c_long) -> c_int,
    release: unsafe extern "C" fn(Context),
    start: unsafe extern "C" fn(Context, c_int, c_int) -> c_int,
    end: unsafe extern "C" fn(Context),
    set: unsafe extern "C" fn(Context, c_int, c_int) -> c_int,
    play: unsafe extern "C" fn(Context, *mut c_void, c_int, c_int) -> c_int,
    version: *const *const c_char,
    /// Keeps the functions above in place.
    _library: Library,
}

impl Xmp {
    /// `None` where it is not installed.
    pub(crate) fn find() -> Option<Self> {
        let library = open(&NAMES)?;
        Some(Self {
            create: function(&library, "xmp_create_context")?,
            free: function(&library, "xmp_free_context")?,
            load: function(&library, "xmp_load_module_from_memory")?,
            release: function(&library, "xmp_release_module")?,
            start: function(&library, "xmp_start_player")?,
            end: function(&library, "xmp_end_player")?,
            set: function(&library, "xmp_set_player")?,
            play: function(&library, "xmp_play_buffer")?,
            version: function(&library, "xmp_version")?,
            _library: library,
        })
    }

    /// Version of the library.
    pub(crate) fn version(&self) -> String {
        // SAFETY: `xmp_version` is a constant pointer to a C string that lives as long as the library.
        unsafe { CStr::from_ptr(*self.version) }.to_string_lossy().into_owned()
    }

    /// A song that goes round for ever; `None` where libxmp refuses it or cannot read it so.
    pub(crate) fn load(&self, bytes: &[u8], reading: Reading) -> Option<XmpSong<'_>> {
        let interpolation = match reading {
            Reading::None => INTERPOLATION_NEAREST,
            Reading::Linear => INTERPOLATION_LINEAR,
            Reading::Cubic => INTERPOLATION_SPLINE,
            Reading::Sinc | Reading::Amiga => return None,
        };
        // SAFETY: calls follow the order of `xmp.h`: load, start, set; what was made is ended in the same order.
        unsafe {
            let context = (self.create)();
            if (self.load)(context, bytes.as_ptr().cast(), bytes.len() as c_long) != 0 {
                (self.free)(context);
                return None;
            }
            if (self.start)(context, RATE as c_int, 0) != 0 {
                (self.release)(context);
                (self.free)(context);
                return None;
            }
            (self.set)(context, PLAYER_INTERPOLATION, interpolation);
            Some(XmpSong { library: self, context, frames: [[0; 2]; CALL] })
        }
    }
}

/// A song as libxmp plays it.
pub(crate) struct XmpSong<'l> {
    library: &'l Xmp,
    context: Context,
    frames: [[i16; 2]; CALL],
}

impl XmpSong<'_> {
    /// Renders at most `CALL` frames.
    pub(crate) fn render(&mut self, frames: usize) {
        let bytes = size_of_val(&self.frames[..frames.min(CALL)]) as c_int;
        // SAFETY: the buffer holds `bytes`; a loop count of 0 plays for ever.
        unsafe { (self.library.play)(self.context, self.frames.as_mut_ptr().cast(), bytes, 0) };
    }
}

impl Drop for XmpSong<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `load`, ended once.
        unsafe {
            (self.library.end)(self.context);
            (self.library.release)(self.context);
            (self.library.free)(self.context);
        }
    }
}
