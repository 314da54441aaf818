//! The licences of the Faust libraries that went into a machine.
//!
//! In: the `declare` calls of the compiler's `metadata`. Out: `docs/THIRD_PARTY.md`, or an error for a licence that is
//! unknown or would bind the compiled code.

use super::FaustError;
use super::source::Generated;
use super::table;
use super::toolchain::FAUST_VERSION;
use std::collections::BTreeMap;

/// Licences whose compiled code may be shipped under MIT OR Apache-2.0.
const ALLOWED: &[&str] = &[
    "MIT OR Apache-2.0",
    "MIT",
    "BSD-3-Clause",
    "ISC",
    "LicenseRef-STK-4.3",
    "LicenseRef-LGPL-2.1-or-later-with-Faust-exception",
];

/// Libraries that declare no licence; read from their headers, in the version named.
const READ_FROM_HEADER: &[(&str, &str, &str)] =
    &[("platform.lib", "1.3.0", "LicenseRef-LGPL-2.1-or-later-with-Faust-exception")];

/// One library, or function of one, and its terms.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Origin {
    pub(super) library: String,
    pub(super) version: String,
    pub(super) author: String,
    pub(super) licence: String,
}

/// Reads `m.declare(key, value)` lines and refuses what is not allowed. The machine's own declarations come first.
pub(super) fn gather(machine: &str, body: &[&str]) -> Result<Vec<Origin>, FaustError> {
    let mut declared: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for line in body {
        let Some(call) = line.trim().strip_prefix("m.declare(") else { continue };
        let call = call.strip_suffix(");").unwrap_or(call).replace(", r\"", ", \"");
        if let [key, value] = table::arguments(&call).as_slice() {
            let (of, key) = key.rsplit_once(['/', ':']).unwrap_or(("", key));
            let key = key.replace("licence", "license");
            declared.entry(of.to_owned()).or_default().insert(key, value.clone());
        }
    }
    // Functions without terms of their own have their library's.
    declared.retain(|of, keys| !of.contains([':', '/']) || keys.contains_key("license"));
    declared.into_iter().map(|(of, keys)| origin(machine, of, &keys)).collect()
}

fn origin(machine: &str, of: String, keys: &BTreeMap<String, String>) -> Result<Origin, FaustError> {
    let key = |name: &str| keys.get(name).cloned().unwrap_or_default();
    let version = key("version");
    let from_header = READ_FROM_HEADER.iter().find(|(name, read, _)| *name == of && *read == version);
    let licence = keys.get("license").map(String::as_str).or(from_header.map(|(_, _, licence)| *licence));
    let library = if of.is_empty() { "its own source".to_owned() } else { of };
    match licence {
        Some(licence) if ALLOWED.contains(&licence) => {
            Ok(Origin { library, version, author: key("author"), licence: licence.to_owned() })
        }
        other => Err(FaustError::Licence {
            machine: machine.to_owned(),
            library,
            licence: other.unwrap_or("not declared").to_owned(),
        }),
    }
}

/// The crate that sounds in AdLib songs is part of the plugin as the machines are.
const OPL_CHIP: &str = "
## The chip of AdLib songs

| crate | version | author | licence |
|---|---|---|---|
| oplon | 1.0.0 | Sébastien Béchet | MIT |

Chosen among the OPL emulators on crates.io: the Nuked-OPL3 ports and bindings (nuked-opl3, opl3-rs) are LGPL and run
all 36 operators of a chip that plays one channel, opl-emu is GPL, ymfm-sys (BSD-3-Clause) needs a C++ compiler. Over
72 notes of random instruments oplon kept closer to Nuked-OPL3 than ymfm did (median of the worst octave 0.12 dB
against 0.46 dB) and took 1.1 ms for a second of one channel, ymfm 2.2 ms, Nuked-OPL3 9.6 ms.
";

/// What ears hear is derived from measurements that are free for any use, provided the authors are cited.
const MEASURED_HEAD: &str = "
## The head that hears space

`src/space/kemar.bin` and `src/space/measured.rs` are derived by `cargo xtask hrir` from the measurements of a KEMAR
dummy head by Bill Gardner and Keith Martin, MIT Media Lab, 1994 (Copyright 1994 by the MIT Media Laboratory), as
Debian's package `libmysofa1` has them (`MIT_KEMAR_normal_pinna.sofa`). They are provided free with no restrictions on
use, provided the authors are cited when the data is used in any research or commercial application.
";

/// The whole of `docs/THIRD_PARTY.md`.
pub(super) fn document(machines: &[Generated]) -> String {
    let mut text = format!(
        "# Third-party code in the machines\n\n\
         Written by `cargo xtask faust`; do not edit. The machines are generated from Faust sources with Faust \
         {FAUST_VERSION}.\nTheir own sources are under Busker's licence. What they use of the Faust libraries:\n\n\
         | machine | from | version | author | licence |\n|---|---|---|---|---|\n"
    );
    for machine in machines {
        for origin in &machine.origins {
            let Origin { library, version, author, licence } = origin;
            text.push_str(&format!("| {} | {library} | {version} | {author} | {licence} |\n", machine.name));
        }
    }
    text.push_str(
        "\n`LicenseRef-LGPL-2.1-or-later-with-Faust-exception` frees the compiled code: a program that imports the \
         library may be\ndistributed, as generated or modified code, under any licence. `LicenseRef-STK-4.3` is the \
         permissive licence of the\nSynthesis ToolKit 4.3.\n",
    );
    text.push_str(OPL_CHIP);
    text.push_str(MEASURED_HEAD);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(key: &str, value: &str) -> String {
        format!("\t\tm.declare(\"{key}\", r\"{value}\");")
    }

    #[test]
    fn allowed_licences_are_gathered_with_version_and_author() {
        let lines = [
            declared("license", "MIT OR Apache-2.0"),
            declared("filters.lib/lowpass:license", "LicenseRef-STK-4.3"),
            declared("filters.lib/lowpass:author", "Julius O. Smith III"),
            declared("filters.lib/license", "MIT"),
            declared("filters.lib/version", "1.7.1"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let origins = gather("test", &lines).unwrap();
        assert_eq!(origins.len(), 3);
        assert_eq!((origins[1].library.as_str(), origins[1].version.as_str()), ("filters.lib", "1.7.1"));
        assert_eq!(origins[2].author, "Julius O. Smith III");
    }

    #[test]
    fn gpl_misspelt_or_absent_licences_are_refused() {
        for line in [
            declared("compressors.lib/limiter:license", "GPL-3.0-only"),
            declared("signals.lib/licence", "AGPL-3.0"),
            declared("delays.lib/version", "1.1.0"),
            declared("platform.lib/version", "9.9.9"),
        ] {
            assert!(matches!(gather("test", &[&line]), Err(FaustError::Licence { .. })), "{line}");
        }
    }
}
