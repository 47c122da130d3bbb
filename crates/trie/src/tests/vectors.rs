//! Roots that others computed.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, address, b256, uint};
use sluice_types::{GenesisState, Header};

use super::{MapStore, naive_state_nodes};
use crate::{EMPTY_ROOT_HASH, naive_state_root, update};

fn funded(accounts: impl IntoIterator<Item = (Address, U256)>) -> GenesisState {
    let mut state = GenesisState::default();
    for (address, balance) in accounts {
        state.insert(address, 0, balance, Bytes::new(), BTreeMap::new());
    }
    state
}

/// Source: genesis of Sepolia (chain 11155111), and its block 1, which pays 2 ether to one miner.
#[test]
fn sepolia_genesis_and_first_block() {
    let million = uint!(1000000000000000000000000_U256);
    let state = funded([
        (address!("a2a6d93439144ffe4d27c9e088dcd8b783946263"), million),
        (address!("bc11295936aa79d594139de1b2e12629414f3bdb"), million),
        (address!("7cf5b79bfe291a67ab02b393e456ccc4c266f753"), million),
        (address!("aaec86394441f915bce3e6ab399977e9906f3b69"), million),
        (address!("f47cae1cf79ca6758bfc787dbd21e6bdbe7112b8"), million),
        (address!("d7eddb78ed295b3c9629240e8924fb8d8874ddd8"), million),
        (address!("8b7f0977bb4f0fbe7076fa22bc24aca043583f5e"), million),
        (address!("e2e2659028143784d557bcec6ff3a0721048880a"), million),
        (address!("d9a5179f091d85051d3c982785efd1455cec8699"), million),
        (address!("beef32ca5b9a198d27b4e02f4c70439fe60356cf"), million),
        (address!("0000006916a87b82333f4245046623b23794c65c"), uint!(0x84595161401484a000000_U256)),
        (address!("b21c33de1fab3fa15499c62b59fe0cc3250020d1"), uint!(0x52b7d2dcc80cd2e4000000_U256)),
        (address!("10f5d45854e038071485ac9e402308cf80d2d2fe"), uint!(0x52b7d2dcc80cd2e4000000_U256)),
        (address!("d7d76c58b3a519e9fa6cc4d22dc017259bc49f1e"), uint!(0x52b7d2dcc80cd2e4000000_U256)),
        (address!("799d329e5f583419167cd722962485926e338f4a"), uint!(0xde0b6b3a7640000_U256)),
    ]);
    let genesis_root = b256!("5eb6e371a698b8d68f665192350ffcecbbbf322916f4b51bd79bb6887da3f494");
    assert_eq!(naive_state_root(&state), genesis_root);
    assert_eq!(naive_state_nodes(&state).0, genesis_root);
    let mut store = MapStore::default();
    let (root, nodes) = update(&store, EMPTY_ROOT_HASH, &state.into_changes()).unwrap();
    assert_eq!(root, genesis_root);
    store.apply(nodes);

    let reward = funded([(address!("2f14582947e292a2ecd20c430b46f2d27cfe213c"), uint!(0x1bc16d674ec80000_U256))]);
    let (root, _) = update(&store, root, &reward.into_changes()).unwrap();
    assert_eq!(root, b256!("c91d4ecd59dce3067d340b3aadfc0542974b4fb4db98af39f980a91ea00db9dc"));
}

/// Source: go-ethereum's `TestSetupGenesis`: one account with one slot; the hash of the header is given, which holds the root.
#[test]
fn genesis_with_storage() {
    let one = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        B256::from(bytes)
    };
    let mut state = GenesisState::default();
    let storage = BTreeMap::from([(one.into(), one.into())]);
    state.insert(Address::from_slice(&one[..20]), 0, U256::from(1), Bytes::new(), storage);
    let (state_root, _) = update(&MapStore::default(), EMPTY_ROOT_HASH, &state.into_changes()).unwrap();
    let header = Header { state_root, gas_limit: 4_712_388, difficulty: U256::from(131_072), ..Default::default() };
    assert_eq!(header.hash_slow(), b256!("89c99d90b79719238d2645c7642f2c9295246e80775b38cfd162b696817fbd50"));
}

#[test]
fn nothing_has_the_empty_root() {
    let (root, nodes) = update(&MapStore::default(), EMPTY_ROOT_HASH, &Default::default()).unwrap();
    assert_eq!(root, b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"));
    assert_eq!(nodes, Default::default());
    assert_eq!(naive_state_root(&GenesisState::default()), root);
}
