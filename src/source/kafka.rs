//!
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::feed::{Options, Shared};
use super::{Chunk, SourceError};
use crate::spec::plan::Plan;

pub(super) struct Topics;

pub(super) fn open(_: &Arc<Plan>, _: &Options, _: &mut Vec<SourceError>) -> Option<Topics> {
    None
}

impl Topics {
    pub fn start(self, _: &Shared) -> Vec<Option<Receiver<Result<Chunk, SourceError>>>> {
        todo!()
    }
}
