//! The proof that post-processing keeps the sound.
//!
//! Compiles the compiler's own Rust, its C++ and the post-processed module into one program, all on this machine's
//! mathematics, feeds them the same noise, impulses, silence and control changes at three rates and compares every bit.
//! Lanes are compared voice by voice at every level of this machine, under notes that come and go.

use super::FaustError;
use super::cpp;
use super::cpp::Mathematics;
use super::source::Generated;
use super::toolchain;
use super::toolchain::Toolchain;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// What the raw module expects around it; nothing of it is called.
const RAW_PRELUDE: &str = "
pub type F32 = f32;
pub type FaustFloat = f32;
#[derive(Clone, Copy)]
pub struct ParamIndex(pub i32);
pub trait Meta { fn declare(&mut self, key: &str, value: &str); }
pub trait UI<T> {
    fn open_tab_box(&mut self, label: &str);
    fn open_horizontal_box(&mut self, label: &str);
    fn open_vertical_box(&mut self, label: &str);
    fn close_box(&mut self);
    fn add_button(&mut self, label: &str, param: ParamIndex);
    fn add_check_button(&mut self, label: &str, param: ParamIndex);
    fn add_vertical_slider(&mut self, label: &str, param: ParamIndex, init: T, min: T, max: T, step: T);
    fn add_horizontal_slider(&mut self, label: &str, param: ParamIndex, init: T, min: T, max: T, step: T);
    fn add_num_entry(&mut self, label: &str, param: ParamIndex, init: T, min: T, max: T, step: T);
    fn add_horizontal_bargraph(&mut self, label: &str, param: ParamIndex, min: T, max: T);
    fn add_vertical_bargraph(&mut self, label: &str, param: ParamIndex, min: T, max: T);
    fn declare(&mut self, param: Option<ParamIndex>, key: &str, value: &str);
}
";

/// The `libm` of the proof: the platform's functions, so that only post-processing can make a difference.
const LIBM: &str = "
macro_rules! forward { ($($name:ident $method:ident),*) => { $(pub fn $name(x: f32) -> f32 { x.$method() })* } }
forward!(sinf sin, cosf cos, tanf tan, asinf asin, acosf acos, atanf atan, sinhf sinh, coshf cosh, tanhf tanh,
    expf exp, exp2f exp2, logf ln, log2f log2, log10f log10);
pub fn powf(x: f32, y: f32) -> f32 { x.powf(y) }
pub fn atan2f(x: f32, y: f32) -> f32 { x.atan2(y) }
";

const PARAMETER: &str = "
#[derive(Debug)]
pub struct MachineParameter {
    pub path: &'static str, pub label: &'static str, pub unit: &'static str,
    pub min: f32, pub max: f32, pub default: f32, pub step: f32, pub scale: Scale, pub choices: &'static [&'static str],
}
#[derive(Debug)]
pub enum Scale { Linear, Logarithmic }
";

const CPP_LIBRARY: &str = if cfg!(target_os = "macos") { "link-arg=-lc++" } else { "link-arg=-lstdc++" };

/// The compiler's C++; see `cpp`.
const PEER: &str = "
use std::ffi::c_void;
unsafe extern \"C\" {
    fn peer_make(rate: i32) -> *mut c_void;
    fn peer_controls(peer: *mut c_void) -> i32;
    fn peer_set(peer: *mut c_void, control: i32, value: f32);
    fn peer_compute(peer: *mut c_void, frames: i32, inputs: *const *const f32, outputs: *const *mut f32);
}
";

/// Builds and runs the comparison; fails with the first frame that differs.
pub(super) fn same_bits(
    toolchain: &Toolchain,
    source: &Path,
    machine: &Generated,
    (work, libm): (&Path, &Path),
) -> Result<(), FaustError> {
    let name = &machine.name;
    let path = |suffix: &str| work.join(format!("{name}_{suffix}"));
    cpp::compile(toolchain, source, Mathematics::Platform, (&path("proof_cpp.o"), &["-O2", "-c"]))?;
    super::write_file(&path("proof.rs"), &program(machine)?)?;
    let (with_libm, with_object) =
        (format!("libm={}", libm.display()), format!("link-arg={}", path("proof_cpp.o").display()));
    let libraries = ["-C", &with_object, "-C", CPP_LIBRARY, "--extern", &with_libm];
    toolchain::run(rustc().args(libraries).arg("-o").args([path("proof"), path("proof.rs")]))?;
    toolchain::run(&mut Command::new(path("proof"))).map(drop).map_err(|error| match error {
        FaustError::Failed { output, .. } => FaustError::Sound { machine: name.clone(), difference: output },
        other => other,
    })
}

/// Makes the `libm` of all proofs.
pub(super) fn libm(work: &Path) -> Result<PathBuf, FaustError> {
    let library = work.join("liblibm.rlib");
    super::write_file(&work.join("libm.rs"), LIBM)?;
    let options = ["--crate-type", "rlib", "--crate-name", "libm", "-o"];
    toolchain::run(rustc().args(options).arg(&library).arg(work.join("libm.rs")))?;
    Ok(library)
}

/// The compiler, which optimises.
fn rustc() -> Command {
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "-C", "opt-level=3", "-C", "codegen-units=1", "-C", "panic=abort"]);
    rustc
}

/// The post-processed module and what it needs, for the inside of a module called `machine`.
fn items(machine: &Generated) -> String {
    let Generated { name, text, .. } = machine;
    // Inner attributes and documentation may stand only at the head of a file.
    let text = text.replace("//! Generated", "// Generated").replace("#![allow", "// #![allow");
    format!("pub mod parameter {{ {PARAMETER} }}\npub mod {name} {{ {text} }}\n")
}

/// The library's own dispatch by instruction set, where lanes need it.
pub(super) fn dispatch(machine: &Generated) -> Result<String, FaustError> {
    if machine.lanes.is_none() {
        return Ok(String::new());
    }
    let text = super::read_file(&crate::paths::root().join("src/dsp/simd.rs"))?;
    let text = text.replace("//! ", "// ").replace("//!\n", "//\n");
    Ok(format!("pub mod dsp {{ pub mod simd {{ {text} }} pub use simd::Level; }}\n"))
}

/// Compares every lane with a raw kernel of its own.
fn lanes_proof(machine: &Generated) -> String {
    let Generated { name, class, inputs, outputs, parameters, .. } = machine;
    if machine.lanes.is_none() {
        return "pub fn run_lanes(_: i32) -> Result<(), String> { Ok(()) }".to_owned();
    }
    let indices: Vec<usize> = parameters.iter().map(|parameter| parameter.index).collect();
    format!(
        "pub fn run_lanes(rate: i32) -> Result<(), String> {{
        use {name}::*;
        const INDICES: [i32; {}] = {indices:?};
        for level in [crate::dsp::Level::SCALAR, crate::dsp::Level::BASELINE, crate::dsp::Level::detect()] {{
            let mut plain: [_; LANES] = std::array::from_fn(|_| crate::boxed_raw());
            let mut shared = {class}::boxed();
            plain.iter_mut().for_each(|plain| plain.init(rate));
            shared.init(rate);
            let mut state = {class}Lanes::default();
            let mut random = crate::Random(7 + rate as u64);
            let mut inputs = [[0.0f32; LANES]; {inputs}];
            for block in 0..(2 * rate as usize / 64) {{
                if block % 50 == 7 {{
                    let n = random.below(INDICES.len());
                    let p = &PARAMETERS[n];
                    let value = p.min + (p.max - p.min) * random.unit();
                    plain.iter_mut().for_each(|plain| plain.set_param(crate::raw::ParamIndex(INDICES[n]), value));
                    shared.set(n, value);
                }}
                if block % 50 == 7 || block == 0 {{
                    plain.iter_mut().for_each(|plain| plain.control());
                    shared.control();
                }}
                for change in 0..random.below(4) {{
                    let (input, lane) = (random.below({inputs}), random.below(LANES));
                    let voice = 4.0 * random.unit() - 2.0;
                    inputs[input][lane] = if input < 2 {{ (voice * 4.0).round() }} else {{ voice }};
                }}
                let frames = [64, 1, 63, 17][block % 4];
                let mut fast = [[[0.0f32; LANES]; 64]; {outputs}];
                lanes(level, &shared, &mut state, &inputs, fast.each_mut().map(|x| &mut x[..frames]));
                for lane in 0..LANES {{
                    let ins: [[f32; 64]; {inputs}] = std::array::from_fn(|n| [inputs[n][lane]; 64]);
                    let mut outs = [[0.0f32; 64]; {outputs}];
                    plain[lane].compute(frames, &ins, &mut outs);
                    for channel in 0..{outputs} {{
                        if let Some(n) = (0..frames).find(|n| outs[channel][*n].to_bits() != fast[channel][*n][lane].to_bits()) {{
                            return Err(format!(\"lane {{lane}} at {{level:?}}, {{rate}} Hz, block {{block}}, channel {{channel}}, \\
                                frame {{n}}: {{}} and {{}}\", outs[channel][n], fast[channel][n][lane]));
                        }}
                    }}
                }}
            }}
        }}
        Ok(())
    }}",
        parameters.len(),
    )
}

fn program(machine: &Generated) -> Result<String, FaustError> {
    let Generated { name, class, raw, inputs, outputs, parameters, .. } = machine;
    let (dispatch, lanes_proof) = (dispatch(machine)?, lanes_proof(machine));
    // In the raw module's order; both are set through the table.
    let indices: Vec<usize> = parameters.iter().map(|parameter| parameter.index).collect();
    let items = items(machine);
    Ok(format!(
        "#![allow(warnings)]
{dispatch}
mod raw {{ {RAW_PRELUDE} {raw} }}
mod machine {{
    {PEER}
    {items}
    pub fn run(rate: i32) -> Result<(), String> {{
        use {name}::{class};
        use {name}::PARAMETERS;
        const INDICES: [i32; {}] = {indices:?};
        let mut plain = crate::boxed_raw();
        let mut fast = {class}::boxed();
        plain.init(rate);
        fast.init(rate);
        let peer = unsafe {{ peer_make(rate) }};
        assert_eq!(unsafe {{ peer_controls(peer) }} as usize, PARAMETERS.len());
        let mut random = crate::Random(1 + rate as u64);
        for block in 0..(4 * rate as usize / 64) {{
            // Long rests in between, for the loop of controls at rest.
            let turns = block % 50 == 7 && block % 1_000 < 500;
            if turns {{
                let n = random.below(INDICES.len());
                let p = &PARAMETERS[n];
                let value = p.min + (p.max - p.min) * random.unit();
                plain.set_param(crate::raw::ParamIndex(INDICES[n]), value);
                fast.set(n, value);
                unsafe {{ peer_set(peer, n as i32, value) }};
            }}
            if turns || block == 0 {{
                plain.control();
                fast.control();
            }}
            let frames = [64, 1, 63, 17][block % 4];
            let noisy = block % 300 < 100;
            let ins: [[f32; 64]; {inputs}] = std::array::from_fn(|_| std::array::from_fn(|n| {{
                if noisy {{ 2.0 * random.unit() - 1.0 }} else if block % 300 == 150 && n == 0 {{ 1.0 }} else {{ 0.0 }}
            }}));
            let mut a = [[0.0f32; 64]; {outputs}];
            let mut b = [[0.0f32; 64]; {outputs}];
            plain.compute(frames, &ins, &mut a);
            fast.compute(ins.each_ref().map(|x| &x[..frames]), b.each_mut().map(|x| &mut x[..frames]));
            let mut c = [[0.0f32; 64]; {outputs}];
            let (from, to) = (ins.each_ref().map(|x| x.as_ptr()), c.each_mut().map(|x| x.as_mut_ptr()));
            unsafe {{ peer_compute(peer, frames as i32, from.as_ptr(), to.as_ptr()) }};
            for (whose, expected) in [(\"Rust\", &a), (\"C++\", &c)] {{
                for (channel, (a, b)) in expected.iter().zip(&b).enumerate() {{
                    if let Some(n) = (0..frames).find(|n| a[*n].to_bits() != b[*n].to_bits()) {{
                        return Err(format!(\"{{whose}}, {{rate}} Hz, block {{block}}, channel {{channel}}, frame {{n}}: {{}} and {{}}\", a[n], b[n]));
                    }}
                }}
            }}
        }}
        Ok(())
    }}
    {lanes_proof}
}}
fn boxed_raw() -> Box<raw::{class}> {{ unsafe {{ Box::new_zeroed().assume_init() }} }}
struct Random(u64);
impl Random {{
    fn next(&mut self) -> u64 {{ self.0 ^= self.0 << 13; self.0 ^= self.0 >> 7; self.0 ^= self.0 << 17; self.0 }}
    fn below(&mut self, n: usize) -> usize {{ self.next() as usize % n }}
    fn unit(&mut self) -> f32 {{ (self.next() >> 40) as f32 / 16777216.0 }}
}}
fn main() {{
    for rate in [44100, 48000, 192000] {{
        if let Err(difference) = machine::run(rate).and_then(|()| machine::run_lanes(rate)) {{
            eprintln!(\"{{difference}}\");
            std::process::exit(1);
        }}
    }}
}}
",
        parameters.len(),
    ))
}
