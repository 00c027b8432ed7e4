//! An engine that is watched: what it said last, and before that, and since when it has not answered, if it does not.

use selfsame::internals::time::Micros;

use super::samples::Samples;

/// What is known of an engine that is asked again and again.
pub struct WatchedEngine {
    pub before: Samples,
    pub now: Samples,
    /// Since when it has not answered, and why.
    pub away: Option<(Micros, String)>,
}

impl WatchedEngine {
    pub fn new(first: Samples) -> Self {
        WatchedEngine { before: first.clone(), now: first, away: None }
    }

    /// It was asked at an instant, and answered or did not: as while it is started again. What it said last stays.
    pub fn hear(&mut self, answer: Result<Samples, String>, at: Micros) {
        match answer {
            Ok(now) if self.away.take().is_some() => *self = WatchedEngine::new(now),
            Ok(now) => self.before = std::mem::replace(&mut self.now, now),
            Err(why) => {
                let since = self.away.take().map_or(at, |(since, _)| since);
                self.away = Some((since, why));
            }
        }
    }
}
