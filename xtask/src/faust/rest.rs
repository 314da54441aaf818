//! A second loop for the time in which no control is on its way.
//!
//! In: the compiler's loop. Out: the same loop with every control that glides at its target, and the condition under which both give
//! the same bits: each has arrived already, so it stays. Machines have up to two dozen controls and hardly ever move one; without them
//! frames overlap in the processor, and LLVM shuffles no state of theirs in and out of vectors.

use super::kernel::is_word;

/// A control that follows its target by one pole and lands on it: `desk.glide`.
#[derive(Debug, PartialEq, Eq)]
struct Glide<'a> {
    /// Its state.
    name: &'a str,
    target: &'a str,
    /// Distance from which on it lands.
    near: &'a str,
}

/// The loop at rest, and the condition; nothing where no control glides.
pub(super) fn resting(body: &str) -> Option<(String, String)> {
    let mut text = String::with_capacity(body.len());
    let mut arrived = Vec::new();
    for line in body.split_inclusive('\n') {
        let Some(Glide { name, target, near }) = glide(body, line) else {
            text.push_str(line);
            continue;
        };
        text.push_str(&format!("{name}[0] = {target};\n"));
        arrived.push(format!("{name}[1] == {target} && {near} >= 0.0"));
    }
    (!arrived.is_empty()).then(|| (text, arrived.join("\n&& ")))
}

/// What `line` of the loop does, if that is `state[0] = (if … near … {target} else {state[1] + …})`.
fn glide<'a>(body: &str, line: &'a str) -> Option<Glide<'a>> {
    let (name, rest) = line.trim().split_once("[0] = (if ")?;
    let (_, rest) = rest.split_once("((F32::abs(")?;
    let (distance, rest) = rest.split_once(") <= ")?;
    let (near, rest) = rest.split_once(") as i32) != 0 {")?;
    let (target, rest) = rest.split_once("} else {")?;
    let onwards = rest.starts_with(&format!("{name}[1] + ")) && rest.ends_with("});");
    let measured = body.contains(&format!("let mut {distance}: F32 = {target} - {name}[1];"));
    let kept = body.contains(&format!("{name}[1] = {name}[0];"));
    (onwards && measured && kept && [target, near].into_iter().all(is_held)).then_some(Glide {
        name,
        target,
        near,
    })
}

/// Whether it stays as it is throughout the loop.
fn is_held(value: &str) -> bool {
    let word = value.strip_prefix("self.").filter(|word| word.chars().all(is_word));
    word.is_some_and(|word| word.starts_with("fSlow") || word.starts_with("fConst"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "let mut fTemp0: F32 = self.fSlow0 - self.fRec2[1];\n";
    const GLIDE: &str = "self.fRec2[0] = (if iTemp1 | ((F32::abs(fTemp0) <= self.fSlow1) as i32) != 0 {self.fSlow0} else \
                         {self.fRec2[1] + self.fConst1 * fTemp0});\n";
    const TAIL: &str = "self.fRec2[1] = self.fRec2[0];\n";

    #[test]
    fn a_control_that_has_arrived_stays_at_its_target() {
        let (text, arrived) = resting(&format!("{HEAD}{GLIDE}{TAIL}")).unwrap();
        assert_eq!(text, format!("{HEAD}self.fRec2[0] = self.fSlow0;\n{TAIL}"));
        assert_eq!(arrived, "self.fRec2[1] == self.fSlow0 && self.fSlow1 >= 0.0");
    }

    #[test]
    fn what_only_looks_like_a_control_is_left_alone() {
        for (from, to) in [
            ("{self.fSlow0}", "{self.fSlow2}"),
            ("self.fSlow0", "fTemp7"),
            ("<= self.fSlow1", "<= fTemp3"),
            ("{self.fRec2[1] +", "{self.fRec3[1] +"),
            ("self.fRec2[1] = ", "self.fRec4[1] = "),
        ] {
            assert_eq!(resting(&format!("{HEAD}{GLIDE}{TAIL}").replace(from, to)), None, "{to}");
        }
    }
}
