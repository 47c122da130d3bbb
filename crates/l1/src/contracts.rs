//! The rollup's contracts on L1 as Rust sees them: calls out, events in.
//!
//! Source: `contracts/artifacts/*.json`, compiled from `contracts/src/l1`.

use alloy::sol_types::{SolCall, SolEvent};
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use sluice_types::{BatchHeader, CommittedBatch, InboxMessage, L1Number, L1Origin, MessageIndex, MessageKind};

pub use abi::{
    bridge::Bridge, emission::Emission, fee_vault::FeeVault, inbox::Inbox, posting::Posting, rewards::Rewards,
    rollup::Rollup, sequencers::Sequencers, slasher::Slasher, test_token::TestToken,
};

/// Generated bindings.
pub mod abi {
    #![allow(
        missing_docs,
        missing_debug_implementations,
        unreachable_pub,
        clippy::all,
        clippy::cast_possible_truncation,
        clippy::allow_attributes_without_reason,
        reason = "generated from the contracts' artifacts, where the documentation is"
    )]
    pub mod bridge {
        alloy::sol!(
            #[derive(Debug)]
            Bridge,
            "../../contracts/artifacts/Bridge.json"
        );
    }
    pub mod inbox {
        alloy::sol!(
            #[derive(Debug)]
            Inbox,
            "../../contracts/artifacts/Inbox.json"
        );
    }
    pub mod rollup {
        alloy::sol!(
            #[derive(Debug)]
            Rollup,
            "../../contracts/artifacts/Rollup.json"
        );
    }
    pub mod sequencers {
        alloy::sol!(
            #[derive(Debug)]
            Sequencers,
            "../../contracts/artifacts/Sequencers.json"
        );
    }
    pub mod slasher {
        alloy::sol!(
            #[derive(Debug)]
            Slasher,
            "../../contracts/artifacts/Slasher.json"
        );
    }
    pub mod rewards {
        alloy::sol!(
            #[derive(Debug)]
            Rewards,
            "../../contracts/artifacts/Rewards.json"
        );
    }
    pub mod emission {
        alloy::sol!(
            #[derive(Debug)]
            Emission,
            "../../contracts/artifacts/Emission.json"
        );
    }
    pub mod posting {
        alloy::sol!(
            #[derive(Debug)]
            Posting,
            "../../contracts/artifacts/Posting.json"
        );
    }
    pub mod fee_vault {
        alloy::sol!(
            #[derive(Debug)]
            FeeVault,
            "../../contracts/artifacts/FeeVault.json"
        );
    }
    pub mod test_token {
        alloy::sol!(
            #[derive(Debug)]
            TestToken,
            "../../contracts/artifacts/TestToken.json"
        );
    }
}

/// Call data of `Rollup.commitBatch`.
pub fn commit_batch_call(header: &BatchHeader) -> Bytes {
    Rollup::commitBatchCall { header: to_abi(header) }.abi_encode().into()
}

/// What a quorum of a committee signed together, as L1 takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Certificate {
    /// Bit `i` is the seat at index `i`.
    pub signers: U256,
    /// Sum of their signatures: a point of G1 as EIP-2537 writes it, so not compressed. See [`points`](crate::points).
    pub signature: [u8; 128],
}

/// Call data of `Rollup.commitCertifiedBatch`; `epoch` is the one whose committee certified.
pub fn commit_certified_batch_call(header: &BatchHeader, epoch: u64, certificate: &L1Certificate) -> Bytes {
    let [x_a, x_b, y_a, y_b] = words(&certificate.signature);
    let signature = abi::rollup::BLS::G1Point { x_a, x_b, y_a, y_b };
    let certificate = abi::rollup::ISequencers::Certificate { signers: certificate.signers, signature };
    Rollup::commitCertifiedBatchCall { header: to_abi(header), epoch, certificate }.abi_encode().into()
}

/// Call data of `Posting.post`, which takes what `Rollup.commitCertifiedBatch` takes, and refunds who is in turn.
pub fn post_call(header: &BatchHeader, epoch: u64, certificate: &L1Certificate) -> Bytes {
    let commit = commit_certified_batch_call(header, epoch, certificate);
    [&Posting::postCall::SELECTOR, &commit[4..]].concat().into()
}

/// The words of a point of G1.
pub(crate) fn words(point: &[u8; 128]) -> [B256; 4] {
    std::array::from_fn(|index| B256::from_slice(&point[32 * index..32 * (index + 1)]))
}

/// The message that a log of `Inbox.MessageQueued` tells of, with the rolling hash after it. Errors: why the log is malformed.
pub(crate) fn decode_message(log: &Log, block: &L1Origin) -> Result<(InboxMessage, B256), String> {
    let event = Inbox::MessageQueued::decode_log_validate(log).map_err(|error| error.to_string())?.data;
    let kind = match event.kind {
        0 => MessageKind::Deposit,
        1 => MessageKind::Forced,
        other => return Err(format!("message kind {other} is unknown to this version")),
    };
    let message = InboxMessage {
        index: MessageIndex(event.index),
        kind,
        from: event.from,
        to: event.to,
        mint: event.mint,
        value: event.value,
        gas_limit: event.gasLimit,
        data: event.data,
        l1_number: block.number,
        l1_timestamp: block.timestamp,
    };
    Ok((message, event.rollingHash))
}

/// The batch that a log of `Rollup.BatchCommitted` tells of. Errors: why the log is malformed.
pub(crate) fn decode_batch(
    log: &Log,
    block: &L1Origin,
    tx_hash: B256,
    poster: Address,
) -> Result<CommittedBatch, String> {
    let event = Rollup::BatchCommitted::decode_log_validate(log).map_err(|error| error.to_string())?.data;
    let batch = CommittedBatch {
        header: from_abi(&event.header),
        blob_hashes: event.blobHashes,
        l1_number: block.number,
        l1_hash: block.hash,
        l1_timestamp: block.timestamp,
        l1_tx_hash: tx_hash,
        poster,
    };
    if batch.header.index.0 != event.index || batch.hash() != event.batchHash {
        return Err(format!("batch {} hashes to {}, not {}", event.index, batch.hash(), event.batchHash));
    }
    Ok(batch)
}

fn to_abi(header: &BatchHeader) -> abi::rollup::IRollup::BatchHeader {
    abi::rollup::IRollup::BatchHeader {
        index: header.index.0,
        parentHash: header.parent_hash,
        firstBlock: header.first_block.0,
        lastBlock: header.last_block.0,
        lastTimestamp: header.last_timestamp,
        l1OriginNumber: header.l1_origin_number.0,
        l1OriginHash: header.l1_origin_hash,
        inboxCount: header.inbox_count.0,
        inboxHash: header.inbox_hash,
        lastBlockHash: header.last_block_hash,
        stateRoot: header.state_root,
        outboxRoot: header.outbox_root,
    }
}

fn from_abi(header: &abi::rollup::IRollup::BatchHeader) -> BatchHeader {
    BatchHeader {
        index: header.index.into(),
        parent_hash: header.parentHash,
        first_block: header.firstBlock.into(),
        last_block: header.lastBlock.into(),
        last_timestamp: header.lastTimestamp,
        l1_origin_number: L1Number(header.l1OriginNumber),
        l1_origin_hash: header.l1OriginHash,
        inbox_count: header.inboxCount.into(),
        inbox_hash: header.inboxHash,
        last_block_hash: header.lastBlockHash,
        state_root: header.stateRoot,
        outbox_root: header.outboxRoot,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use alloy_primitives::{LogData, hex, keccak256};
    use sha2::{Digest, Sha256};

    use super::*;

    /// Every Solidity file below a folder, by its path from `root`, with `/` between.
    fn collect(root: &Path, folder: &Path, inputs: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, inputs);
            } else if path.extension().is_some_and(|extension| extension == "sol") {
                let name: Vec<_> = path.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
                inputs.insert(name.join("/"), fs::read(&path).unwrap());
            }
        }
    }

    /// Source: "Freshness" in `contracts/README.md`.
    #[test]
    fn artifacts_belong_to_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
        let mut inputs = BTreeMap::new();
        collect(&root, &root.join("src"), &mut inputs);
        for name in ["foundry.toml", "package-lock.json"] {
            inputs.insert(name.to_owned(), fs::read(root.join(name)).unwrap());
        }
        let mut hash = Sha256::new();
        for (name, content) in &inputs {
            for part in [name.as_bytes(), &[0], content, &[0]] {
                hash.update(part);
            }
        }
        let written = fs::read_to_string(root.join("artifacts/inputs.sha256")).unwrap();
        assert_eq!(
            hex::encode(hash.finalize()),
            written.trim(),
            "contracts/src changed after contracts/artifacts were written; run `node gen-artifacts.mjs` in contracts/"
        );
    }

    fn header() -> BatchHeader {
        BatchHeader {
            index: 1.into(),
            parent_hash: B256::repeat_byte(2),
            first_block: 3.into(),
            last_block: 4.into(),
            last_timestamp: 5,
            l1_origin_number: L1Number(6),
            l1_origin_hash: B256::repeat_byte(7),
            inbox_count: 8.into(),
            inbox_hash: B256::repeat_byte(9),
            last_block_hash: B256::repeat_byte(10),
            state_root: B256::repeat_byte(11),
            outbox_root: B256::repeat_byte(12),
        }
    }

    fn log(data: LogData) -> Log {
        Log { address: Address::ZERO, data }
    }

    fn batch_log(header: &BatchHeader, hash: B256) -> Log {
        let event = Rollup::BatchCommitted {
            index: header.index.0,
            batchHash: hash,
            header: to_abi(header),
            blobHashes: vec![B256::repeat_byte(13)],
        };
        log(event.encode_log_data())
    }

    #[test]
    fn call_data_is_the_selector_and_the_words_that_the_batch_hash_covers() {
        let call = commit_batch_call(&header());
        assert_eq!(call.len(), 4 + 12 * 32);
        let words = keccak256(&call[4..]);
        let hashes = [B256::repeat_byte(13)];
        let expected = keccak256([words.as_slice(), keccak256(hashes[0]).as_slice()].concat());
        assert_eq!(header().hash(&hashes), expected);
    }

    #[test]
    fn a_certified_call_is_the_same_header_then_epoch_signers_and_point() {
        let mut signature = [0; 128];
        signature[16..64].fill(0xaa);
        signature[80..].fill(0xbb);
        let certificate = L1Certificate { signers: U256::from(0b1011), signature };
        let call = commit_certified_batch_call(&header(), 9, &certificate);
        assert_eq!(call[4..4 + 12 * 32], commit_batch_call(&header())[4..]);
        let rest = &call[4 + 12 * 32..];
        assert_eq!(rest[..32], U256::from(9).to_be_bytes::<32>());
        assert_eq!(rest[32..64], U256::from(0b1011).to_be_bytes::<32>());
        assert_eq!(rest[64..], signature);
    }

    #[test]
    fn a_post_says_what_the_commitment_would() {
        let certificate = L1Certificate { signers: U256::from(0b1011), signature: [0xaa; 128] };
        let call = Posting::postCall::abi_decode(&post_call(&header(), 9, &certificate)).unwrap();
        assert_eq!((call.header.index, call.header.outboxRoot, call.epoch), (1, B256::repeat_byte(12), 9));
        assert_eq!(
            (call.certificate.signers, call.certificate.signature.y_b),
            (U256::from(0b1011), B256::repeat_byte(0xaa))
        );
    }

    #[test]
    fn a_batch_event_is_taken_only_with_its_true_hash() {
        let hash = header().hash(&[B256::repeat_byte(13)]);
        let origin = L1Origin { number: L1Number(20), ..L1Origin::default() };
        let batch = decode_batch(&batch_log(&header(), hash), &origin, B256::ZERO, Address::ZERO).unwrap();
        assert_eq!((batch.header, batch.l1_number), (header(), L1Number(20)));
        let other = B256::repeat_byte(1);
        decode_batch(&batch_log(&header(), other), &origin, B256::ZERO, Address::ZERO).unwrap_err();
    }

    #[test]
    fn a_message_event_of_an_unknown_kind_is_refused() {
        let event = |kind| {
            let event = Inbox::MessageQueued {
                index: 3,
                from: Address::repeat_byte(1),
                to: Address::repeat_byte(2),
                kind,
                mint: U256::from(4),
                value: U256::from(5),
                gasLimit: 6,
                data: Bytes::from_static(b"data"),
                rollingHash: B256::repeat_byte(7),
            };
            log(event.encode_log_data())
        };
        let (message, rolling_hash) = decode_message(&event(1), &L1Origin::default()).unwrap();
        assert_eq!((message.kind, message.index, rolling_hash), (MessageKind::Forced, 3.into(), B256::repeat_byte(7)));
        decode_message(&event(2), &L1Origin::default()).unwrap_err();
    }
}
