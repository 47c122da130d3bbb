//! What a peer says, as JSON, and what of it is read.

use alloy_primitives::{B256, Bytes, U64};
use alloy_rlp::Decodable;
use serde::Deserialize;
use serde_json::json;
use sluice_types::{ACCESS_LIST_BYTES_MAX, Certificate, Height, OrderedBlock};

use crate::{CERTIFICATE_BLOCKS_MAX, Error};

/// Most bytes of an ordered block: what an engine takes.
pub const BLOCK_BYTES_MAX: usize = 1 << 20;
/// Most bytes of a proof. That of a committee has less than 200.
pub const PROOF_BYTES_MAX: usize = 4 << 10;
/// Most bytes of a message: block, proof and access list in hexadecimal, and what is around them.
pub(crate) const MESSAGE_BYTES_MAX: usize = 2 * (BLOCK_BYTES_MAX + PROOF_BYTES_MAX + ACCESS_LIST_BYTES_MAX) + 4_096;
/// How much of a peer's own words is repeated.
const WORDS_CHARS_MAX: usize = 300;

/// A block as it came, with what is said to decide it.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) block: OrderedBlock,
    pub(crate) hash: B256,
    pub(crate) certificate: Certificate,
    /// What the peer says of what the block does. Nobody looks into it here.
    pub(crate) access_list: Option<Bytes>,
}

/// Something that a peer says.
#[derive(Debug)]
pub(crate) enum Said {
    /// The answer to the request.
    Subscribed,
    Block(Box<Arrived>),
}

#[derive(Deserialize)]
struct Envelope {
    result: Option<String>,
    error: Option<Refusal>,
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

#[derive(Deserialize)]
struct Params {
    result: Option<WireBlock>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBlock {
    height: U64,
    ordered: Bytes,
    certificate: WireCertificate,
    access_list: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCertificate {
    height: U64,
    block_hash: B256,
    scheme: U64,
    proof: Bytes,
}

/// The request for all blocks from a height on, with access lists.
pub(crate) fn request(from: Height) -> String {
    let params = json!(["certifiedBlocks", { "fromHeight": format!("{:#x}", from.0), "accessLists": true }]);
    json!({ "jsonrpc": "2.0", "id": 1, "method": "rollup_subscribe", "params": params }).to_string()
}

/// Reads a message. Errors: [`Error::Malformed`], [`Error::Refused`].
pub(crate) fn read(text: &str) -> Result<Said, Error> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| Error::Malformed(error.to_string()))?;
    match envelope {
        Envelope { error: Some(Refusal { message }), .. } => Err(Error::Refused(words(&message))),
        Envelope { params: Some(Params { error: Some(error), .. }), .. } => Err(Error::Refused(words(&error))),
        Envelope { params: Some(Params { result: Some(block), .. }), .. } => Ok(Said::Block(Box::new(arrived(block)?))),
        Envelope { result: Some(_), .. } => Ok(Said::Subscribed),
        _ => Err(Error::Malformed(format!("there is nothing in {}", words(text)))),
    }
}

fn arrived(WireBlock { height, ordered, certificate, access_list }: WireBlock) -> Result<Arrived, Error> {
    let bad = |reason: String| Error::Malformed(format!("height {height}: {reason}"));
    let block = block(&ordered).map_err(bad)?;
    if block.height.0 != height.to::<u64>() {
        return Err(bad(format!("the block says height {}", block.height)));
    }
    let certificate = certificate.read().map_err(bad)?;
    if let Some(bytes) = access_list.as_ref().map(|list| list.len()).filter(|bytes| *bytes > ACCESS_LIST_BYTES_MAX) {
        return Err(bad(format!("the access list has {bytes} bytes; at most {ACCESS_LIST_BYTES_MAX} are taken")));
    }
    Ok(Arrived { hash: block.hash(), block, certificate, access_list })
}

impl WireCertificate {
    fn read(self) -> Result<Certificate, String> {
        let (proof, scheme) = (self.proof.len(), self.scheme.to::<u64>());
        if proof > PROOF_BYTES_MAX {
            return Err(format!("the proof has {proof} bytes; at most {PROOF_BYTES_MAX} are taken"));
        }
        Ok(Certificate {
            height: Height(self.height.to()),
            block_hash: self.block_hash,
            scheme: scheme.try_into().map_err(|_| format!("there is no certificate scheme {scheme}"))?,
            proof: self.proof,
        })
    }
}

/// What `rollup_getCertificate` answers.
#[derive(Deserialize)]
pub(crate) struct WireProof {
    ordered: Vec<Bytes>,
    certificate: WireCertificate,
}

impl WireProof {
    pub(crate) fn read(self) -> Result<(Vec<OrderedBlock>, Certificate), Error> {
        let count = self.ordered.len();
        if count > CERTIFICATE_BLOCKS_MAX {
            return Err(Error::Malformed(format!("{count} blocks; at most {CERTIFICATE_BLOCKS_MAX} are taken")));
        }
        let blocks = self.ordered.iter().map(|ordered| block(ordered)).collect::<Result<_, _>>();
        Ok((blocks.map_err(Error::Malformed)?, self.certificate.read().map_err(Error::Malformed)?))
    }
}

/// A block of a bounded size.
fn block(ordered: &[u8]) -> Result<OrderedBlock, String> {
    let bytes = ordered.len();
    if bytes > BLOCK_BYTES_MAX {
        return Err(format!("the block has {bytes} bytes; at most {BLOCK_BYTES_MAX} are taken"));
    }
    decode_exact(ordered).map_err(|error| format!("the block does not decode: {error}"))
}

/// The block, if nothing follows it.
fn decode_exact(mut bytes: &[u8]) -> Result<OrderedBlock, alloy_rlp::Error> {
    let block = OrderedBlock::decode(&mut bytes)?;
    if bytes.is_empty() { Ok(block) } else { Err(alloy_rlp::Error::Custom("bytes follow it")) }
}

/// A peer's own words, as far as they fit a line of a log.
fn words(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_CHARS_MAX).collect()
}
