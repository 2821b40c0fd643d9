//! The settings in a model folder's `config.json`.

use crate::{LoadError, Weights};
use serde_json::{Map, Value};

/// The settings of one model. A setting that is absent has the default that the model's reference code gives it.
pub(crate) struct Settings<'a> {
    source: &'a str,
    all: &'a Map<String, Value>,
}

impl<'a> Settings<'a> {
    /// The settings beside the tensors, if there are any.
    ///
    /// # Errors
    /// When `config.json` is something else than an object.
    pub(crate) fn beside(weights: &'a Weights) -> Result<Option<Self>, LoadError> {
        match weights.config() {
            None => Ok(None),
            Some(Value::Object(all)) => Ok(Some(Self { source: weights.source(), all })),
            Some(_) => Err(LoadError::Config {
                source_name: weights.source().to_owned(),
                reason: "config.json is not an object with settings".to_owned(),
            }),
        }
    }

    /// A count of at least one.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn count(&self, name: &str, default: usize) -> Result<usize, LoadError> {
        match self.all.get(name) {
            None => Ok(default),
            Some(value) => positive(value).ok_or_else(|| self.wrong(name, "a whole number above 0 is needed")),
        }
    }

    /// A count, or a list of them.
    ///
    /// # Errors
    /// When it is something else, or an empty list.
    pub(crate) fn counts(&self, name: &str, default: usize) -> Result<Vec<usize>, LoadError> {
        let found = match self.all.get(name) {
            None => return Ok(vec![default]),
            Some(Value::Array(values)) if !values.is_empty() => values.iter().map(positive).collect(),
            Some(value) => positive(value).map(|it| vec![it]),
        };
        found.ok_or_else(|| self.wrong(name, "a whole number above 0, or a list of them, is needed"))
    }

    /// A finite number; `default` where it is absent or null.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn number(&self, name: &str, default: f64) -> Result<f64, LoadError> {
        match self.all.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_f64().filter(|it| it.is_finite()).ok_or_else(|| self.wrong(name, "a number is needed")),
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, LoadError> {
        match self.all.get(name) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.wrong(name, "true or false is needed")),
        }
    }

    /// Says that a count agrees with the tensors, where it is set.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn agree(&self, name: &str, found: usize) -> Result<(), LoadError> {
        let said = self.counts(name, found)?;
        if said.iter().all(|it| *it == found) {
            return Ok(());
        }
        Err(self.wrong(name, &format!("the tensors say {found}")))
    }

    /// Says that a setting, where it is set, has one of the values that are supported. `null` stands for absent.
    ///
    /// # Errors
    /// When it has another.
    pub(crate) fn only(&self, name: &str, supported: &[Value]) -> Result<(), LoadError> {
        let Some(value) = self.all.get(name) else { return Ok(()) };
        let parts = match value {
            Value::Array(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        if parts.iter().all(|part| part.is_null() || supported.iter().any(|it| same(it, part))) {
            return Ok(());
        }
        let supported: Vec<String> = supported.iter().map(Value::to_string).collect();
        let needed = if supported.is_empty() {
            "this is not supported".to_owned()
        } else {
            format!("supported: {}", supported.join(", "))
        };
        Err(self.wrong(name, &needed))
    }

    /// Says that nothing is set that `known` does not name. Names that begin with `_` are notes, `null` and `false` turn nothing on.
    ///
    /// # Errors
    /// When something is.
    pub(crate) fn nothing_but(&self, known: &[&str]) -> Result<(), LoadError> {
        for (name, value) in self.all {
            let off = matches!(value, Value::Null | Value::Bool(false));
            if !off && !name.starts_with('_') && !known.contains(&name.as_str()) {
                return Err(self.wrong(name, "this setting is not known"));
            }
        }
        Ok(())
    }

    fn wrong(&self, name: &str, needed: &str) -> LoadError {
        let value = self.all.get(name).unwrap_or(&Value::Null);
        let reason = format!("`{name}` in config.json is {value}: {needed}");
        LoadError::Config { source_name: self.source.to_owned(), reason }
    }
}

fn positive(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok().filter(|it| *it > 0)
}

/// Equality that does not tell 1 from 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
