//! The system's libfaust: what compiles a program in Faust while Busker runs.
//!
//! In: source text. Out: instances that render it, as machine code where the library has LLVM, else by its interpreter. Found by
//! its name when it is first asked for, and called through its C interface alone. Workers; only `Instance::compute`, `clear` and
//! writes to zones are for the audio thread. Its compiler has global state: one thread at a time makes or frees anything.
#![allow(unsafe_code)] // a foreign library
#![allow(clippy::disallowed_types)] // the mutex is taken by who makes and frees, never on the audio thread

use super::program::ProgramError;
use libloading::Library;
use std::ffi::CStr;
use std::ffi::CString;
use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::ptr::null;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;

/// Where it is looked for, in this order.
#[cfg(target_os = "macos")]
pub(super) const NAMES: &[&str] =
    &["libfaust.2.dylib", "/opt/homebrew/lib/libfaust.2.dylib", "/usr/local/lib/libfaust.2.dylib"];
/// Where it is looked for, in this order.
#[cfg(target_os = "windows")]
pub(super) const NAMES: &[&str] = &["faust.dll"];
/// Where it is looked for, in this order.
#[cfg(not(any(target_os = "macos", target_os = "windows")))]
pub(super) const NAMES: &[&str] = &["libfaust.so.2"];

/// Bytes that the compiler may write of an error.
const ERROR_BYTES: usize = 4096;

/// All but vectors: what is left over of a block is worked out with other roundings than vectors are.
const OPTIMISED: c_int = 3;

type Factory = NonNull<c_void>;
type Dsp = NonNull<c_void>;
type Arguments = *const *const c_char;

/// The calls of one back end; the other's are called alike.
#[derive(Clone, Copy)]
struct Calls {
    create: Create,
    delete_factory: unsafe extern "C" fn(Factory) -> bool,
    create_instance: unsafe extern "C" fn(Factory) -> Option<Dsp>,
    delete_instance: unsafe extern "C" fn(Dsp),
    inputs: unsafe extern "C" fn(Dsp) -> c_int,
    outputs: unsafe extern "C" fn(Dsp) -> c_int,
    build_interface: unsafe extern "C" fn(Dsp, *mut Glue),
    init: unsafe extern "C" fn(Dsp, c_int),
    clear: unsafe extern "C" fn(Dsp),
    compute: unsafe extern "C" fn(Dsp, c_int, *const *const f32, *const *mut f32),
}

#[derive(Clone, Copy)]
enum Create {
    /// Name, source, options, target, error, level.
    Llvm(
        unsafe extern "C" fn(
            *const c_char,
            *const c_char,
            c_int,
            Arguments,
            *const c_char,
            *mut c_char,
            c_int,
        ) -> Option<Factory>,
    ),
    /// Name, source, options, error.
    Interpreter(
        unsafe extern "C" fn(*const c_char, *const c_char, c_int, Arguments, *mut c_char) -> Option<Factory>,
    ),
}

/// The calls that a loaded library has, the faster ones first. It is never unloaded: LLVM does not survive that.
struct Loaded(Vec<Calls>);

fn loaded() -> Result<&'static Loaded, ProgramError> {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    if LOADED.get().is_none() {
        let found = load()?;
        return Ok(LOADED.get_or_init(|| found));
    }
    LOADED.get().ok_or(ProgramError::NoLibrary { names: NAMES })
}

fn load() -> Result<Loaded, ProgramError> {
    // SAFETY: the library's initialisers only set up its own and LLVM's tables. Its symbols stay local to it, so that another
    // LLVM in the process is not mixed with its own.
    let open = |name: &&str| unsafe { Library::new(name) }.ok();
    let library = NAMES.iter().find_map(open).ok_or(ProgramError::NoLibrary { names: NAMES })?;
    let library = ManuallyDrop::new(library);
    // SAFETY: the functions have this type in every version 2.
    unsafe {
        let version = symbol::<unsafe extern "C" fn() -> *const c_char>(&library, "getCLibFaustVersion");
        let version = version.map(|version| text(version())).unwrap_or_default();
        if !version.starts_with("2.") {
            return Err(ProgramError::Version { found: version });
        }
        if let Some(start) = symbol::<unsafe extern "C" fn() -> bool>(&library, "startMTDSPFactories") {
            start(); // others in the process may use the same library
        }
    }
    let calls: Vec<Calls> = ["", "Interpreter"].iter().filter_map(|kind| calls(&library, kind)).collect();
    if calls.is_empty() { Err(ProgramError::NoCompiler) } else { Ok(Loaded(calls)) }
}

/// A function by its name.
///
/// # Safety
///
/// `F` must be the function's type.
unsafe fn symbol<F: Copy>(library: &Library, name: &str) -> Option<F> {
    // SAFETY: as the caller says.
    unsafe { library.get::<F>(name.as_bytes()) }.ok().map(|found| *found)
}

fn calls(library: &Library, kind: &str) -> Option<Calls> {
    let name = |before: &str, after: &str| format!("{before}C{kind}DSP{after}");
    let create = name("create", "FactoryFromString");
    // SAFETY: the types are those of `llvm-dsp-c.h` and `interpreter-dsp-c.h`, which are the same in every version 2; a
    // pointer that may be null is an `Option`.
    unsafe {
        Some(Calls {
            create: if kind.is_empty() {
                Create::Llvm(symbol(library, &create)?)
            } else {
                Create::Interpreter(symbol(library, &create)?)
            },
            delete_factory: symbol(library, &name("delete", "Factory"))?,
            create_instance: symbol(library, &name("create", "Instance"))?,
            delete_instance: symbol(library, &name("delete", "Instance"))?,
            inputs: symbol(library, &name("getNumInputs", "Instance"))?,
            outputs: symbol(library, &name("getNumOutputs", "Instance"))?,
            build_interface: symbol(library, &name("buildUserInterface", "Instance"))?,
            init: symbol(library, &name("init", "Instance"))?,
            clear: symbol(library, &name("instanceClear", "Instance"))?,
            compute: symbol(library, &name("compute", "Instance"))?,
        })
    }
}

/// Taken by whoever makes or frees anything.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the library says.
///
/// # Safety
///
/// `text` must be null or end with a null.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A compiled program.
pub(super) struct Code {
    calls: Calls,
    factory: Factory,
}

// SAFETY: nothing but `alone` touches the factory.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Code {
    /// Compiles `source`, which is called `name` in errors. Takes a second where the source is large.
    pub(super) fn compile(name: &str, source: &str) -> Result<Arc<Self>, ProgramError> {
        let loaded = loaded()?;
        let null_inside = |_| ProgramError::Refused { message: "a null in the text".to_owned() };
        let (name, source) =
            (CString::new(name).map_err(null_inside)?, CString::new(source).map_err(null_inside)?);
        let mut message = String::new();
        for calls in &loaded.0 {
            match calls.compile(&name, &source) {
                Ok(factory) => return Ok(Arc::new(Self { calls: *calls, factory })),
                Err(error) if message.is_empty() => message = error,
                Err(_) => {}
            }
        }
        Err(ProgramError::Refused { message })
    }

    /// An instance at `rate`, cleared, with every control at its default.
    pub(super) fn instance(self: &Arc<Self>, rate: i32) -> Option<Instance> {
        let _alone = alone();
        // SAFETY: the factory lives as long as `self`, which the instance holds.
        unsafe {
            let dsp = (self.calls.create_instance)(self.factory)?;
            (self.calls.init)(dsp, rate);
            let widths = [(self.calls.inputs)(dsp), (self.calls.outputs)(dsp)];
            let widths = widths.map(|width| usize::try_from(width).unwrap_or(0));
            Some(Instance { dsp, widths, zones: Vec::new(), code: Arc::clone(self) })
        }
    }
}

impl Calls {
    fn compile(&self, name: &CStr, source: &CStr) -> Result<Factory, String> {
        let _alone = alone();
        let mut error = vec![0 as c_char; ERROR_BYTES + 1];
        let (name, source, message) = (name.as_ptr(), source.as_ptr(), error.as_mut_ptr());
        let options: [*const c_char; 1] = [null()];
        // SAFETY: all texts end with a null, and there is more room for the error than is asked for.
        let factory = unsafe {
            match self.create {
                Create::Llvm(create) => {
                    create(name, source, 0, options.as_ptr(), c"".as_ptr(), message, OPTIMISED)
                }
                Create::Interpreter(create) => create(name, source, 0, options.as_ptr(), message),
            }
        };
        // SAFETY: the last byte is a null whatever was written before it.
        factory.ok_or_else(|| unsafe { text(error.as_ptr()) })
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        let _alone = alone();
        // SAFETY: every instance holds its code, so that none is left.
        unsafe { (self.calls.delete_factory)(self.factory) };
    }
}

/// What a program shows of itself, in its order.
pub(super) trait Interface {
    /// A group begins.
    fn open(&mut self, label: &str);
    /// The group ends.
    fn close(&mut self);
    /// Something about the control that comes next.
    fn declare(&mut self, key: &str, value: &str);
    /// A control by its number: default, least, greatest value and step. Without a range it is a switch.
    fn control(&mut self, label: &str, number: usize, range: Option<[f32; 4]>);
    /// Something that only shows.
    fn show(&mut self);
    /// A file that it would play.
    fn sound_file(&mut self);
}

/// A compiled program at work.
pub(super) struct Instance {
    dsp: Dsp,
    /// Inputs and outputs.
    widths: [usize; 2],
    /// Memory of its controls, inside of it, once they have been listed.
    zones: Vec<*mut f32>,
    /// Freed after `dsp`.
    code: Arc<Code>,
}

// SAFETY: one thread at a time uses an instance and what its zones point to, since `compute` and `set` take it exclusively.
unsafe impl Send for Instance {}

impl Instance {
    pub(super) fn inputs(&self) -> usize {
        self.widths[0]
    }

    pub(super) fn outputs(&self) -> usize {
        self.widths[1]
    }

    /// Lists its controls, in the same order for all instances of a code.
    pub(super) fn describe(&mut self, interface: &mut dyn Interface) {
        let mut listing = Listing { interface, zones: Vec::new() };
        let mut glue = Glue::new((&raw mut listing).cast());
        // SAFETY: the glue's functions have its type, and what it points to lives until the call is over.
        unsafe { (self.code.calls.build_interface)(self.dsp, &raw mut glue) };
        self.zones = listing.zones;
    }

    /// Sets a control by its number in `describe`. Real-time.
    pub(super) fn set(&mut self, number: usize, value: f32) {
        if let Some(zone) = self.zones.get(number) {
            // SAFETY: zones lie in the instance, which is alive and ours alone.
            unsafe { zone.write(value) };
        }
    }

    /// Forgets all sound. Real-time.
    pub(super) fn clear(&mut self) {
        // SAFETY: the instance is alive.
        unsafe { (self.code.calls.clear)(self.dsp) };
    }

    /// Renders as many frames as the shortest plane has; too few planes render nothing. Real-time.
    pub(super) fn compute(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let (mut from, mut to) = ([null(); MOST], [null_mut(); MOST]);
        let [ins, outs] = self.widths;
        let (Some(inputs), Some(outputs)) = (inputs.get(..ins), outputs.get_mut(..outs)) else { return };
        if ins > MOST || outs > MOST {
            return;
        }
        let lengths = inputs.iter().map(|plane| plane.len()).chain(outputs.iter().map(|plane| plane.len()));
        let frames = c_int::try_from(lengths.min().unwrap_or(0)).unwrap_or(0);
        from.iter_mut().zip(inputs).for_each(|(from, plane)| *from = plane.as_ptr());
        to.iter_mut().zip(outputs).for_each(|(to, plane)| *to = plane.as_mut_ptr());
        // SAFETY: there are as many planes as it has inputs and outputs, each of at least `frames` samples.
        unsafe { (self.code.calls.compute)(self.dsp, frames, from.as_ptr(), to.as_ptr()) };
    }
}

/// Inputs or outputs that an instance can have.
const MOST: usize = 4;

impl Drop for Instance {
    fn drop(&mut self) {
        let _alone = alone();
        // SAFETY: it was made by its code, which is still there.
        unsafe { (self.code.calls.delete_instance)(self.dsp) };
    }
}

type Open = extern "C" fn(*mut c_void, *const c_char);
type Switch = extern "C" fn(*mut c_void, *const c_char, *mut f32);
type Slider = extern "C" fn(*mut c_void, *const c_char, *mut f32, f32, f32, f32, f32);
type Bargraph = extern "C" fn(*mut c_void, *const c_char, *mut f32, f32, f32);

/// `UIGlue` of `CInterface.h`.
#[repr(C)]
struct Glue {
    interface: *mut c_void,
    open: [Open; 3],
    close: extern "C" fn(*mut c_void),
    switches: [Switch; 2],
    sliders: [Slider; 3],
    bargraphs: [Bargraph; 2],
    sound_file: extern "C" fn(*mut c_void, *const c_char, *const c_char, *mut *mut c_void),
    declare: extern "C" fn(*mut c_void, *mut f32, *const c_char, *const c_char),
}

impl Glue {
    fn new(interface: *mut c_void) -> Self {
        Self {
            interface,
            open: [open; 3],
            close,
            switches: [switch; 2],
            sliders: [slider; 3],
            bargraphs: [bargraph; 2],
            sound_file,
            declare,
        }
    }
}

/// Who listens while an instance lists its controls, and where those lie.
struct Listing<'a> {
    interface: &'a mut dyn Interface,
    zones: Vec<*mut f32>,
}

/// What `describe` has handed over.
fn listing<'a>(pointer: *mut c_void) -> &'a mut Listing<'a> {
    // SAFETY: `describe` alone makes a glue, of a pointer to a listing that lives until its call is over; the library calls one
    // function of it at a time.
    unsafe { &mut *pointer.cast::<Listing<'a>>() }
}

fn control(pointer: *mut c_void, label: *const c_char, zone: *mut f32, range: Option<[f32; 4]>) {
    let Listing { interface, zones } = listing(pointer);
    interface.control(&said(label), zones.len(), range);
    zones.push(zone);
}

/// A text of the library's.
fn said(words: *const c_char) -> String {
    // SAFETY: the library's labels and metadata end with a null.
    unsafe { text(words) }
}

extern "C" fn open(pointer: *mut c_void, label: *const c_char) {
    listing(pointer).interface.open(&said(label));
}

extern "C" fn close(pointer: *mut c_void) {
    listing(pointer).interface.close();
}

extern "C" fn switch(pointer: *mut c_void, label: *const c_char, zone: *mut f32) {
    control(pointer, label, zone, None);
}

extern "C" fn slider(
    pointer: *mut c_void,
    label: *const c_char,
    zone: *mut f32,
    default: f32,
    min: f32,
    max: f32,
    step: f32,
) {
    control(pointer, label, zone, Some([default, min, max, step]));
}

extern "C" fn bargraph(pointer: *mut c_void, _: *const c_char, _: *mut f32, _: f32, _: f32) {
    listing(pointer).interface.show();
}

extern "C" fn sound_file(pointer: *mut c_void, _: *const c_char, _: *const c_char, _: *mut *mut c_void) {
    listing(pointer).interface.sound_file();
}

extern "C" fn declare(pointer: *mut c_void, zone: *mut f32, key: *const c_char, value: *const c_char) {
    if !zone.is_null() {
        listing(pointer).interface.declare(&said(key), &said(value));
    }
}
