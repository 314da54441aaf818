//! How fast a generated kernel is beside the compiler's own C++.
//!
//! Both are compiled for this machine's plain instruction set at -O3, fed the same noise at 48 kHz in blocks of 256 and
//! 64 frames with denormals flushed, and the fastest of many runs counts. The budget: not slower than the C++.

use super::FaustError;
use super::proof;
use super::source::Generated;
use super::toolchain;
use super::toolchain::Toolchain;
use std::path::Path;
use std::process::Command;

/// Prints nanoseconds per frame of both; fails if the Rust is slower.
pub(super) fn compare(
    toolchain: &Toolchain,
    machine: &Generated,
    source: &Path,
    work: &Path,
) -> Result<(), FaustError> {
    let path = |suffix: &str| work.join(format!("{}_{suffix}", machine.name));
    toolchain.compile(source, &machine.class, &path("speed.hpp"), &["-lang", "cpp"])?;
    super::write_file(&path("speed.cpp"), &cpp(machine))?;
    super::write_file(&path("speed.rs"), &rust(machine))?;
    let cpp = path("speed_cpp");
    toolchain::run(Command::new("g++").args(["-O3", "-o"]).arg(&cpp).arg(path("speed.cpp")))?;
    proof::compile(&path("speed.rs"), &path("speed_rust"), work)?;
    let plain = nanoseconds(machine, &cpp)?;
    let fast = nanoseconds(machine, &path("speed_rust"))?;
    for (n, frames) in ["256", "64"].iter().enumerate() {
        let ratio = fast[n] / plain[n];
        let (fast, plain) = (fast[n], plain[n]);
        println!(
            "{}, {frames} frames: {fast:.1} ns per frame, C++ {plain:.1}, ratio {ratio:.2}",
            machine.name
        );
        if ratio > 1.0 {
            return Err(FaustError::Slow { machine: machine.name.clone(), ratio });
        }
    }
    Ok(())
}

/// What a timing program prints: two numbers.
fn nanoseconds(machine: &Generated, program: &Path) -> Result<[f64; 2], FaustError> {
    let printed = toolchain::run(&mut Command::new(program))?;
    let numbers: Vec<f64> = printed.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    numbers.try_into().map_err(|_| FaustError::Form {
        machine: machine.name.clone(),
        what: format!("timing printed {printed}"),
    })
}

/// The compiler's C++ between the base classes that it expects and a loop that times it.
fn cpp(machine: &Generated) -> String {
    let Generated { name, class, inputs, outputs, .. } = machine;
    format!(
        "#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <xmmintrin.h>
#define FAUSTFLOAT float
struct Meta {{ void declare(const char*, const char*) {{}} }};
struct UI {{
    void openTabBox(const char*) {{}}
    void openVerticalBox(const char*) {{}}
    void openHorizontalBox(const char*) {{}}
    void closeBox() {{}}
    void declare(float*, const char*, const char*) {{}}
    void addButton(const char*, float*) {{}}
    void addCheckButton(const char*, float*) {{}}
    void addNumEntry(const char*, float*, float, float, float, float) {{}}
    void addVerticalSlider(const char*, float*, float, float, float, float) {{}}
    void addHorizontalSlider(const char*, float*, float, float, float, float) {{}}
    void addVerticalBargraph(const char*, float*, float, float) {{}}
    void addHorizontalBargraph(const char*, float*, float, float) {{}}
}};
struct dsp {{ virtual ~dsp() {{}} }};
#include \"{name}_speed.hpp\"
int main() {{
    _mm_setcsr(_mm_getcsr() | 0x8040);
    {class}* machine = new {class}();
    machine->init(48000);
    static float in[{inputs} + 1][256], out[{outputs} + 1][256];
    float *ins[{inputs} + 1], *outs[{outputs} + 1];
    for (int c = 0; c < {inputs}; c++) ins[c] = in[c];
    for (int c = 0; c < {outputs}; c++) outs[c] = out[c];
    uint64_t random = 1;
    double best[2] = {{1e9, 1e9}};
    const int sizes[2] = {{256, 64}};
    for (int run = 0; run < 600; run++) {{
        for (int c = 0; c < {inputs}; c++) for (int n = 0; n < 256; n++) {{
            random = random * 6364136223846793005ull + 1;
            in[c][n] = int32_t(random >> 32) / 2147483648.0f;
        }}
        const int frames = sizes[run % 2];
        const auto start = std::chrono::steady_clock::now();
        for (int n = 0; n < 8192 / frames; n++) machine->compute(frames, ins, outs);
        const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
        best[run % 2] = std::min(best[run % 2], time.count() / 8192);
    }}
    std::printf(\"%f %f\\n\", best[0], best[1]);
}}
"
    )
}

/// The same loop around the post-processed kernel, called as the node calls it: controls become coefficients when they
/// change. The C++ has no such choice and does it in every call.
fn rust(machine: &Generated) -> String {
    let Generated { name, class, inputs, outputs, .. } = machine;
    format!(
        "#![allow(warnings)]
mod machine {{
    {}
    pub fn run() {{
        unsafe {{ core::arch::x86_64::_mm_setcsr(core::arch::x86_64::_mm_getcsr() | 0x8040) }};
        let mut machine = {name}::{class}::boxed();
        machine.init(48000);
        machine.control();
        let mut input = [[0.0f32; 256]; {inputs}];
        let mut output = [[0.0f32; 256]; {outputs}];
        let (mut random, mut best) = (1u64, [f64::MAX; 2]);
        for run in 0..600 {{
            for sample in input.iter_mut().flatten() {{
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                *sample = (random >> 32) as i32 as f32 / 2147483648.0;
            }}
            let frames = [256, 64][run % 2];
            let start = std::time::Instant::now();
            for _ in 0..8192 / frames {{
                machine.compute(
                    input.each_ref().map(|plane| &plane[..frames]),
                    output.each_mut().map(|plane| &mut plane[..frames]),
                );
            }}
            best[run % 2] = best[run % 2].min(start.elapsed().as_nanos() as f64 / 8192.0);
        }}
        std::hint::black_box(&output);
        println!(\"{{}} {{}}\", best[0], best[1]);
    }}
}}
fn main() {{ machine::run() }}
",
        proof::items(machine)
    )
}
