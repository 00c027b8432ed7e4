//! What a type of source is: how it opens, describes itself and says where a row stood.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::SourceError;
use super::outlet::{Chunks, SharedState, SourceOptions};
use super::posts::Posts;
use crate::plan::{Connector, Plan};

/// A type of source.
pub struct ConnectorType {
    /// How a definition names it; `None` where another type's words may mean it, or none.
    pub said: Option<ConnectorWords>,
    /// Finds what the sources of this type read, and looks into it; `None` if there is no such source.
    /// Nothing is read yet. Whatever is wrong is noted.
    pub open: OpenInflow,
}

type OpenInflow = fn(&Arc<Plan>, &SourceOptions, &mut Vec<SourceError>) -> Option<Box<dyn Inflow>>;

type ReadSettings = fn(&Settings<'_>, &mut Vec<SettingsFault>) -> Option<Arc<dyn Connector>>;

/// The words of a definition that name a type of source.
pub struct ConnectorWords {
    /// The field of a source.
    pub field: &'static str,
    /// The field with its value.
    pub example: &'static str,
    /// Whatever is wrong is noted.
    pub read: ReadSettings,
}

/// What a definition says of a source's connector.
pub struct Settings<'a> {
    /// What the definition says, in the shape that the fields' table gives; what is absent is left out.
    pub value: &'a Value,
    /// Such as `source 'web'`.
    pub what: &'a str,
    /// The definition's, in which relative paths begin.
    pub folder: &'a Path,
}

/// What is wrong with settings.
pub struct SettingsFault {
    /// Where in the value, as a JSON pointer: `/topic`; empty for the field itself.
    pub pointer: String,
    pub message: String,
}

/// The sources of one type, found and looked into.
pub trait Inflow: Send {
    /// Starts reading, by threads that hand chunks over through bounded channels: gives each worker what it
    /// takes chunks from, where it has anything to take.
    fn start(self: Box<Self>, shared: &SharedState) -> Result<Vec<Option<Chunks>>, SourceError>;

    /// The files that it reads, with their sources' names: nothing may write to them meanwhile.
    fn files(&self) -> Vec<(&str, &Path)> {
        Vec::new()
    }

    /// The source, and its glob, that would take a file of this path for one of its own. The path is
    /// resolved.
    fn would_read(&self, _path: &Path) -> Option<(&str, &str)> {
        None
    }

    /// Where rows are posted to, of sources that are fed so.
    fn posts(&self) -> Option<Posts> {
        None
    }

    /// How many bytes there are to read in this process, where that is known and is the end.
    fn bytes(&self) -> Option<u64> {
        None
    }
}
