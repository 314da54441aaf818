//! Programs that users write in Faust, compiled while Busker runs, as machines.
//!
//! In: the text of a `.dsp` file. Out: a kernel, whose eight controls are the first eight of the program's. Compiled on workers by
//! the system's libfaust, where the feature `faust-runtime` is on; without a program a machine of this kind lets sound pass.
//! A program is compiled once in the process. It is one file: what it imports must be Faust's own libraries. Its bits are those of
//! the compiler that is installed.

use super::Machine;
use super::MachineKind;
use super::kernel::FaustKernel;
use super::kernel::Kernel;
#[cfg(feature = "faust-runtime")]
use super::libfaust;
use super::parameter::MachineParameter;
use crate::dsp::Level;
use crate::rt::shared::Printed;
use crate::units::SampleRate;
use std::fmt;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;
use thiserror::Error;

/// What the slot's eight macros move, in parts of the travel that the program's own controls have.
pub(super) const PARAMETERS: &[MachineParameter] = &[
    travel("control_1", "Control 1"),
    travel("control_2", "Control 2"),
    travel("control_3", "Control 3"),
    travel("control_4", "Control 4"),
    travel("control_5", "Control 5"),
    travel("control_6", "Control 6"),
    travel("control_7", "Control 7"),
    travel("control_8", "Control 8"),
];

/// Whole travel.
const WHOLE: f32 = 100.0;

const fn travel(path: &'static str, label: &'static str) -> MachineParameter {
    MachineParameter::linear(path, [label, "%"], [0.0, WHOLE, 0.0], 0.001)
}

/// Why a program cannot be heard.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// Without the feature.
    #[error("this Busker was built without the feature faust-runtime, which compiles programs in Faust")]
    NotBuilt,
    /// Nothing of its names can be loaded.
    #[error("Faust is not installed: {} cannot be loaded (Debian and Ubuntu: apt install libfaust2 faust-common; macOS: brew install faust; Windows: the installer of faust.grame.fr)", .names.join(" or "))]
    NoLibrary {
        /// What was looked for.
        names: &'static [&'static str],
    },
    /// Another library of this name.
    #[error("the installed libfaust has version '{found}': version 2 is needed")]
    Version {
        /// What it says.
        found: String,
    },
    /// A library without compilers.
    #[error("the installed libfaust has neither LLVM nor an interpreter")]
    NoCompiler,
    /// The compiler refuses it.
    #[error("{message}")]
    Refused {
        /// What it says.
        message: String,
    },
    /// The compiler refuses it, and says where.
    #[error("line {line}, column {column}: {message}")]
    At {
        /// From 1.
        line: usize,
        /// From 1: where the name begins that it is about, or else the line's text.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// No insert has so many.
    #[error(
        "has {inputs} inputs and {outputs} outputs: an insert has 1 or 2 inputs, 2 more where it hears the sidechain, and 1 or 2 outputs"
    )]
    Widths {
        /// Of the program.
        inputs: usize,
        /// Of the program.
        outputs: usize,
    },
    /// It plays files.
    #[error("plays sound files, which machines cannot")]
    SoundFile,
}

/// A program in Faust that can be run; shared.
pub struct Program {
    parameters: Vec<MachineParameter>,
    #[cfg(feature = "faust-runtime")]
    code: Arc<libfaust::Code>,
}

impl Program {
    /// Compiles a program, unless the process holds what it is compiled to. Takes its time.
    pub fn compile(name: &str, source: &str) -> Result<Arc<Self>, ProgramError> {
        static PROGRAMS: Printed<(u64, usize), Program> = Printed::new();
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        PROGRAMS.of((hasher.finish(), source.len()), || compiled(name, source).map(Arc::new))
    }

    /// Its first eight controls, with their own names and ranges, in its order.
    pub fn parameters(&self) -> &[MachineParameter] {
        &self.parameters
    }

    /// A machine with every control at its default. Allocates.
    pub fn build(self: &Arc<Self>, rate: SampleRate) -> Box<Machine> {
        // Whatever the level, its code is what libfaust has made for this processor.
        let kernel = Kernel::Faust(ProgramKernel::of(Some(self), rate), Level::BASELINE);
        let mut machine = Box::new(Machine::with(MachineKind::Program, kernel, rate));
        for (control, parameter) in self.parameters.iter().enumerate() {
            machine.set_parameter(control, WHOLE * parameter.position_of(parameter.default));
        }
        machine
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

#[cfg(not(feature = "faust-runtime"))]
fn compiled(_name: &str, _source: &str) -> Result<Program, ProgramError> {
    Err(ProgramError::NotBuilt)
}

#[cfg(feature = "faust-runtime")]
fn compiled(name: &str, source: &str) -> Result<Program, ProgramError> {
    running::compiled(name, source)
}

/// A kernel of a program, or one that lets sound pass.
pub(super) struct ProgramKernel {
    #[cfg(feature = "faust-runtime")]
    running: Option<running::Running>,
}

impl ProgramKernel {
    /// A kernel of a program, with every control at its default. Allocates.
    #[cfg_attr(not(feature = "faust-runtime"), expect(unused_variables, reason = "there is none"))]
    pub(super) fn of(program: Option<&Arc<Program>>, rate: SampleRate) -> Box<dyn FaustKernel> {
        Box::new(Self {
            #[cfg(feature = "faust-runtime")]
            running: program.and_then(|program| running::Running::new(program, rate)),
        })
    }
}

impl FaustKernel for ProgramKernel {
    fn ready(rate: SampleRate) -> Box<dyn FaustKernel> {
        Self::of(None, rate)
    }

    fn clear(&mut self) {
        #[cfg(feature = "faust-runtime")]
        if let Some(running) = &mut self.running {
            running.clear();
        }
    }

    #[cfg_attr(not(feature = "faust-runtime"), expect(unused_variables, reason = "nothing is set"))]
    fn set(&mut self, index: usize, value: f32) {
        #[cfg(feature = "faust-runtime")]
        if let Some(running) = &mut self.running {
            running.set(index, value / WHOLE);
        }
    }

    #[cfg_attr(not(feature = "faust-runtime"), expect(unused_variables, reason = "nothing is told"))]
    fn set_tempo(&mut self, bpm: f32) {
        #[cfg(feature = "faust-runtime")]
        if let Some(running) = &mut self.running {
            running.set_tempo(bpm);
        }
    }

    /// Its code reads the controls by itself, which stand still between lines of the grid.
    fn control(&mut self) {}

    fn compute(&mut self, _: Level, inputs: [&[f32]; 4], mut outputs: [&mut [f32]; 2]) {
        #[cfg(feature = "faust-runtime")]
        if let Some(running) = &mut self.running {
            return running.compute(inputs, outputs);
        }
        for (to, from) in outputs.iter_mut().zip(inputs) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    }

    fn meter(&self) -> Option<f32> {
        None
    }

    fn listens(&self) -> bool {
        #[cfg(feature = "faust-runtime")]
        if let Some(running) = &self.running {
            return running.listens();
        }
        false
    }

    /// Nobody says how long a program rings.
    fn rings_s(&self) -> f64 {
        #[cfg(feature = "faust-runtime")]
        if self.running.is_some() {
            return f64::INFINITY;
        }
        0.0
    }
}

/// What only libfaust makes possible.
#[cfg(feature = "faust-runtime")]
mod running {
    #![allow(clippy::disallowed_types)] // the mutex is taken by workers only

    use super::PARAMETERS;
    use super::Program;
    use super::ProgramError;
    use crate::audio::GRID;
    use crate::machine::libfaust::Code;
    use crate::machine::libfaust::Instance;
    use crate::machine::libfaust::Interface;
    use crate::machine::parameter::MachineParameter;
    use crate::machine::parameter::Scale;
    use crate::units::SampleRate;
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::sync::PoisonError;

    /// Any rate will do to look at a program.
    const SOME_RATE: i32 = 48_000;

    pub(super) fn compiled(name: &str, source: &str) -> Result<Program, ProgramError> {
        let name = name.strip_suffix(".dsp").unwrap_or(name);
        let code = Code::compile(name, source).map_err(|error| located(error, name, source))?;
        let mut instance = code.instance(SOME_RATE).ok_or(ProgramError::NoCompiler)?;
        let (inputs, outputs) = (instance.inputs(), instance.outputs());
        if !((1..=4).contains(&inputs) && (1..=2).contains(&outputs)) {
            return Err(ProgramError::Widths { inputs, outputs });
        }
        let shown = Shown::of(&mut instance);
        if shown.plays_files {
            return Err(ProgramError::SoundFile);
        }
        Ok(Program { parameters: shown.parameters, code })
    }

    /// The error with the place in it: the compiler says `name : 3 : ERROR : syntax error`, or `ERROR : …` and no line. In a library
    /// of Faust's the place stays as it says it.
    fn located(error: ProgramError, name: &str, source: &str) -> ProgramError {
        let ProgramError::Refused { message } = error else { return error };
        let words = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let (place, message) = words.split_once("ERROR : ").unwrap_or(("", &words));
        let line = place.strip_prefix(name).and_then(|line| line.trim_matches([' ', ':']).parse().ok());
        let message = message.to_owned();
        match line.filter(|line| *line > 0) {
            _ if source.trim().is_empty() => {
                ProgramError::Refused { message: "the program is empty".to_owned() }
            }
            Some(line) => ProgramError::At { line, column: column(source, line, &message), message },
            None if place.is_empty() || place.starts_with("????") => ProgramError::Refused { message },
            None => ProgramError::Refused { message: words },
        }
    }

    /// Where on a line the name begins that the error is about, or else the line's text; the compiler tells lines only.
    fn column(source: &str, line: usize, message: &str) -> usize {
        let text = source.lines().nth(line - 1).unwrap_or("");
        let name = message.rsplit(" : ").next().filter(|name| *name != message);
        let found = name.and_then(|name| text.find(name)).unwrap_or(text.len() - text.trim_start().len());
        text[..found].chars().count() + 1 // both ends of a character
    }

    /// A name for as long as the process lives; each is kept once, however many programs use it.
    fn kept(name: &str) -> &'static str {
        static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = names.get(name) {
            return found;
        }
        let name: &'static str = Box::leak(name.into());
        names.insert(name);
        name
    }

    /// What an instance shows of itself.
    #[derive(Default)]
    struct Shown {
        groups: Vec<String>,
        declared: Vec<(String, String)>,
        parameters: Vec<MachineParameter>,
        /// What moves each of the parameters, and what the tempo moves.
        controls: Vec<usize>,
        tempo: Option<usize>,
        plays_files: bool,
    }

    impl Shown {
        fn of(instance: &mut Instance) -> Self {
            let mut shown = Self::default();
            instance.describe(&mut shown);
            shown
        }

        fn declared(&self, key: &str) -> Option<&str> {
            self.declared.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
        }

        fn parameter(&self, label: &str, range: Option<[f32; 4]>) -> MachineParameter {
            let inner = self.groups.iter().skip(1).map(String::as_str); // the outermost is the program
            let path = inner.chain([label]).map(slug).collect::<Vec<_>>().join("/");
            let [default, min, max, step] = range.unwrap_or([0.0, 0.0, 1.0, 1.0]);
            let (min, max) = (min.min(max), if min == max { min + 1.0 } else { max.max(min) });
            let logarithmic = min > 0.0 && self.declared("scale") == Some("log");
            MachineParameter {
                path: kept(&path),
                label: kept(label),
                unit: kept(self.declared("unit").unwrap_or("")),
                min,
                max,
                default: default.clamp(min, max),
                step: if step > 0.0 { step } else { (max - min) / 1000.0 },
                scale: if logarithmic { Scale::Logarithmic } else { Scale::Linear },
                choices: if range.is_none() { &["Off", "On"] } else { &[] },
            }
        }
    }

    /// "Low decay" as `low_decay`.
    fn slug(label: &str) -> String {
        label.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
    }

    impl Interface for Shown {
        fn open(&mut self, label: &str) {
            self.groups.push(label.to_owned());
            self.declared.clear();
        }

        fn close(&mut self) {
            self.groups.pop();
        }

        fn declare(&mut self, key: &str, value: &str) {
            self.declared.push((key.to_owned(), value.to_owned()));
        }

        fn control(&mut self, label: &str, number: usize, range: Option<[f32; 4]>) {
            if self.declared("host") == Some("tempo") {
                self.tempo = Some(number);
            } else if self.parameters.len() < PARAMETERS.len() {
                self.parameters.push(self.parameter(label, range));
                self.controls.push(number);
            }
            self.declared.clear();
        }

        fn show(&mut self) {
            self.declared.clear();
        }

        fn sound_file(&mut self) {
            self.plays_files = true;
        }
    }

    /// An instance, and where its controls are.
    struct Part {
        instance: Instance,
        controls: Vec<usize>,
        tempo: Option<usize>,
    }

    /// A program at work on a stereo block: one with a single input and output on each side for itself.
    pub(super) struct Running {
        program: Arc<Program>,
        parts: Vec<Part>,
        middle: [f32; GRID],
    }

    impl Running {
        pub(super) fn new(program: &Arc<Program>, rate: SampleRate) -> Option<Self> {
            let part = || {
                let mut instance = program.code.instance(libm::round(rate.0) as i32)?;
                let shown = Shown::of(&mut instance);
                Some(Part { instance, controls: shown.controls, tempo: shown.tempo })
            };
            let mut parts = vec![part()?];
            if parts.iter().any(|part| (part.instance.inputs(), part.instance.outputs()) == (1, 1)) {
                parts.push(part()?);
            }
            Some(Self { program: Arc::clone(program), parts, middle: [0.0; GRID] })
        }

        pub(super) fn listens(&self) -> bool {
            self.parts.iter().any(|part| part.instance.inputs() > 2)
        }

        pub(super) fn clear(&mut self) {
            self.parts.iter_mut().for_each(|part| part.instance.clear());
        }

        pub(super) fn set(&mut self, control: usize, position: f32) {
            let Some(parameter) = self.program.parameters.get(control) else { return };
            let value = parameter.value_at(position);
            for Part { instance, controls, .. } in &mut self.parts {
                if let Some(number) = controls.get(control) {
                    instance.set(*number, value);
                }
            }
        }

        pub(super) fn set_tempo(&mut self, bpm: f32) {
            for Part { instance, tempo, .. } in &mut self.parts {
                if let Some(number) = tempo {
                    instance.set(*number, bpm);
                }
            }
        }

        /// Frames between two lines of the grid.
        pub(super) fn compute(&mut self, inputs: [&[f32]; 4], [left, right]: [&mut [f32]; 2]) {
            let Self { parts, middle, .. } = self;
            match parts.as_mut_slice() {
                [one, other] => {
                    one.instance.compute(&inputs[..1], &mut [&mut *left]);
                    other.instance.compute(&inputs[1..2], &mut [&mut *right]);
                }
                [Part { instance, .. }] => {
                    let mut inputs = inputs;
                    if instance.inputs() == 1 {
                        let sides = inputs[0].iter().zip(inputs[1]);
                        middle
                            .iter_mut()
                            .zip(sides)
                            .for_each(|(to, (left, right))| *to = 0.5 * (left + right));
                        inputs[0] = &middle[..left.len().min(GRID)]; // as long as the inputs
                    }
                    if instance.outputs() == 2 {
                        instance.compute(&inputs, &mut [&mut *left, &mut *right]);
                    } else {
                        instance.compute(&inputs, &mut [&mut *left]);
                        right.copy_from_slice(left);
                    }
                }
                _ => {}
            }
            for sample in left.iter_mut().chain(right) {
                *sample = if sample.is_finite() { *sample } else { 0.0 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "faust-runtime"))]
    #[test]
    fn without_the_feature_a_program_says_so() {
        let error = Program::compile("wire.dsp", "process = _, _;").err();
        assert_eq!(error, Some(ProgramError::NotBuilt));
    }

    #[test]
    fn without_a_program_sound_passes_untouched() {
        let mut kernel = ProgramKernel::of(None, SampleRate(48_000.0));
        kernel.set(0, 50.0);
        let (mut left, mut right) = ([0.0; 3], [0.0; 3]);
        kernel.compute(Level::BASELINE, [&[0.1, 0.2, 0.3], &[-1.0; 3], &[], &[]], [&mut left, &mut right]);
        assert_eq!((left, right), ([0.1, 0.2, 0.3], [-1.0; 3]));
    }
}
