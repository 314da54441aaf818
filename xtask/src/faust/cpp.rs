//! Faust's own C++ of a machine, behind a few plain C functions.
//!
//! In: what the pinned compiler makes of a source with `-lang cpp`. Out: text with the base classes that it expects and an
//! interface of C around it. Its controls come in the order of the parameter table; the host's tempo stays at its default.
//! Rounding is that of single operations throughout: no contraction to FMA, on no machine.

use super::FaustError;
use super::source;
use super::toolchain;
use super::toolchain::Toolchain;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The system's C++ compiler.
pub(super) const COMPILER: &str = "c++";

/// Functions of one number and of two that the C++ may be given from outside, by their names in `std`.
pub(super) const FUNCTIONS: ([&str; 14], [&str; 2]) = (
    [
        "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "exp2", "log", "log2",
        "log10",
    ],
    ["pow", "atan2"],
);

/// Where the C++ has its mathematical functions from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mathematics {
    /// The platform.
    Platform,
    /// The `libm` crate, as the machines that are checked in.
    Crate,
}

/// Compiles `source` to C++, and that with `options` to an object or a library called `out`.
pub(super) fn compile(
    toolchain: &Toolchain,
    source: &Path,
    mathematics: Mathematics,
    (out, options): (&Path, &[&str]),
) -> Result<(), FaustError> {
    let name = source.file_stem().unwrap_or_default().to_string_lossy();
    let class = source::class_name(&name);
    let mut machine = translate(toolchain, source, &class, &out.with_file_name(format!("{name}.hpp")))?;
    if mathematics == Mathematics::Crate {
        for name in FUNCTIONS.0.iter().chain(&FUNCTIONS.1) {
            machine = machine.replace(&format!("std::{name}("), &format!("mathematics.{name}_("));
        }
    }
    let text = PathBuf::from(out).with_extension("cpp");
    super::write_file(&text, &program(&class, &machine))?;
    let mut compiler = Command::new(COMPILER);
    compiler.args(["-ffp-contract=off", "-fPIC"]).args(options).arg("-o").arg(out).arg(&text);
    toolchain::run(&mut compiler).map(drop)
}

/// The compiler's C++, of an earlier run if it is newer than every source: some machines take it a minute.
fn translate(toolchain: &Toolchain, source: &Path, class: &str, out: &Path) -> Result<String, FaustError> {
    let age = |path: &Path| path.metadata().and_then(|of| of.modified());
    let sources = super::files_in(source.parent().unwrap_or(Path::new("")))?;
    let newest = sources
        .iter()
        .map(PathBuf::as_path)
        .chain([toolchain.stamp()])
        .filter_map(|path| age(path).ok())
        .max();
    if age(out).ok().is_none_or(|made| newest.is_some_and(|newest| newest >= made)) {
        let unfinished = out.with_extension("new");
        toolchain.compile(source, class, &unfinished, &["-lang", "cpp"])?;
        let failed = |source| FaustError::File { path: out.to_path_buf(), source };
        std::fs::rename(&unfinished, out).map_err(failed)?;
    }
    super::read_file(out)
}

fn program(class: &str, machine: &str) -> String {
    let list = |names: &[&str]| names.iter().map(|name| format!("*{name}_")).collect::<Vec<_>>();
    let ones: Vec<String> = list(&FUNCTIONS.0).iter().map(|name| format!("float ({name})(float);")).collect();
    let twos: Vec<String> =
        list(&FUNCTIONS.1).iter().map(|name| format!("float ({name})(float, float);")).collect();
    format!(
        "#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>
#define FAUSTFLOAT float
static struct {{ {} {} }} mathematics;
struct Meta {{ void declare(const char*, const char*) {{}} }};
struct UI {{
    std::vector<float*> controls;
    float* tempo = nullptr;
    void add(float* control) {{ if (control != tempo) controls.push_back(control); }}
    void openTabBox(const char*) {{}}
    void openVerticalBox(const char*) {{}}
    void openHorizontalBox(const char*) {{}}
    void closeBox() {{}}
    void declare(float* control, const char* key, const char*) {{ if (!std::strcmp(key, \"host\")) tempo = control; }}
    void addButton(const char*, float* control) {{ add(control); }}
    void addCheckButton(const char*, float* control) {{ add(control); }}
    void addNumEntry(const char*, float* control, float, float, float, float) {{ add(control); }}
    void addVerticalSlider(const char*, float* control, float, float, float, float) {{ add(control); }}
    void addHorizontalSlider(const char*, float* control, float, float, float, float) {{ add(control); }}
    void addVerticalBargraph(const char*, float*, float, float) {{}}
    void addHorizontalBargraph(const char*, float*, float, float) {{}}
}};
struct dsp {{ virtual ~dsp() {{}} }};
{machine}
struct Peer {{ {class} machine; UI controls; }};
extern \"C\" {{
void peer_mathematics(const void* functions) {{ std::memcpy(&mathematics, functions, sizeof mathematics); }}
void* peer_make(int rate) {{
    Peer* peer = new Peer();
    peer->machine.init(rate);
    peer->machine.buildUserInterface(&peer->controls);
    return peer;
}}
void peer_free(void* peer) {{ delete static_cast<Peer*>(peer); }}
int peer_controls(void* peer) {{ return static_cast<Peer*>(peer)->controls.controls.size(); }}
int peer_inputs(void* peer) {{ return static_cast<Peer*>(peer)->machine.getNumInputs(); }}
int peer_outputs(void* peer) {{ return static_cast<Peer*>(peer)->machine.getNumOutputs(); }}
void peer_set(void* peer, int control, float value) {{ *static_cast<Peer*>(peer)->controls.controls.at(control) = value; }}
void peer_compute(void* peer, int frames, float** inputs, float** outputs) {{
    static_cast<Peer*>(peer)->machine.compute(frames, inputs, outputs);
}}
}}
",
        ones.join(" "),
        twos.join(" "),
    )
}
