//! What is answered now: it changes when another run takes the place of the one that is served.

use std::convert::Infallible;
use std::sync::{Arc, RwLock};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

/// The routes of the run that is served.
#[derive(Clone)]
pub struct CurrentRouter(Arc<RwLock<Router>>);

impl CurrentRouter {
    pub fn new(router: Router) -> Self {
        CurrentRouter(Arc::new(RwLock::new(router)))
    }

    /// Requests that come from now on are answered by these.
    pub fn replace(&self, router: Router) {
        *self.0.write().expect("no one panics with it") = router;
    }

    /// Answers each request by the routes that there are when it comes.
    pub fn router(&self) -> Router {
        let current = self.clone();
        let answer = move |request: Request| {
            let router = current.0.read().expect("no one panics with it").clone();
            async move {
                let answer = TowerToHyperService::new(router).call(request).await;
                answer as Result<Response, Infallible>
            }
        };
        Router::new().fallback(answer)
    }
}
