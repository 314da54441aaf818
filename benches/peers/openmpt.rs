//! libopenmpt: float stereo, its own settings for interpolation, ramps and the Amiga.
//!
//! Declarations follow `libopenmpt/libopenmpt.h` of version 0.6, which later versions keep.

use super::CALL;
use super::RATE;
use super::Reading;
use super::function;
use super::open;
use libloading::Library;
use std::ffi::CStr;
use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_void;
use std::ptr;

const NAMES: [&str; 4] = ["libopenmpt.so.0", "libopenmpt.0.dylib", "libopenmpt.dylib", "libopenmpt.dll"];

const STEREO_SEPARATION_PERCENT: c_int = 2;
const INTERPOLATION_FILTER_LENGTH: c_int = 3;
const VOLUME_RAMPING_STRENGTH: c_int = 4;

type Module = *mut c_void;
type Log = unsafe extern "C" fn(*const c_char, *mut c_void);
type Create = unsafe extern "C" fn(
    *const c_void,
    usize,
    Option<Log>,
    *mut c_void,
    *const c_void,
    *mut c_void,
    *mut c_int,
    *mut *const c_char,
    *const c_void,
) -> Module;

/// The library.
pub(crate) struct OpenMpt {
    create: Create,
    destroy: unsafe extern "C" fn(Module),
    silent_log: Log,
    set_repeat_count: unsafe extern "C" fn(Module, i32) -> c_int,
    set_render_param: unsafe extern "C" fn(Module, c_int, i32) -> c_int,
    set_boolean: unsafe extern "C" fn(Module, *const c_char, c_int) -> c_int,
    set_text: unsafe extern "C" fn(Module, *const c_char, *const c_char) -> c_int,
    read_float_stereo: unsafe extern "C" fn(Module, i32, usize, *mut f32, *mut f32) -> usize,
    get_string: unsafe extern "C" fn(*const c_char) -> *const c_char,
    free_string: unsafe extern "C" fn(*const c_char),
    /// Keeps the functions above in place.
    _library: Library,
}

impl OpenMpt {
    /// `None` where it is not installed.
    pub(crate) fn find() -> Option<Self> {
        let library = open(&NAMES)?;
        Some(Self {
            create: function(&library, "openmpt_module_create_from_memory2")?,
            destroy: function(&library, "openmpt_module_destroy")?,
            silent_log: function(&library, "openmpt_log_func_silent")?,
            set_repeat_count: function(&library, "openmpt_module_set_repeat_count")?,
            set_render_param: function(&library, "openmpt_module_set_render_param")?,
            set_boolean: function(&library, "openmpt_module_ctl_set_boolean")?,
            set_text: function(&library, "openmpt_module_ctl_set_text")?,
            read_float_stereo: function(&library, "openmpt_module_read_float_stereo")?,
            get_string: function(&library, "openmpt_get_string")?,
            free_string: function(&library, "openmpt_free_string")?,
            _library: library,
        })
    }

    /// Version of the library.
    pub(crate) fn version(&self) -> String {
        // SAFETY: the key is a C string; the answer is one too and is freed once.
        unsafe {
            let text = (self.get_string)(c"library_version".as_ptr());
            if text.is_null() {
                return String::new();
            }
            let version = CStr::from_ptr(text).to_string_lossy().into_owned();
            (self.free_string)(text);
            version
        }
    }

    /// A song that goes round for ever, with ramps of so many milliseconds and full separation.
    pub(crate) fn load(&self, bytes: &[u8], reading: Reading, ramp_ms: i32) -> Option<OpenMptSong<'_>> {
        let (none, data) = (ptr::null_mut(), bytes.as_ptr().cast());
        // SAFETY: the library copies what it needs of `bytes`; every other pointer may be null.
        let module = unsafe {
            (self.create)(
                data,
                bytes.len(),
                Some(self.silent_log),
                none,
                ptr::null(),
                none,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null(),
            )
        };
        if module.is_null() {
            return None;
        }
        let song = OpenMptSong { library: self, module, planes: [[0.0; CALL]; 2] };
        let taps = match reading {
            Reading::None => 1,
            Reading::Linear => 2,
            Reading::Cubic => 4,
            Reading::Sinc | Reading::Amiga => 8,
        };
        song.set(INTERPOLATION_FILTER_LENGTH, taps);
        song.set(VOLUME_RAMPING_STRENGTH, ramp_ms);
        song.set(STEREO_SEPARATION_PERCENT, 100);
        if reading == Reading::Amiga {
            // SAFETY: `module` is alive, and all three are C strings.
            unsafe {
                (self.set_boolean)(module, c"render.resampler.emulate_amiga".as_ptr(), 1);
                (self.set_text)(module, c"render.resampler.emulate_amiga_type".as_ptr(), c"a1200".as_ptr());
            }
        }
        // SAFETY: `module` is alive.
        unsafe { (self.set_repeat_count)(module, -1) };
        Some(song)
    }
}

/// A song as libopenmpt plays it.
pub(crate) struct OpenMptSong<'l> {
    library: &'l OpenMpt,
    module: Module,
    planes: [[f32; CALL]; 2],
}

impl OpenMptSong<'_> {
    fn set(&self, parameter: c_int, value: i32) {
        // SAFETY: `module` is alive as long as `self`.
        unsafe { (self.library.set_render_param)(self.module, parameter, value) };
    }

    /// Renders at most `CALL` frames; gives both planes, shorter where the song has ended.
    pub(crate) fn render(&mut self, frames: usize) -> [&[f32]; 2] {
        let [left, right] = &mut self.planes;
        let frames = frames.min(CALL);
        // SAFETY: both planes hold at least `frames` samples; `module` is alive as long as `self`.
        let frames = unsafe {
            let (left, right) = (left.as_mut_ptr(), right.as_mut_ptr());
            (self.library.read_float_stereo)(self.module, RATE as i32, frames, left, right)
        };
        [&left[..frames.min(CALL)], &right[..frames.min(CALL)]]
    }
}

impl Drop for OpenMptSong<'_> {
    fn drop(&mut self) {
        // SAFETY: made by the library, destroyed once.
        unsafe { (self.library.destroy)(self.module) };
    }
}
