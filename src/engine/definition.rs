//! A definition that has been checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::definition::{self, DefinitionError, Diagnostic, Diagnostics};
use crate::plan::Plan;

/// A definition that has been read and checked: what [`Engine`](crate::Engine) runs.
///
/// `${NAME}` in it is taken from the environment. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct Definition {
    pub(super) plan: Arc<Plan>,
    warnings: Arc<Diagnostics>,
    text: Arc<str>,
    path: PathBuf,
}

impl Definition {
    /// Reads and checks a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// If the file can't be read, or with every mistake in it, each with its place and what would be right.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, DefinitionError> {
        let text = definition::read_text(path.as_ref())?;
        Definition::parse(&text, path)
    }

    /// Checks a text. Messages name it by `path`, which also gives it a name, unless it says one, and a folder
    /// in which its paths begin; there need be no such file.
    ///
    /// # Errors
    /// As [`Definition::load`].
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, DefinitionError> {
        let (plan, warnings) = definition::check_text(text, path.as_ref())?;
        let (plan, warnings, path) = (Arc::new(plan), Arc::new(warnings), path.as_ref().to_owned());
        let text = definition::with_keys_hashed(text).into();
        Ok(Definition { plan, warnings, text, path })
    }

    /// What is legal in it but hardly meant, such as a condition that no row can meet.
    pub fn check(&self) -> &[Diagnostic] {
        self.warnings.found()
    }

    /// What it does, in a few lines for people: what `selfsame check` prints.
    pub fn explain(&self) -> String {
        definition::explain(&self.plan)
    }

    /// The JSON Schema of definition files, for editors.
    pub fn schema() -> serde_json::Value {
        definition::schema()
    }

    /// Its text, where keys of `http` are as their hashes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name: what it says, or else its file's.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// The names of its sources.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.plan.sources.iter().map(|source| source.name.as_str())
    }

    /// The names of its attributes, in the order in which a [`Profile`](crate::Profile) has their values.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.plan.attributes.iter().map(|attribute| attribute.name.as_str())
    }

    /// The names of its segments.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.plan.segments.iter().map(|segment| segment.name.as_str())
    }

    /// The names of its outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.plan.outputs.iter().map(|output| output.name.as_str())
    }

    /// As [`Definition::check`], as `selfsame check` prints it.
    #[doc(hidden)]
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    #[doc(hidden)]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
}
