//! How records become bytes and are read back from them: a format is an [`Encoder`], a file (or folder) of its
//! own, and a row in [`FORMATS`](super::formats::FORMATS).

use super::catalog::Catalog;
use super::record::Record;
use crate::plan::{Output, Plan, Publish};

/// A format of a stream of records, such as a file. Of one stream it is asked from the beginning on.
pub trait Encoder: Send {
    /// What comes before all records.
    fn head(&self, _names: &Catalog, _into: &mut Vec<u8>) {}

    fn encode(&mut self, record: &Record, names: &Catalog, into: &mut Vec<u8>);

    /// Reads back what stands at the beginning of `bytes`. Catalog that it does not know are learned.
    fn decode(&mut self, bytes: &[u8], names: &mut Catalog) -> Result<ReadBack, Unreadable>;
}

/// A format of single messages, such as those of a topic.
pub trait MessageEncoder: Send {
    fn encode(&mut self, record: &Record, names: &Catalog, into: &mut EncodedMessage);

    /// Reads a message of an output back.
    fn decode(
        &mut self,
        output: u16,
        message: &EncodedMessage,
        names: &mut Catalog,
    ) -> Result<Record, Unreadable>;
}

/// A record where key and value stand apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedMessage {
    pub key: String,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub merged_into: Option<String>,
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq)]
pub enum ReadBack {
    /// A record of so many bytes.
    Record(Record, usize),
    /// So many bytes that say nothing of any key, such as a header.
    Nothing(usize),
    /// The beginning of a record of which more has yet to come.
    Unfinished,
}

/// What keeps bytes from being a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// What a changelog holds, as far as formats have to know.
#[derive(Clone, Debug)]
pub struct Holding {
    pub output: u16,
    pub publish: Publish,
    /// Numbers of attributes, in their order.
    pub attributes: Vec<u16>,
}

impl Holding {
    pub fn of(plan: &Plan, output: &Output) -> Self {
        let number = plan.outputs.iter().position(|of| of.name == output.name);
        Holding {
            output: number.expect("an output of the plan") as u16,
            publish: output.publish,
            attributes: output.attributes.iter().map(|index| *index as u16).collect(),
        }
    }
}
