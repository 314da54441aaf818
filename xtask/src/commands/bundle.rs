//! `cargo xtask bundle busker --release`: builds and bundles both formats, through the framework's own bundler.

use clap::Args;

use crate::error::TaskError;

#[derive(Args)]
pub struct Arguments {
    /// The package, then arguments for `cargo build`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, default_value = "busker")]
    arguments: Vec<String>,
}

pub(super) fn run(arguments: Arguments) -> Result<(), TaskError> {
    bundle(arguments.arguments)
}

/// Bundles with these arguments; the first is the package.
pub(super) fn bundle(arguments: Vec<String>) -> Result<(), TaskError> {
    let all = std::iter::once("bundle".to_owned()).chain(arguments);
    nice_plug_xtask::main_with_args("cargo xtask", all)
        .map_err(|error| TaskError::Program(format!("{error:#}")))
}
