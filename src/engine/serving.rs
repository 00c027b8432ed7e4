//! What a run tells those who ask over HTTP: records of an output that tells all of everybody become what is published.

use std::sync::Arc;

use crate::plan::Plan;
use crate::runtime::RunOptions;
use crate::serve::{Published, PublishingObserver, ServeError, ServedPlan};
use crate::sink::Observer;

/// What is published of a run, and who sees its records for it.
pub struct Serving {
    pub published: Arc<Published>,
    pub observer: Arc<dyn Observer>,
}

impl Serving {
    /// A plan with what is published of it beside its outputs, and what is in the first process.
    pub fn of(plan: Plan, options: &RunOptions) -> Result<(Arc<Plan>, Option<Self>), ServeError> {
        let served = ServedPlan::new(plan, options.hosts.len());
        let plan = Arc::clone(&served.plan);
        if options.process > 0 {
            return Ok((plan, None));
        }
        let published = Arc::new(Published::new(&plan));
        let observer = Arc::new(PublishingObserver::start(&served, Arc::clone(&published))?);
        Ok((plan, Some(Serving { published, observer })))
    }
}
