//! What is read from files: the seat's keys, and who else is in the committee.

use std::{net::SocketAddr, path::Path};

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, de::Error as _};
use sluice_sim::Scheme;
use sluice_simplex::{Member, Peer, SeatKeys};

use crate::error::Error;

/// The members of an epoch, as L1 has them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Committee {
    /// Which epoch.
    pub(crate) epoch: u64,
    l1_chain_id: u64,
    /// The `Sequencers` contract.
    sequencers: Address,
    members: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    network_key: B256,
    #[serde(deserialize_with = "compressed")]
    vote_key: [u8; 96],
    address: SocketAddr,
}

fn compressed<'de, D: serde::Deserializer<'de>>(from: D) -> Result<[u8; 96], D::Error> {
    let bytes = Bytes::deserialize(from)?;
    <[u8; 96]>::try_from(&bytes[..]).map_err(|_| D::Error::invalid_length(bytes.len(), &"96 bytes"))
}

impl Committee {
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        serde_json::from_slice(&read(path)?).map_err(|error| content(path, "committee", error.to_string()))
    }

    /// Where all of them listen.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        self.members.iter().map(|at| Peer { network_key: at.network_key, address: at.address }).collect()
    }

    /// Where one of them listens.
    pub(crate) fn address(&self, network_key: B256) -> Result<SocketAddr, Error> {
        let found = self.members.iter().find(|member| member.network_key == network_key);
        found.map(|member| member.address).ok_or(Error::NotAMember(network_key))
    }

    /// What a member signs its votes with.
    pub(crate) fn scheme(&self, keys: &SeatKeys) -> Result<Scheme, Error> {
        let members: Vec<Member> =
            self.members.iter().map(|at| Member { network_key: at.network_key, vote_key: at.vote_key }).collect();
        sluice_sim::scheme((self.l1_chain_id, self.sequencers), &members, Some(keys)).ok_or(Error::Keys)
    }
}

/// The keys in a file of `sluice keys new`.
pub(crate) fn read_keys(path: &Path, password_file: &Path) -> Result<SeatKeys, Error> {
    let bad = |reason: String| content(path, "keys of a seat", reason);
    let password = read(password_file)?;
    let secrets = eth_keystore::decrypt_key(path, password.trim_ascii_end()).map_err(|error| bad(error.to_string()))?;
    let (network, vote) = secrets.split_first_chunk().ok_or_else(|| bad("it is too short".into()))?;
    let vote = vote.try_into().map_err(|_| bad(format!("{} bytes are not two secrets", secrets.len())))?;
    SeatKeys::from_secrets(network, vote).map_err(|error| bad(error.to_string()))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { path: path.to_path_buf(), source })
}

fn content(path: &Path, what: &'static str, reason: String) -> Error {
    Error::Content { path: path.to_path_buf(), what, reason }
}
