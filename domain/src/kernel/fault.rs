//! Faults: what is wrong with values that somebody typed, all of them at once.
//!
//! A fault is about a value and can be mended by typing another one; a *refusal* (each module has its own enum) is
//! about the state of things and cannot. The pointer is a JSON pointer relative to the value being built, because the
//! fields of a form and of a request body have the same names here.

/// One wrong value: where it stands and which rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `/title`, `/items/2/amount_fen`; empty for the value as a whole.
    pub pointer: String,
    /// A stable snake_case word for the broken rule.
    pub code: &'static str,
}

/// Gathers faults while a value is being built, so that a person is told all of them in one answer.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, pointer: impl Into<String>, code: &'static str) {
        self.0.push(Fault { pointer: pointer.into(), code });
    }

    /// Notes the rule as broken unless it holds.
    pub fn require(&mut self, holds: bool, pointer: &str, code: &'static str) {
        if !holds {
            self.add(pointer, code);
        }
    }

    /// Keeps the value, or notes why there is none.
    pub fn take<T, E: Into<&'static str>>(&mut self, pointer: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|fault| self.add(pointer, fault.into())).ok()
    }

    /// The value, if it could be built and nothing was noted.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Vec<Fault>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}
