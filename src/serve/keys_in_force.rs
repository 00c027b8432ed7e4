//! The keys that there are now: those in files are read anew when the files change, so that a key is given or taken back
//! while a run goes on.
//!
//! A change counts once it was seen twice alike: a file that is written anew is empty for a moment. What does not do
//! changes nothing, and the log says what is wrong with it, once.
//!
//! Keys are kept as hashes, and all of them are compared in constant time.

use std::sync::Arc;
use std::time::Duration;

use subtle::{Choice, ConstantTimeEq};
use tokio::sync::watch;

use crate::plan::{KeyHash, Keys, StatedKeys};

/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(1);

/// Whether a key is among these; however many there are, all are looked at.
pub fn is_among<'a>(stated: &KeyHash, keys: impl Iterator<Item = &'a KeyHash>) -> Choice {
    keys.fold(Choice::from(0), |found, key| found | key.0.ct_eq(&stated.0))
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Read,
    Write,
    Admin,
}

/// What a key is for, if there is such a key: the most that it opens.
fn kind_of(keys: &Keys, stated: &KeyHash) -> Option<KeyKind> {
    let is_admin = is_among(stated, keys.admin.iter());
    let reads = is_among(stated, keys.read.iter());
    let writes = is_among(stated, keys.write.iter().map(|(_, key)| key));
    let kinds = [(is_admin, KeyKind::Admin), (reads, KeyKind::Read), (writes, KeyKind::Write)];
    kinds.into_iter().find_map(|(is, kind)| bool::from(is).then_some(kind))
}

#[derive(Debug)]
pub struct KeysInForce {
    stated: StatedKeys,
    now: watch::Sender<Arc<Keys>>,
}

impl KeysInForce {
    /// Reads the files.
    ///
    /// # Errors
    /// If they do not do.
    pub fn load(stated: &StatedKeys) -> Result<Arc<Self>, String> {
        let now = watch::channel(Arc::new(stated.keys()?)).0;
        Ok(Arc::new(KeysInForce { stated: stated.clone(), now }))
    }

    /// Whether nothing is done without a key: also where there is none any more.
    pub fn are_wanted(&self) -> bool {
        self.stated.are_any()
    }

    pub fn now(&self) -> Arc<Keys> {
        Arc::clone(&self.now.borrow())
    }

    /// What a key is for, if there is such a key.
    pub fn kind_of(&self, stated: &KeyHash) -> Option<KeyKind> {
        kind_of(&self.now.borrow(), stated)
    }

    /// Waits until who reads by this key may read no longer.
    pub async fn taken_back(&self, key: Option<KeyHash>) {
        let reads = |keys: &Keys| {
            let kind = key.and_then(|key| kind_of(keys, &key));
            matches!(kind, Some(KeyKind::Read | KeyKind::Admin))
        };
        match self.are_wanted() {
            // It fails when nobody is left who changes them.
            true => drop(self.now.subscribe().wait_for(|keys| !reads(keys)).await),
            false => std::future::pending().await,
        }
    }

    /// Looks again and again whether the files have changed.
    pub async fn follow(self: Arc<Self>) {
        if !self.stated.have_files() {
            return;
        }
        let mut last = Ok(Keys::clone(&self.now()));
        let mut told = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let stated = self.stated.clone();
            let read = tokio::task::spawn_blocking(move || stated.keys()).await;
            let read = read.expect("nothing in it panics");
            if read == last {
                match &read {
                    Ok(keys) if **self.now.borrow() != *keys => {
                        self.now.send_replace(Arc::new(keys.clone()));
                        tracing::info!("the keys are now those of the changed files");
                    }
                    Err(why) if told.as_ref() != Some(why) => {
                        tracing::warn!("the keys stay what they were: {why}");
                        told = Some(why.clone());
                    }
                    _ => {}
                }
            }
            if read.is_ok() {
                told = None;
            }
            last = read;
        }
    }
}
