//! Blocks made to break parallel execution: everybody touches the same few accounts, in every way that Ethereum knows.
#![allow(unreachable_pub, reason = "a module of one test")]

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, bytes, keccak256};
use sluice_types::{InputTransaction, predeploys::FEE_VAULT};

use crate::{
    dice::Dice,
    world::{
        BENEFICIARY, BREAKER, Draft, ETHER, READER, REVERTER, STORER, World, authority, authorize, deposit, input_of,
        user,
    },
};

/// Adds one to the slot that its input names.
pub const COUNTER: Address = address!("00000000000000000000000000000000000d0001");
/// Stores the balance of the account that its input names, under that name.
pub const BALANCER: Address = address!("00000000000000000000000000000000000d0002");
/// Stores the code hash of the account that its input names, under that name.
pub const HASHER: Address = address!("00000000000000000000000000000000000d0003");
/// Stores its own balance.
pub const MISER: Address = address!("00000000000000000000000000000000000d0004");
/// Sends on what it is sent to the account that its input names.
pub const FORWARDER: Address = address!("00000000000000000000000000000000000d0005");
/// Sends one of its own wei to the account that its input names.
pub const GIVER: Address = address!("00000000000000000000000000000000000d0006");
/// Creates a contract: salt, then init code.
pub const FACTORY: Address = address!("00000000000000000000000000000000000d0007");
/// Creates a contract and calls it at once, with nothing: salt, then init code.
pub const PHOENIX: Address = address!("00000000000000000000000000000000000d0008");
/// Calls the pairing precompile with what it is given, and stores whether that worked.
pub const PAIRER: Address = address!("00000000000000000000000000000000000d0009");

/// Init code whose contract gives itself up to whomever its input names.
pub const MORTAL: Bytes = bytes!("625f35ff5f526003601df3");
/// Init code that gives itself up to the beneficiary before it is done.
pub const STILLBORN: Bytes = bytes!("41ff");
/// The same, after it has stored something.
const REMORSE: Bytes = bytes!("60015f5541ff");
/// Init code that stores something and reverts.
const REGRET: Bytes = bytes!("60015f555f5ffd");
/// Init code that stores something and deploys nothing.
const EMPTY: Bytes = bytes!("60015f5500");

/// The world, with the contracts above, in whose storage is something, a beneficiary that has money, users with hardly any, and money
/// where contracts are created.
pub fn world() -> World {
    let mut world = World::new();
    let wei = U256::from;
    for (contract, code) in [
        (COUNTER, bytes!("5f35805460010190550000")),
        (BALANCER, bytes!("5f35803190550000")),
        (HASHER, bytes!("5f35803f90550000")),
        (MISER, bytes!("475f5500")),
        (FORWARDER, bytes!("5f5f5f5f345f355af15000")),
        (GIVER, bytes!("5f5f5f5f60015f355af15000")),
        (FACTORY, bytes!("602036038060205f375f35905f34f55f5500")),
        (PHOENIX, bytes!("602036038060205f375f35905f34f55f5f5f5f5f855af1505000")),
        (PAIRER, bytes!("365f5f375f5f365f5f60085af15f5500")),
    ] {
        world.state.insert(contract, 1, wei(3), code);
    }
    let name = |address: Address| address.into_word().into();
    let slots = [
        (COUNTER, name(user(0)), 1),
        (COUNTER, name(BENEFICIARY), 255),
        (BALANCER, name(BENEFICIARY), ETHER),
        (HASHER, name(Address::ZERO), 7),
        (MISER, U256::ZERO, 3),
        (PAIRER, U256::ZERO, 1),
        (STORER, U256::ZERO, 7),
        (READER, wei(7), 9),
    ];
    for (contract, slot, value) in slots {
        world.state.accounts.get_mut(&contract).expect("it is there").1.insert(slot, wei(value));
    }
    for rich in [child(PHOENIX, 1, &MORTAL), child(FACTORY, 1, &STILLBORN), child(FACTORY, 1, &REMORSE)] {
        world.state.insert(rich, 0, wei(5), Bytes::new());
    }
    world.state.insert(BENEFICIARY, 0, wei(ETHER), Bytes::new());
    // Enough for a transfer or two.
    (8..12).for_each(|n| world.state.insert(user(n), 0, wei(330_000_000), Bytes::new()));
    (0..3).for_each(|n| world.state.insert(authority(n).1, 0, wei(ETHER), Bytes::new()));
    world
}

/// Where the factory or the phoenix puts what it creates.
pub fn child(creator: Address, salt: u8, init: &Bytes) -> Address {
    creator.create2(B256::with_last_byte(salt), keccak256(init))
}

/// A word that names an account.
pub fn word(address: Address) -> Bytes {
    Bytes::copy_from_slice(address.into_word().as_slice())
}

/// Input of [`FACTORY`] and [`PHOENIX`].
pub fn creation(salt: u8, init: &Bytes) -> Bytes {
    [B256::with_last_byte(salt).as_slice(), init].concat().into()
}

/// Nonces as they will be, if all goes well.
#[derive(Default)]
struct Nonces(std::collections::BTreeMap<Address, u64>);

impl Nonces {
    fn next(&mut self, sender: Address, dice: &mut Dice) -> u64 {
        let nonce = self.0.entry(sender).or_default();
        // Now and then a wrong one: too low, or too high.
        match dice.roll(24) {
            0 => nonce.saturating_sub(1),
            1 => *nonce + 1 + dice.roll(2) as u64,
            _ => {
                *nonce += 1;
                *nonce - 1
            }
        }
    }
}

/// A block of up to `most` transactions.
pub fn block(most: usize, dice: &mut Dice) -> Vec<InputTransaction> {
    let (mut txs, mut nonces) = (Vec::new(), Nonces::default());
    for _ in 0..dice.roll(3) {
        let minted = 1 + dice.roll(1_000) as u64;
        let to = someone(dice);
        txs.push(input_of(deposit(user(0), to, minted, dice.roll(3) as u64)));
        *nonces.0.entry(user(0)).or_default() += 1;
    }
    for _ in 0..=dice.roll(most) {
        let tx = transaction(&mut nonces, dice);
        txs.push(tx);
    }
    txs
}

fn sender(dice: &mut Dice) -> Address {
    match dice.roll(12) {
        0 => BENEFICIARY,
        1 => authority(dice.byte(3)).1,
        2 | 3 => user(8 + dice.byte(4)),
        _ => user(dice.byte(4)),
    }
}

/// Anybody that a transaction may name.
fn someone(dice: &mut Dice) -> Address {
    let n = dice.byte(14);
    let child_of = |creator, salt| child(creator, salt, &MORTAL);
    dice.pick(&[
        user(n),
        user(n),
        BENEFICIARY,
        FEE_VAULT,
        authority(n % 3).1,
        MISER,
        GIVER,
        STORER,
        REVERTER,
        BREAKER,
        // Fresh, and never seen before.
        Address::repeat_byte(0xd0 + n % 4),
        child_of(FACTORY, n % 2),
        child_of(PHOENIX, n % 2),
        Address::with_last_byte(1 + n % 11),
        Address::ZERO,
    ])
}

fn transaction(nonces: &mut Nonces, dice: &mut Dice) -> InputTransaction {
    let from = sender(dice);
    let draft = |to: Address, dice: &mut Dice, nonces: &mut Nonces| {
        let nonce = nonces.next(from, dice);
        // Mostly enough gas, sometimes at the edge of it.
        let edge = 43_000 + dice.roll(4_000) as u64;
        let gas = dice.pick(&[150_000, 150_000, 150_000, 60_000, edge, 21_000]);
        Draft::new(from, nonce, to).gas(gas)
    };
    let value = dice.pick(&[0, 0, 1, 2, 1_000, 100_000_000]);
    let init = dice.pick(&[&MORTAL, &MORTAL, &STILLBORN, &REMORSE, &REGRET, &EMPTY]).clone();
    let salt = dice.byte(2);
    let name = word(someone(dice));
    match dice.roll(17) {
        0..=4 => draft(someone(dice), dice, nonces).value(value).type_2(),
        5 => draft(someone(dice), dice, nonces).value(value).legacy(Some(901)),
        6 => draft(COUNTER, dice, nonces).data(vec![0; 31]).type_2(),
        7 => draft(COUNTER, dice, nonces).data(name).type_2(),
        8 => draft(BALANCER, dice, nonces).data(name).type_2(),
        9 => draft(HASHER, dice, nonces).data(name).type_2(),
        10 => draft(dice.pick(&[MISER, GIVER, READER, STORER]), dice, nonces).value(value).data(name).type_2(),
        11 => draft(FORWARDER, dice, nonces).value(value).data(name).type_2(),
        12 => draft(GIVER, dice, nonces).data(name).type_2(),
        13 => draft(FACTORY, dice, nonces).value(value % 1_001).data(creation(salt, &init)).type_2(),
        14 => draft(PHOENIX, dice, nonces).data(creation(salt, &MORTAL)).type_2(),
        15 => draft(PAIRER, dice, nonces).data(vec![1; 192 * dice.roll(2)]).type_2(),
        _ => {
            let n = dice.byte(3);
            let (key, signer) = authority(n);
            let code = dice.pick(&[STORER, MISER, COUNTER, GIVER, Address::ZERO]);
            let to = if dice.one_in(2) { signer } else { someone(dice) };
            let mut tx = draft(to, dice, nonces).data(name);
            tx.gas_limit = 200_000;
            // An authorisation uses a nonce of its signer, who may be the sender too.
            let nonce = nonces.next(signer, dice);
            tx.type_4(vec![authorize(&key, code, nonce)])
        }
    }
}

/// A transfer, for blocks that are made by hand.
pub fn transfer(from: Address, nonce: u64, to: impl Into<TxKind>, wei: u64) -> InputTransaction {
    Draft::new(from, nonce, to).value(wei).gas(21_000).type_2()
}
