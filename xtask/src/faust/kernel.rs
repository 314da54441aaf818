//! The text changes that make a generated loop fast and its bits portable.
//!
//! Short state arrays live in locals during the loop, constants are read once per call, `min` and `max` are one
//! instruction each, and every transcendental function comes from the `libm` crate; `rest` adds a loop for controls at rest.
//! Nothing is reordered: `proof` shows that the bits stay.

use super::FaustError;
use super::rest;
use super::source::Parts;

/// Arrays up to this length that are indexed by constants only are kept in locals.
const LONGEST_LOCAL: usize = 4;

/// `min` and `max` as the compiler's C++ has them; without NaN they equal `f32::min` and `f32::max`.
pub(super) const SELECTIONS: &str = "#[inline(always)]
fn min(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

#[inline(always)]
fn max(a: f32, b: f32) -> f32 {
    if a < b { b } else { a }
}

";

/// Calls of `F32::…` and what stands for them. Square root, absolute value and rounding are exact everywhere.
const FUNCTIONS: &[(&str, &str)] = &[
    ("max", "max"),
    ("min", "min"),
    ("sqrt", "f32::sqrt"),
    ("abs", "f32::abs"),
    ("floor", "f32::floor"),
    ("ceil", "f32::ceil"),
    ("trunc", "f32::trunc"),
    ("round", "f32::round"),
    ("sin", "libm::sinf"),
    ("cos", "libm::cosf"),
    ("tan", "libm::tanf"),
    ("asin", "libm::asinf"),
    ("acos", "libm::acosf"),
    ("atan", "libm::atanf"),
    ("atan2", "libm::atan2f"),
    ("sinh", "libm::sinhf"),
    ("cosh", "libm::coshf"),
    ("tanh", "libm::tanhf"),
    ("exp", "libm::expf"),
    ("exp2", "libm::exp2f"),
    ("ln", "libm::logf"),
    ("log", "libm::logf"),
    ("log2", "libm::log2f"),
    ("log10", "libm::log10f"),
    ("powf", "libm::powf"),
];

/// Replaces the compiler's type names and functions; unknown functions are an error.
pub(super) fn portable(machine: &str, text: &str) -> Result<String, FaustError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("F32::") {
        let (before, call) = rest.split_at(at);
        let call = &call["F32::".len()..];
        let (name, after) = call.split_at(call.find('(').unwrap_or(0));
        let known = FUNCTIONS.iter().find(|(from, _)| *from == name);
        let Some((_, to)) = known else {
            return Err(FaustError::Form { machine: machine.to_owned(), what: format!("function {name}") });
        };
        out.push_str(before);
        out.push_str(to);
        rest = after;
    }
    out.push_str(rest);
    Ok(out.replace("FaustFloat", "f32").replace("F32", "f32"))
}

/// The `compute` method over slices, with state in locals.
pub(super) fn compute(
    parts: &Parts<'_>,
    (inputs, outputs): (usize, usize),
    fields: &[&str],
) -> Result<String, FaustError> {
    let body = parts.method("compute")?;
    let head = body.iter().position(|line| line.trim_start().starts_with("let zipped_iterators"));
    let head = head.ok_or_else(|| parts.unknown("compute without its loop"))?;
    let text = body[head..].join("\n");
    let state = Hoisted::new(fields, &text);
    let names =
        |side: &str, count: usize| (0..count).map(|n| format!("{side}{n}")).collect::<Vec<_>>().join(", ");
    let (ins, outs) = (names("inputs", inputs), names("outputs", outputs));
    let mut method = format!(
        "\n    /// As many frames as the shortest plane has. Compiled into each of its callers, for the instructions that they may use.\n    \
         #[inline(always)]\n    pub(in crate::machine) fn compute(&mut self, inputs: [&[f32]; {inputs}], outputs: [&mut [f32]; {outputs}]) {{\n\
         let [{ins}] = inputs;\nlet [{outs}] = outputs;\n"
    );
    for n in 0..inputs {
        method.push_str(&format!("let inputs{n} = inputs{n}.iter();\n"));
    }
    for n in 0..outputs {
        method.push_str(&format!("let outputs{n} = outputs{n}.iter_mut();\n"));
    }
    method.push_str(&state.load());
    match rest::resting(&text) {
        Some((resting, arrived)) => {
            let (arrived, resting, moving) =
                (state.replace(&arrived), state.replace(&resting), state.replace(&text));
            method.push_str(&format!("if {arrived} {{\n{resting}\n}} else {{\n{moving}\n}}\n"));
        }
        None => method.push_str(&state.replace(&text)),
    }
    method.push('\n');
    method.push_str(&state.store());
    method.push_str("}\n");
    Ok(method)
}

/// Fields that become locals for the length of a call.
pub(super) struct Hoisted {
    /// Name, and the length of an array.
    fields: Vec<(String, Option<usize>)>,
    /// Whether the loop writes them.
    written: Vec<bool>,
}

impl Hoisted {
    pub(super) fn new(fields: &[&str], body: &str) -> Self {
        let mut hoisted = Self { fields: Vec::new(), written: Vec::new() };
        for field in fields {
            let Some((name, kind)) = field.trim().trim_end_matches(',').split_once(": ") else { continue };
            let length =
                kind.split_once(';').and_then(|(_, length)| length.trim_end_matches(']').parse().ok());
            let uses: Vec<&str> = body.split(&format!("self.{name}")).skip(1).filter(starts_apart).collect();
            let constant = |rest: &&str| constant_index(rest).is_some();
            let local = match length {
                Some(length) => length <= LONGEST_LOCAL && uses.iter().all(constant),
                None => true,
            };
            if !local || uses.is_empty() {
                continue;
            }
            let assigned = |rest: &&str| match constant_index(rest) {
                Some((_, after)) if length.is_some() => after.starts_with(" = "),
                _ => rest.starts_with(" = "),
            };
            hoisted.fields.push((name.to_owned(), length));
            hoisted.written.push(uses.iter().any(assigned));
        }
        hoisted
    }

    pub(super) fn elements(&self) -> impl Iterator<Item = (String, String, bool)> {
        self.fields.iter().zip(&self.written).flat_map(|((name, length), written)| {
            let array =
                (0..length.unwrap_or(0)).map(move |n| (format!("{name}_{n}"), format!("self.{name}[{n}]")));
            let scalar = length.is_none().then(|| (name.clone(), format!("self.{name}")));
            array.chain(scalar).map(|(local, field)| (local, field, *written))
        })
    }

    fn load(&self) -> String {
        let keyword = |written| if written { "let mut" } else { "let" };
        self.elements()
            .map(|(local, field, written)| format!("{} {local} = {field};\n", keyword(written)))
            .collect()
    }

    fn store(&self) -> String {
        let written = self.elements().filter(|(_, _, written)| *written);
        written.map(|(local, field, _)| format!("{field} = {local};\n")).collect()
    }

    pub(super) fn replace(&self, body: &str) -> String {
        let mut out = String::with_capacity(body.len());
        let mut rest = body;
        while let Some(at) = rest.find("self.") {
            let (before, member) = rest.split_at(at);
            let name_and_rest = &member["self.".len()..];
            let end = name_and_rest.find(|c: char| !is_word(c)).unwrap_or(name_and_rest.len());
            let (name, after) = name_and_rest.split_at(end);
            out.push_str(before);
            match self.fields.iter().find(|(field, _)| field == name) {
                Some((_, None)) => {
                    out.push_str(name);
                    rest = after;
                }
                Some((_, Some(_))) => {
                    let (index, after) = constant_index(after).unwrap_or((0, after));
                    out.push_str(&format!("{name}_{index}"));
                    rest = after;
                }
                None => {
                    out.push_str("self.");
                    rest = name_and_rest;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether what follows a name is not more of a name.
fn starts_apart(rest: &&str) -> bool {
    !rest.starts_with(is_word)
}

/// The number in a leading `[number]`, and what comes after it.
fn constant_index(rest: &str) -> Option<(usize, &str)> {
    let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_platform_are_replaced_and_unknown_ones_refused() {
        let text = portable("test", "F32::max(F32::powf(1e+01, self.x), (2) as FaustFloat)").unwrap();
        assert_eq!(text, "max(libm::powf(1e+01, self.x), (2) as f32)");
        assert!(portable("test", "F32::mystery(1.0)").is_err());
    }

    #[test]
    fn short_state_becomes_locals_and_long_delays_stay() {
        let fields =
            ["fRec0: [F32;2],", "fRec01: [F32;2],", "fVec0: [F32;1024],", "fConst0: F32,", "unused: F32,"];
        let body = "self.fRec0[0] = self.fConst0 * self.fRec01[1] + self.fVec0[(i & 1023) as usize];";
        let state = Hoisted::new(&fields, body);
        assert_eq!(state.replace(body), "fRec0_0 = fConst0 * fRec01_1 + self.fVec0[(i & 1023) as usize];");
        assert_eq!(state.store(), "self.fRec0[0] = fRec0_0;\nself.fRec0[1] = fRec0_1;\n");
        assert!(state.load().contains("let fConst0 = self.fConst0;\n"));
        assert!(!state.load().contains("unused"));
    }

    #[test]
    fn an_array_with_a_running_index_is_left_alone() {
        let body = "self.fRec0[j as usize] = self.fRec0[0];";
        let state = Hoisted::new(&["fRec0: [F32;3],"], body);
        assert_eq!(state.replace(body), body);
    }
}
