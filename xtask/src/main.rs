//! Developer commands: `cargo xtask bundle|demo|bounce|test|faust`.
fn main() {
    if let Err(error) = nice_plug_xtask::main() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}
