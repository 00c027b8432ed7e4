//! What another process is asked to do, and a definition that it has to find as this one does.

use std::path::{Path, PathBuf};

use super::asks::{Answered, Ask, News, RefusedChange, WrittenDefinition};
use super::control::{Control, ENDED, refused};
use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use super::followers::ToFirst;

impl Control {
    /// A definition's path as the running one has its own, where both lie in one folder: paths in them are then told
    /// alike.
    pub(crate) fn beside(&self, path: &Path) -> PathBuf {
        let known = self.definition().path().to_owned();
        match path.file_name() {
            Some(name) if folder(&known) == folder(path) => known.with_file_name(name),
            _ => path.to_owned(),
        }
    }

    /// Has the first process do what is asked for; `None`: this one is it.
    pub(super) fn ask_first(
        &self,
        what: impl FnOnce() -> Ask,
        told: &dyn Fn(&str),
    ) -> Option<Result<Answered, EngineError>> {
        let peers = self.peers().filter(|_| self.follows())?;
        if let Err(error) = self.running() {
            return Some(Err(error));
        }
        let (ask, news) = self.asks().begin();
        peers.say(0, ToFirst::Ask { ask, what: what() });
        loop {
            match news.recv() {
                Ok(News::Told(text)) => told(&text),
                Ok(News::Answered(answer)) => return Some(answer.map_err(EngineError::from)),
                Err(_) => return Some(refused(Unchanged::Ending, ENDED)),
            }
        }
    }

    /// A definition, for another process to read.
    pub(super) fn written(&self, definition: &Definition) -> WrittenDefinition {
        let path = definition.path();
        let is_beside = folder(path) == folder(self.definition().path());
        let name = path.file_name().unwrap_or_default().into();
        let folder = folder(path).filter(|_| !is_beside);
        WrittenDefinition { text: definition.text().to_owned(), name, folder }
    }

    /// A definition that another process has written.
    pub(super) fn read(&self, written: &WrittenDefinition) -> Result<Definition, RefusedChange> {
        let path = match &written.folder {
            Some(folder) => folder.join(&written.name),
            None => self.definition().path().with_file_name(&written.name),
        };
        let failed = |why| RefusedChange { because: Unchanged::Failed, why };
        Definition::parse(&written.text, path).map_err(|error| failed(error.to_string()))
    }
}

fn folder(path: &Path) -> Option<PathBuf> {
    std::path::absolute(path).ok()?.parent().map(Path::to_owned)
}
