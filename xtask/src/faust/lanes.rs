//! The same kernel for several voices side by side: state lifted to one number for each lane.
//!
//! In: a source that says `declare lanes "8"`, whose inputs are held numbers. Out: a struct with the state of so many voices, and
//! a method that computes them frame by frame, compiled once for each instruction set. The body of the loop is the compiler's own
//! with one index more, so that a lane has the bits of the scalar kernel (`proof` shows it); choices become selections of lanes.

use super::FaustError;
use super::kernel;
use super::kernel::Hoisted;
use super::source::Parts;

/// How many voices a source asks for.
pub(super) fn declared(parts: &Parts<'_>) -> Result<Option<usize>, FaustError> {
    let line = parts.method("metadata")?.iter().find(|line| line.contains("\"lanes\""));
    let Some(line) = line else { return Ok(None) };
    let number = line.rsplit('"').nth(1).and_then(|number| number.parse().ok());
    number.filter(|lanes| (1..=16).contains(lanes)).map(Some).ok_or_else(|| parts.unknown(line))
}

/// The constant, the state and the function; `class` has the controls.
pub(super) fn items(
    parts: &Parts<'_>,
    (class, lanes): (&str, usize),
    (inputs, outputs): (usize, usize),
    fields: &[&str],
) -> Result<String, FaustError> {
    let body = parts.method("compute")?;
    let head = body.iter().position(|line| line.trim_start().starts_with("for "));
    let end = body.iter().rposition(|line| line.trim() == "}");
    let (Some(head), Some(end)) = (head, end) else { return Err(parts.unknown("compute without its loop")) };
    let text = body[head + 1..end].join("\n");
    let state = Hoisted::new(fields, &text);
    if state.replace(&text).contains("self.") || text.contains("for ") {
        return Err(parts.unknown("lanes with long delays or inner loops"));
    }
    let kept: Vec<Kept> = kept(&state, fields);
    let planes = |name: &str| (0..outputs).map(|n| format!("{name}{n}")).collect::<Vec<_>>();
    let mut out = format!(
        "/// Voices that are computed side by side.\npub(in crate::machine) const LANES: usize = {lanes};\n\n\
         /// What so many voices keep from frame to frame.\n#[derive(Clone, Default)]\n\
         pub(in crate::machine) struct {class}Lanes {{\n"
    );
    for Kept { name, kind, .. } in kept.iter().filter(|kept| kept.lasts) {
        out.push_str(&format!("{name}: [{kind}; LANES],\n"));
    }
    out.push_str(&format!(
        "}}\n\ncrate::dsp::simd::by_level! {{\n\
         /// So many frames of all voices as the shortest plane has, with inputs that are held.\n\
         pub(in crate::machine) fn lanes(level; shared: &{class}, state: &mut {class}Lanes, \
         inputs: &[[f32; LANES]; {inputs}], outputs: [&mut [[f32; LANES]]; {outputs}]) {{\n"
    ));
    for (local, field, _) in state.elements().filter(|(_, _, written)| !written) {
        out.push_str(&format!("let {local} = {};\n", field.replace("self.", "shared.")));
    }
    for Kept { name, .. } in kept.iter().filter(|kept| kept.lasts) {
        out.push_str(&format!("let mut {name} = state.{name};\n"));
    }
    out.push_str(&format!("let [{}] = outputs;\n", planes("outputs").join(", ")));
    let frames: Vec<_> = planes("outputs").iter().map(|plane| format!("{plane}.len()")).collect();
    let least = frames.iter().skip(1).fold(frames[0].clone(), |least, plane| format!("{least}.min({plane})"));
    out.push_str(&format!("let frames = {least};\nfor frame in 0..frames {{\n"));
    for heard in planes("heard") {
        out.push_str(&format!("let mut {heard} = [0.0f32; LANES];\n"));
    }
    out.push_str("for lane in 0..LANES {\n");
    for n in (0..inputs).filter(|n| uses_word(&text, &format!("input{n}"))) {
        out.push_str(&format!("let input{n} = &inputs[{n}][lane];\n"));
    }
    for n in 0..outputs {
        out.push_str(&format!("let output{n} = &mut heard{n}[lane];\n"));
    }
    for Kept { name, kind, .. } in kept.iter().filter(|kept| !kept.lasts) {
        out.push_str(&format!("let mut {name}: {kind};\n"));
    }
    out.push_str(&indexed(&state.replace(&text), &kept));
    out.push_str("\n}\n");
    for n in 0..outputs {
        out.push_str(&format!("outputs{n}[frame] = heard{n};\n"));
    }
    out.push_str("}\n");
    for Kept { name, .. } in kept.iter().filter(|kept| kept.lasts) {
        out.push_str(&format!("state.{name} = {name};\n"));
    }
    out.push_str("}\n}\n");
    Ok(out)
}

/// An element of a state array.
struct Kept {
    /// As a local: `fRec0_1`.
    name: String,
    kind: &'static str,
    /// Whether the next frame reads it; the first of an array is written anew before.
    lasts: bool,
}

fn kept(state: &Hoisted, fields: &[&str]) -> Vec<Kept> {
    let integer = |local: &str| {
        let field = local.rsplit_once('_').map_or(local, |(field, _)| field);
        fields.iter().any(|line| line.trim().starts_with(&format!("{field}: [i32")))
    };
    let written = state.elements().filter(|(_, _, written)| *written);
    written
        .map(|(name, _, _)| Kept {
            kind: if integer(&name) { "i32" } else { "f32" },
            lasts: !name.ends_with("_0"),
            name,
        })
        .collect()
}

/// Whether a name stands in a text by itself.
fn uses_word(text: &str, word: &str) -> bool {
    text.split(word).skip(1).any(|rest| !rest.starts_with(kernel::is_word))
}

/// Names that last, followed by the index of the lane.
fn indexed(body: &str, kept: &[Kept]) -> String {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let start = rest.find(kernel::is_word).unwrap_or(rest.len());
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let (word, after) = rest.split_at(rest.find(|c| !kernel::is_word(c)).unwrap_or(rest.len()));
        out.push_str(word);
        if kept.iter().any(|kept| kept.lasts && kept.name == word) {
            out.push_str("[lane]");
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lasts_from_frame_to_frame_gets_the_index_of_the_lane() {
        let fields = ["fRec0: [F32;2],", "iRec1: [i32;2],", "fSlow0: F32,"];
        let body = "self.iRec1[0] = 1; self.fRec0[0] = self.fSlow0 + self.fRec0[1]; self.fRec0[1] = \
                    self.fRec0[0]; self.iRec1[1] = self.iRec1[0];";
        let state = Hoisted::new(&fields, body);
        let kept = kept(&state, &fields);
        let lasting: Vec<_> = kept.iter().filter(|k| k.lasts).map(|k| (k.name.as_str(), k.kind)).collect();
        assert_eq!(lasting, [("fRec0_1", "f32"), ("iRec1_1", "i32")]);
        assert_eq!(
            indexed(&state.replace(body), &kept),
            "iRec1_0 = 1; fRec0_0 = fSlow0 + fRec0_1[lane]; fRec0_1[lane] = fRec0_0; iRec1_1[lane] = iRec1_0;"
        );
        assert!(uses_word("*input1 + 2", "input1") && !uses_word("*input10", "input1"));
    }
}
