//! Faust's own C++ of a machine, compiled here and at work beside ours: what benches and tests compare with.
//!
//! In: a source, the pinned compiler that `cargo xtask faust --check` has installed, and the system's C++ compiler. Out: sound.
//! Any thread; makes files under `target/faust`. Nothing is installed or fetched.
#![allow(unsafe_code)] // functions of a library that was made here

use super::FaustError;
use super::cpp;
use super::cpp::Mathematics;
use super::toolchain;
use super::toolchain::Toolchain;
use crate::paths;
use libloading::Library;
use std::ffi::c_void;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// Makes peers.
pub struct Workshop {
    toolchain: Toolchain,
    work: PathBuf,
}

impl Workshop {
    /// Fails with what is missing: the Faust compiler or one of C++.
    pub fn open() -> Result<Self, FaustError> {
        let toolchain = Toolchain::find(&paths::target().join("venv-faust"))?;
        toolchain::run(Command::new(cpp::COMPILER).arg("--version"))?;
        let work = paths::target().join("faust");
        super::make_folder(&work)?;
        Ok(Self { toolchain, work })
    }

    /// The machine made of `name`.dsp at a rate; for the platform's plain instruction set, at -O3 on the platform's mathematics and
    /// hardly optimised on the crate's, which nobody times.
    pub fn build(&self, name: &str, mathematics: Mathematics, rate: i32) -> Result<Peer, FaustError> {
        let source = paths::root().join(super::SOURCES).join(name).with_extension("dsp");
        let optimised = if mathematics == Mathematics::Platform { "-O3" } else { "-O1" };
        let out = self.work.join(format!("{name}_{mathematics:?}.so").to_lowercase());
        cpp::compile(&self.toolchain, &source, mathematics, (&out, &[optimised, "-shared"]))?;
        let unknown = |error: libloading::Error| FaustError::Failed {
            program: out.display().to_string(),
            output: error.to_string(),
        };
        // SAFETY: the library was made above; it does nothing on being loaded.
        let library = unsafe { Library::new(&out) }.map_err(unknown)?;
        // SAFETY: the signatures are those of `cpp`, of which the library was made; the table outlives the call.
        unsafe {
            library.get::<unsafe extern "C" fn(*const Functions)>(b"peer_mathematics").map_err(unknown)?(
                &FUNCTIONS,
            );
            let make: unsafe extern "C" fn(i32) -> *mut c_void =
                *library.get(b"peer_make").map_err(unknown)?;
            Ok(Peer {
                machine: make(rate),
                make,
                set: *library.get(b"peer_set").map_err(unknown)?,
                compute: *library.get(b"peer_compute").map_err(unknown)?,
                free: *library.get(b"peer_free").map_err(unknown)?,
                controls: *library.get::<Count>(b"peer_controls").map_err(unknown)?,
                inputs: *library.get::<Count>(b"peer_inputs").map_err(unknown)?,
                outputs: *library.get::<Count>(b"peer_outputs").map_err(unknown)?,
                _library: Arc::new(library),
            })
        }
    }
}

type Count = unsafe extern "C" fn(*mut c_void) -> i32;

/// A machine of Faust's own C++.
pub struct Peer {
    machine: *mut c_void,
    make: unsafe extern "C" fn(i32) -> *mut c_void,
    set: unsafe extern "C" fn(*mut c_void, i32, f32),
    compute: unsafe extern "C" fn(*mut c_void, i32, *const *const f32, *const *mut f32),
    free: unsafe extern "C" fn(*mut c_void),
    controls: Count,
    inputs: Count,
    outputs: Count,
    _library: Arc<Library>,
}

impl Peer {
    /// Another one of the same machine, with every control at its default.
    pub fn another(&self, rate: i32) -> Self {
        // SAFETY: the library is held by both.
        Self { machine: unsafe { (self.make)(rate) }, _library: Arc::clone(&self._library), ..*self }
    }

    /// Begins anew at another rate, with every control at its default.
    pub fn start(&mut self, rate: i32) {
        // SAFETY: the old one is freed once, and gone afterwards.
        unsafe {
            (self.free)(self.machine);
            self.machine = (self.make)(rate);
        }
    }

    /// How many controls it has, in the order of its parameter table; without the host's tempo.
    pub fn controls(&self) -> usize {
        // SAFETY: the machine lives as long as this.
        unsafe { (self.controls)(self.machine) as usize }
    }

    /// How many planes it reads and writes.
    pub fn planes(&self) -> (usize, usize) {
        // SAFETY: as above.
        unsafe { ((self.inputs)(self.machine) as usize, (self.outputs)(self.machine) as usize) }
    }

    /// Moves a control; heard in the next `compute`. One that it does not have is left alone.
    pub fn set(&mut self, control: usize, value: f32) {
        if control < self.controls() {
            // SAFETY: the machine lives as long as this, and has the control.
            unsafe { (self.set)(self.machine, control as i32, value) }
        }
    }

    /// Renders as many frames as the shortest plane has; nothing where planes are missing.
    pub fn compute(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let lengths = inputs.iter().map(|plane| plane.len()).chain(outputs.iter().map(|plane| plane.len()));
        let frames = lengths.min().unwrap_or(0);
        let (ins, outs) = self.planes();
        if inputs.len() < ins || outputs.len() < outs {
            return;
        }
        let mut from = [std::ptr::null(); MOST_PLANES];
        let mut to = [std::ptr::null_mut(); MOST_PLANES];
        from.iter_mut().zip(inputs).for_each(|(from, plane)| *from = plane.as_ptr());
        to.iter_mut().zip(outputs).for_each(|(to, plane)| *to = plane.as_mut_ptr());
        if ins.max(outs) <= MOST_PLANES {
            // SAFETY: every plane that the machine reads or writes is there, and has `frames` frames.
            unsafe { (self.compute)(self.machine, frames as i32, from.as_ptr(), to.as_ptr()) }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // SAFETY: made by the same library, which is unloaded afterwards, and freed once.
        unsafe { (self.free)(self.machine) }
    }
}

/// Planes that a machine reads or writes, at most.
const MOST_PLANES: usize = 16;

/// `libm`'s functions, in the order of [`cpp::FUNCTIONS`].
#[repr(C)]
struct Functions {
    ones: [extern "C" fn(f32) -> f32; 14],
    twos: [extern "C" fn(f32, f32) -> f32; 2],
}

macro_rules! functions {
    ($($name:ident),*; $($of_two:ident),*) => {{
        $(extern "C" fn $name(x: f32) -> f32 { libm::$name(x) })*
        $(extern "C" fn $of_two(x: f32, y: f32) -> f32 { libm::$of_two(x, y) })*
        Functions { ones: [$($name),*], twos: [$($of_two),*] }
    }};
}

static FUNCTIONS: Functions = functions!(
    sinf, cosf, tanf, asinf, acosf, atanf, sinhf, coshf, tanhf, expf, exp2f, logf, log2f, log10f; powf, atan2f
);
