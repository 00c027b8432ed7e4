//! What is served over HTTP.

/// Where a run is asked and posted to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpServing {
    /// An address and a port; `None`: nowhere, unless the command says so.
    pub listen: Option<String>,
}
