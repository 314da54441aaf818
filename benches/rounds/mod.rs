//! Which scenarios a bench is to run and how often, and the middle of what it measures.

/// What to measure.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    /// How much is rendered between two looks at the clock.
    pub(crate) amount: usize,
    names: Vec<String>,
}

impl Options {
    /// Rounds and amount of a bench and of a test: cargo gives `--bench` to benches. `--rounds` overrides the former.
    pub(crate) fn from_arguments(bench: (usize, usize), test: (usize, usize)) -> Self {
        let benches = std::env::args().any(|argument| argument == "--bench");
        let (rounds, amount) = if benches { bench } else { test };
        let mut options = Self { rounds, amount, names: Vec::new() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--rounds" => {
                    options.rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1)
                }
                name if !name.starts_with('-') => options.names.push(name.to_owned()),
                _ => {}
            }
        }
        options
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| name.contains(wanted.as_str()))
    }
}

/// The middle one, if there is any.
pub(crate) fn median(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}
