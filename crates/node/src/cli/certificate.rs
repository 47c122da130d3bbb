//! `sluice certificate`: a light client for one block.

use std::{fmt, path::PathBuf, str::FromStr};

use alloy::{
    primitives::{Address, B256, U64, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sluice_feed::Proof;
use sluice_l1::RpcL1;
use sluice_types::{ChainConfig, Height, RollupSection};

use crate::{Error, SignedBy, Signers, config};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Ask any node for the certificate of a block or a transaction, and check it against L1. Fails when it does not hold. Believes
    /// the L1 endpoint, and nothing that the node says.
    Check(Check),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Number of an L2 block, or hash of an L2 transaction.
    #[arg(value_name = "HEIGHT|TXHASH")]
    of: Of,
    /// Chain config file.
    #[arg(long)]
    chain: PathBuf,
    /// JSON-RPC endpoint of a node of the rollup.
    #[arg(long, default_value = "http://127.0.0.1:9545")]
    rollup_rpc: String,
    /// JSON-RPC endpoint of L1.
    #[arg(long, env = "SLUICE_L1_RPC", default_value = "http://127.0.0.1:8545")]
    l1_rpc: String,
    /// Address of the sequencer, on a chain that one orders.
    #[arg(long)]
    sequencer: Option<Address>,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Block(u64),
    Transaction(B256),
}

impl FromStr for Of {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().map(Self::Block).ok();
        number.or_else(|| text.parse().map(Self::Transaction).ok()).ok_or_else(|| {
            format!("{text:?} is neither; give a block's number in decimal, or a transaction's hash: 0x and 64 digits")
        })
    }
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(number) => write!(f, "block {number}"),
            Self::Transaction(hash) => write!(f, "transaction {hash}"),
        }
    }
}

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(command: Command) -> Result<(), Error> {
    super::init_logs("warn");
    let Command::Check(options) = command;
    let chain = config::chain(&options.chain)?;
    let l1 = RpcL1::connect(&options.l1_rpc, None, chain.l1).await?;
    let signers = Signers::of(&l1, options.sequencer).await?;
    let node = Node::new(&options.rollup_rpc)?;
    let proof = node.proof(options.of).await?;
    let section = section(&proof, &chain, options.of)?;
    let signed = signers.check(proof.signed(), proof.certificate()).await;
    let signed = signed.map_err(|doubt| refused(options.of, &doubt))?;
    let facts = facts(options.of, &proof, section, &signed);
    if options.json {
        println!("{facts}");
    } else if let Some(facts) = facts.as_object() {
        for (name, value) in facts {
            println!("{name:16} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
    Ok(())
}

/// A node, which may say anything.
struct Node(DynProvider);

/// Where a transaction is, as a node says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    block_number: Option<U64>,
}

impl Node {
    fn new(url: &str) -> Result<Self, Error> {
        let parsed = url.parse().map_err(|error| Error::Config(format!("--rollup-rpc {url}: {error}")))?;
        let client = sluice_l1::http_client(url)?;
        Ok(Self(ProviderBuilder::new().connect_reqwest(client, parsed).erased()))
    }

    async fn ask<T: DeserializeOwned>(&self, method: &'static str, argument: Value) -> Result<Option<T>, Error> {
        let answer: Result<Value, _> = self.0.raw_request(method.into(), (argument,)).await;
        let answer = answer.map_err(|error| Error::Config(format!("{method}: {error}")))?;
        serde_json::from_value(answer).map_err(|error| Error::Config(format!("the answer to {method}: {error}")))
    }

    async fn proof(&self, of: Of) -> Result<Proof, Error> {
        let number = match of {
            Of::Block(number) => number,
            Of::Transaction(hash) => {
                let found: Option<Found> = self.ask("eth_getTransactionByHash", json!(hash)).await?;
                let number = found.and_then(|found| found.block_number);
                number.ok_or_else(|| refused(of, &"the node does not have it in a block"))?.to()
            }
        };
        let proof: Option<Proof> = self.ask("rollup_getCertificate", json!(U64::from(number))).await?;
        let proof = proof.ok_or_else(|| {
            refused(of, &format!("the node has no certificate of block {number}: it is not there, or the node has it from L1; ask a sequencer"))
        })?;
        if proof.block().height == Height(number) {
            Ok(proof)
        } else {
            Err(refused(of, &format!("the node answers with height {} for {number}", proof.block().height)))
        }
    }
}

/// The part of the block that is about this rollup, which must hold the transaction that was asked about.
fn section<'a>(proof: &'a Proof, chain: &ChainConfig, of: Of) -> Result<&'a RollupSection, Error> {
    let rollup = chain.rollup_id();
    let section = proof.block().sections.iter().find(|section| section.rollup == rollup);
    let section =
        section.ok_or_else(|| refused(of, &format!("the ordered block has no section for rollup {rollup}")))?;
    match of {
        Of::Transaction(hash) if !section.transactions.iter().any(|raw| keccak256(raw) == hash) => {
            let reason = "it is not in the ordered block; a certificate tells how many messages a block takes from the inbox, not which";
            Err(refused(of, &reason))
        }
        _ => Ok(section),
    }
}

/// What is proven, by name.
fn facts(of: Of, proof: &Proof, section: &RollupSection, signed: &SignedBy) -> Value {
    let (block, certified) = (proof.block(), proof.signed());
    let mut facts = json!({
        "height": block.height.0,
        "ordered_hash": block.hash(),
        "transactions": section.transactions.len(),
        "inbox_messages": section.inbox_count,
        "certificate_of": certified.height.0,
    });
    let mut add = |name: &str, value: Value| drop(facts.as_object_mut().map(|facts| facts.insert(name.into(), value)));
    match signed {
        SignedBy::One(sequencer) => add("sequencer", json!(sequencer)),
        SignedBy::Committee { epoch, signers, seats, slashed } => {
            add("epoch", json!(epoch));
            add("seats", json!(seats));
            add("signers", json!(signers));
            add("slashed_signers", json!(slashed));
        }
    }
    if let Of::Transaction(hash) = of {
        add("transaction", json!(hash));
    }
    // The newest result that the signers vouch for.
    if let Some(newest) = certified.sections.iter().find(|newest| newest.rollup == section.rollup) {
        add("result_block", json!(newest.executed_number.0));
        add("result_hash", json!(newest.executed_hash));
    }
    facts
}

fn refused(of: Of, reason: &dyn fmt::Display) -> Error {
    Error::Config(format!("{of} is not proven: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_blocks_and_hashes_transactions() {
        assert_eq!("12".parse(), Ok(Of::Block(12)));
        let hash = B256::repeat_byte(3);
        assert_eq!(hash.to_string().parse(), Ok(Of::Transaction(hash)));
        assert!("0x12".parse::<Of>().unwrap_err().contains("neither"));
    }
}
