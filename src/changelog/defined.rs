//! What a definition says of an output that is read back.

use std::sync::Arc;

use crate::plan::{Format, Output, Plan, Publish};
use crate::sink::{Catalog, Encoder, Holding, Record, encoder};

/// Takes a record, with the names that it speaks of.
pub type TakeRecord<'a> = dyn FnMut(&Record, &Catalog) + 'a;

#[derive(Clone, Debug)]
pub struct Defined {
    pub name: String,
    pub publish: Publish,
    /// Profiles of some people only, or with some of the attributes only.
    pub is_variant: bool,
    pub catalog: Arc<Catalog>,
    pub holding: Holding,
    format: Format,
}

impl Defined {
    pub fn new(plan: &Plan, output: &Output, catalog: &Arc<Catalog>) -> Self {
        let Output { name, publish, format, condition, attributes, .. } = output;
        Defined {
            name: name.clone(),
            publish: *publish,
            is_variant: condition.is_some() || attributes.len() < plan.attributes.len(),
            catalog: Arc::clone(catalog),
            holding: Holding::of(plan, output),
            format: *format,
        }
    }

    /// What reads its format.
    pub fn encoder(&self) -> Box<dyn Encoder> {
        encoder(self.format, &self.holding, &self.catalog)
    }
}
