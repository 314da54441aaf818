//! The Faust user interface as a parameter table.
//!
//! In: the body of `build_user_interface_static`. Out: one entry per control, in the order of the interface, with the
//! path of groups and label; the control that `[host:tempo]` hands to the host; the one bargraph, if there is one. Indices
//! of the compiler hold for one generation only and stay inside this tool.

use super::FaustError;

/// One control of a machine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    /// The compiler's own index.
    pub(super) index: usize,
    /// Groups and label in lower case with underscores, or what `[id:…]` says.
    pub(super) path: String,
    pub(super) label: String,
    pub(super) unit: String,
    pub(super) min: f32,
    pub(super) max: f32,
    pub(super) default: f32,
    pub(super) step: f32,
    pub(super) logarithmic: bool,
    /// What values from 0 on are called, where they are no quantity.
    pub(super) choices: Vec<String>,
}

/// All that a machine shows.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Interface {
    /// Its controls.
    pub(super) parameters: Vec<Parameter>,
    /// The compiler's index of what the host's tempo moves.
    pub(super) tempo: Option<usize>,
    /// The compiler's index of the bargraph.
    pub(super) meter: Option<usize>,
}

/// Reads the calls on `ui_interface`.
pub(super) fn parse(machine: &str, body: &[&str]) -> Result<Interface, FaustError> {
    let mut groups: Vec<String> = Vec::new();
    let mut declared: Vec<(String, String)> = Vec::new();
    let mut interface = Interface::default();
    for line in body {
        let Some(call) = line.trim().strip_prefix("ui_interface.") else { continue };
        let unknown = || FaustError::Form { machine: machine.to_owned(), what: (*line).to_owned() };
        let (name, rest) = call.split_once('(').ok_or_else(unknown)?;
        let arguments = arguments(rest.strip_suffix(");").ok_or_else(unknown)?);
        match (name, arguments.as_slice()) {
            ("open_vertical_box" | "open_horizontal_box" | "open_tab_box", [label]) => {
                groups.push(label.clone())
            }
            ("close_box", _) => drop(groups.pop()),
            ("declare", [_, key, value]) => declared.push((key.clone(), value.clone())),
            ("add_button" | "add_check_button", [label, index]) => {
                declared.push(("style".to_owned(), "menu{'Off':0;'On':1}".to_owned()));
                let range = [0.0, 0.0, 1.0, 1.0];
                let parameter = parameter(&groups, &declared, label, (index, range));
                interface.parameters.push(parameter.ok_or_else(unknown)?);
                declared.clear();
            }
            (
                "add_horizontal_slider" | "add_vertical_slider" | "add_num_entry",
                [label, index, range @ ..],
            ) => {
                let range: Vec<f32> = range.iter().filter_map(|number| number.parse().ok()).collect();
                let range = range.try_into().map_err(|_| unknown())?;
                let parameter = parameter(&groups, &declared, label, (index, range)).ok_or_else(unknown)?;
                match declared.iter().find(|(key, _)| key == "host") {
                    None => interface.parameters.push(parameter),
                    Some((_, what)) if what == "tempo" => interface.tempo = Some(parameter.index),
                    Some(_) => return Err(unknown()),
                }
                declared.clear();
            }
            ("add_horizontal_bargraph" | "add_vertical_bargraph", [_, index, ..])
                if interface.meter.is_none() =>
            {
                interface.meter = Some(number_of(index).ok_or_else(unknown)?);
                declared.clear();
            }
            _ => return Err(unknown()),
        }
    }
    for (n, parameter) in interface.parameters.iter().enumerate() {
        if interface.parameters[..n].iter().any(|earlier| earlier.path == parameter.path) {
            let what = format!("two controls are called {}", parameter.path);
            return Err(FaustError::Form { machine: machine.to_owned(), what });
        }
    }
    Ok(interface)
}

/// The number in `ParamIndex(…)`.
fn number_of(index: &str) -> Option<usize> {
    index.strip_prefix("ParamIndex(")?.strip_suffix(')')?.parse().ok()
}

/// Names in `menu{'Off':0;'On':1}`, whose values must count from 0.
fn choices(style: &str) -> Option<Vec<String>> {
    let items = style.strip_prefix("menu{")?.strip_suffix('}')?;
    let choice = |(n, item): (usize, &str)| {
        let (name, value) = item.rsplit_once(':')?;
        let name = name.strip_prefix('\'')?.strip_suffix('\'')?;
        (value == n.to_string()).then(|| name.to_owned())
    };
    items.split(';').enumerate().map(choice).collect()
}

fn parameter(
    groups: &[String],
    declared: &[(String, String)],
    label: &str,
    (index, [default, min, max, step]): (&str, [f32; 4]),
) -> Option<Parameter> {
    let index = number_of(index)?;
    let metadata = |key: &str| declared.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone());
    // The outermost group is the machine itself.
    let inner = groups.iter().skip(1).map(String::as_str);
    let path = inner.chain([label]).map(slug).collect::<Vec<_>>().join("/");
    Some(Parameter {
        index,
        path: metadata("id").unwrap_or(path),
        label: label.to_owned(),
        unit: metadata("unit").unwrap_or_default(),
        min,
        max,
        default,
        step,
        logarithmic: metadata("scale").is_some_and(|scale| scale == "log"),
        choices: match metadata("style").filter(|style| style.starts_with("menu")) {
            Some(style) => choices(&style)?,
            None => Vec::new(),
        },
    })
}

/// "Low decay" as `low_decay`.
fn slug(label: &str) -> String {
    label.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// Splits at commas outside quotes; quotes are removed.
pub(super) fn arguments(text: &str) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => arguments.push(String::new()),
            _ => arguments.last_mut().into_iter().for_each(|last| last.push(c)),
        }
    }
    arguments.iter().map(|argument| argument.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slider_becomes_a_parameter_with_unit_and_scale() {
        let body = [
            "\t\tui_interface.open_vertical_box(\"Reverb\");",
            "\t\tui_interface.open_horizontal_box(\"Low end\");",
            "\t\tui_interface.declare(Some(ParamIndex(3)), \"scale\", \"log\");",
            "\t\tui_interface.declare(Some(ParamIndex(3)), \"unit\", \"s\");",
            "\t\tui_interface.add_horizontal_slider(\"Decay\", ParamIndex(3), 2.2, 0.2, 2e+01, 0.01);",
            "\t\tui_interface.close_box();",
            "\t\tui_interface.add_check_button(\"On, or off\", ParamIndex(0));",
            "\t\tui_interface.close_box();",
        ];
        let parameters = parse("test", &body).unwrap().parameters;
        let decay = Parameter {
            index: 3,
            path: "low_end/decay".to_owned(),
            label: "Decay".to_owned(),
            unit: "s".to_owned(),
            min: 0.2,
            max: 20.0,
            default: 2.2,
            step: 0.01,
            logarithmic: true,
            choices: Vec::new(),
        };
        assert_eq!(parameters[0], decay);
        assert_eq!((parameters[1].path.as_str(), parameters[1].unit.as_str()), ("on__or_off", ""));
        assert_eq!(parameters[1].choices, ["Off", "On"]);
    }

    #[test]
    fn menus_the_tempo_and_a_bargraph_are_told_apart_from_quantities() {
        let entry = |number: usize| {
            format!("ui_interface.add_num_entry(\"{number}\", ParamIndex({number}), 1, 0, 1, 1);")
        };
        let declare = |key: &str, value: &str| {
            format!("ui_interface.declare(Some(ParamIndex(0)), \"{key}\", \"{value}\");")
        };
        let read = |lines: &[String]| parse("test", &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let bar =
            "ui_interface.add_horizontal_bargraph(\"Reduction\", ParamIndex(9), 0.0, 6e+01);".to_owned();
        let menu = declare("style", "menu{'1/8 dotted':0;'Free':1}");
        let interface = read(&[menu, entry(4), declare("host", "tempo"), entry(5), bar.clone()]).unwrap();
        assert_eq!(interface.parameters.len(), 1);
        assert_eq!(interface.parameters[0].choices, ["1/8 dotted", "Free"]);
        assert_eq!((interface.tempo, interface.meter), (Some(5), Some(9)));
        assert!(read(&[declare("style", "menu{'a':0;'b':2}"), entry(4)]).is_err());
        assert!(read(&[declare("host", "weather"), entry(4)]).is_err());
        assert!(read(&[bar.clone(), bar]).is_err());
    }

    #[test]
    fn two_controls_with_one_path_are_refused() {
        let twice = ["ui_interface.add_button(\"A\", ParamIndex(0));"; 2];
        assert!(matches!(parse("test", &twice), Err(FaustError::Form { .. })));
    }

    #[test]
    fn an_unknown_call_is_refused() {
        assert!(parse("test", &["ui_interface.add_soundfile(\"a\", ParamIndex(0));"]).is_err());
    }
}
