use super::*;
use crate::engine::table;
use crate::machine::MachineKind;
use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::PathBuf;

/// The framework's own hash of a parameter's id: 31 bits that hosts keep in their projects.
fn framework_hash(id: &str) -> u32 {
    id.bytes().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) & !(1 << 31)
}

struct NoRack;

impl RackStore for NoRack {
    fn control_in(&self, strip: usize, slot: usize, control: usize) -> Option<MachineParameter> {
        let parameters = (strip == 0 && slot == 0).then(|| MachineKind::Reverb.parameters());
        parameters?.get(control).copied()
    }

    fn instrument_in(&self, slot: usize) -> Option<InstrumentKind> {
        (slot == 2).then_some(InstrumentKind::Poly)
    }

    fn save(&self) -> String {
        "a rack".to_owned()
    }

    fn restore(&self, _: String) {}
}

fn params() -> (BuskerParams, Arc<ParameterValues>) {
    let table: Arc<[ParameterSpec]> = table().into();
    let values = Arc::new(ParameterValues::new(&table));
    (BuskerParams::new(table, &values, Arc::new(NoRack)), values)
}

#[test]
fn no_two_ids_have_one_hash() {
    let mut seen = HashMap::new();
    for spec in table() {
        assert!(spec.id.len() <= 6, "{} is too long", spec.id);
        if let Some(other) = seen.insert(framework_hash(&spec.id), spec.id.clone()) {
            panic!("{other} and {} have one hash", spec.id);
        }
    }
}

/// Rewritten by `BUSKER_WRITE_LOCK=1 cargo test params`; until the mixing desk is complete, then only appended to.
#[test]
fn the_lock_file_holds_every_id_in_order() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/params/params.lock");
    let now: String = table().iter().map(|spec| format!("{}\t{}\n", spec.id, spec.full_name())).collect();
    if env::var_os("BUSKER_WRITE_LOCK").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let locked = fs::read_to_string(&path).unwrap();
    for (line, (locked, now)) in locked.lines().zip(now.lines()).enumerate() {
        assert_eq!(locked, now, "line {} of params.lock has moved", line + 1);
    }
    assert_eq!(locked.lines().count(), now.lines().count(), "params.lock is not complete");
}

#[test]
fn every_parameter_starts_at_the_tables_default_and_tells_the_engine_exactly() {
    let (params, values) = params();
    for (index, spec) in table().iter().enumerate() {
        let default = params.normalised(index);
        let away = if default < 0.5 { 1.0 } else { 0.0 };
        params.take(index, away);
        assert_eq!(values.get(index), spec.kind.plain(away), "{}", spec.id);
        params.take(index, default);
        assert_eq!(values.get(index), spec.kind.default_value(), "{}", spec.id);
    }
}

#[test]
fn a_macros_text_names_what_it_moves() {
    let (params, _) = params();
    let index = |slot| {
        let target = Target::InsertMacro { strip: 0, slot, control: 0 };
        table().iter().position(|spec| spec.target == target).unwrap()
    };
    let control = MachineKind::Reverb.parameters().first().unwrap();
    assert!(params.text(index(0)).starts_with(control.label), "{}", params.text(index(0)));
    assert_eq!(params.text(index(1)), "50.0 %");
    let of_instrument = |slot| {
        let target = Target::InstrumentMacro { slot, control: 5 };
        table().iter().position(|spec| spec.target == target).unwrap()
    };
    assert_eq!(params.text(of_instrument(2)), "Sustain 50.0 %");
    assert_eq!(params.text(of_instrument(3)), "50.0 %");
}

#[test]
fn the_rack_is_saved_as_one_field() {
    let (params, _) = params();
    let fields = params.serialize_fields();
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[RACK_FIELD], "\"a rack\"");
}

#[test]
fn a_host_moves_single_notes_in_space_by_parts_of_the_parameters_ranges() {
    for (target, wanted) in [
        (Target::KeyboardAzimuth, Modulation::Azimuth(-90.0)),
        (Target::KeyboardElevation, Modulation::Elevation(-45.0)),
        (Target::KeyboardDistance, Modulation::Distance(libm::powf(1000.0, -0.25))),
    ] {
        assert_eq!(modulation(modulation_id(target).unwrap(), -0.25), Some(wanted));
    }
    let ids: Vec<u32> = table().iter().filter_map(|spec| modulation_id(spec.target)).collect();
    assert_eq!(ids, [GAIN_MODULATION, TRANSPOSE_MODULATION, 3, 4, 5]);
}

/// The state of an instance whose editor had that size and zoom.
fn fields_of(size: [f64; 2], zoom: f32) -> BTreeMap<String, String> {
    let (params, _) = params();
    params.editor_view().resize(size);
    params.editor_view().set_zoom(zoom);
    params.serialize_fields()
}

#[test]
fn the_editor_opens_with_the_size_and_zoom_that_were_saved() {
    let (params, _) = params();
    let view = || (params.editor_view().size(), params.editor_view().zoom());
    params.deserialize_fields(&fields_of([1024.8, 600.0], 1.25));
    assert_eq!(view(), ([1024.8, 600.0], 1.25));
    // A state that says nothing of it, such as a preset, leaves it alone.
    params.deserialize_fields(&fields_of([1280.0, 720.0], 1.0));
    assert_eq!(view(), ([1024.8, 600.0], 1.25));
    assert_eq!(params.serialize_fields(), fields_of([1024.8, 600.0], 1.25));
}

#[test]
fn a_size_or_zoom_that_cannot_be_is_that_of_a_new_editor() {
    for (saved, size, zoom) in [
        (r#"{"size":[1000,10],"zoom":1.5}"#, [1000.0, 720.0], 1.5),
        (r#"{"size":[-1e300,900],"zoom":1000}"#, [1280.0, 900.0], 1.0),
        (r#"{"size":[1e300,700]}"#, [1280.0, 700.0], 1.0),
        (r#"{"zoom":2}"#, [1280.0, 720.0], 2.0),
        (r#"{"size":[null,1],"zoom":2}"#, [800.0, 600.0], 3.0),
        ("no view", [800.0, 600.0], 3.0),
    ] {
        let (params, _) = params();
        params.deserialize_fields(&fields_of([800.0, 600.0], 3.0));
        params.deserialize_fields(&[(EDITOR_FIELD.to_owned(), saved.to_owned())].into());
        assert_eq!((params.editor_view().size(), params.editor_view().zoom()), (size, zoom), "{saved}");
    }
}
