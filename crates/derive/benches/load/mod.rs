//! A realistic load, for the benchmark and for the test that holds the format to its size.
//!
//! 12 % legacy and 88 % EIP-1559 transactions; 40 % token transfers, 10 % approvals, 25 % swaps (two router generations and a
//! command router), 20 % plain transfers, 5 % other calls; 50,000 users and 2,000 tokens by Zipf's law with exponents 0.8 and 1.2;
//! 40 % of amounts are round; signatures are random. The same seed gives the same load.

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use sluice_types::{BatchBlock, L1Number, SignedTransaction};

/// Chain id of the load.
pub(crate) const CHAIN_ID: u64 = 7_001;
const USERS: usize = 50_000;
const TOKENS: usize = 2_000;
const TRANSACTIONS_PER_BLOCK: usize = 50;
const GWEI: u64 = 1_000_000_000;
const MAGNITUDES: [u64; 6] = [1, 10, 100, 1_000, 10_000, 100_000];

/// Numbers that look random. Source: Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len() as u64);
        from[usize::try_from(at).expect("it is below a length")]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    fn word(&mut self) -> U256 {
        U256::from_limbs([self.next(), self.next(), self.next(), self.next() >> 1])
    }
}

/// Ranks drawn by Zipf's law.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        Self(
            (1..=u32::try_from(count).unwrap_or(u32::MAX))
                .map(|rank| {
                    sum += f64::from(rank).powf(-exponent);
                    sum
                })
                .collect(),
        )
    }

    fn draw(&self, random: &mut Random) -> usize {
        let at = random.fraction() * self.0.last().copied().unwrap_or(0.0);
        self.0.partition_point(|sum| *sum < at).min(self.0.len() - 1)
    }
}

/// Who and what there is.
struct World {
    random: Random,
    users: Zipf,
    tokens: Zipf,
    nonces: Vec<u64>,
    base_fee: u64,
    time: u64,
}

/// One call before its envelope.
struct Call {
    to: Address,
    value: U256,
    input: Vec<u8>,
    gas: u64,
}

/// `count` transactions in blocks of 50, four blocks a second.
pub(crate) fn blocks(count: usize, seed: u64) -> Vec<BatchBlock> {
    let mut random = Random(seed);
    // Most accounts are young: nonces are spread evenly over orders of magnitude.
    let mut nonce = || {
        let top = 1 << random.below(11);
        top + random.below(top)
    };
    let nonces = (0..USERS).map(|_| nonce()).collect();
    let (users, tokens) = (Zipf::new(USERS, 0.8), Zipf::new(TOKENS, 1.2));
    let mut world = World { random, users, tokens, nonces, base_fee: GWEI / 50, time: 1_790_000_000 };
    let blocks = count.div_ceil(TRANSACTIONS_PER_BLOCK);
    (0..blocks)
        .map(|block| {
            let left = count - block * TRANSACTIONS_PER_BLOCK;
            world.base_fee = world.base_fee * (995 + world.random.below(11)) / 1000;
            world.time += u64::from(block % 4 == 3);
            BatchBlock {
                timestamp: world.time,
                l1_origin: L1Number(20_000_000 + block as u64 / 48),
                beneficiary: user(usize::MAX - block % 4),
                inbox_count: u32::from(world.random.chance(3)),
                transactions: (0..left.min(TRANSACTIONS_PER_BLOCK)).map(|_| world.transaction()).collect(),
            }
        })
        .collect()
}

fn user(rank: usize) -> Address {
    Address::from_slice(&keccak256([b"user".as_slice(), &rank.to_be_bytes()].concat())[12..])
}

fn token(rank: usize) -> Address {
    Address::from_slice(&keccak256([b"token".as_slice(), &rank.to_be_bytes()].concat())[12..])
}

fn selector(signature: &str) -> Vec<u8> {
    keccak256(signature)[..4].to_vec()
}

impl World {
    fn transaction(&mut self) -> SignedTransaction {
        let sender = self.users.draw(&mut self.random);
        let call = match self.random.below(100) {
            0..40 => self.token_transfer(),
            40..50 => self.approval(),
            50..75 => self.swap(sender),
            75..95 => self.plain_transfer(),
            _ => self.other(),
        };
        let nonce = self.nonces[sender];
        self.nonces[sender] += 1;
        let signature = Signature::new(self.random.word(), self.random.word() >> 1, self.random.chance(50));
        let (to, input) = (TxKind::Call(call.to), Bytes::from(call.input));
        let tip = self.random.pick(&[0, GWEI / 1000, GWEI / 100, GWEI / 100, GWEI / 10, GWEI * 3 / 2]);
        if self.random.chance(12) {
            let gas_price = if self.random.chance(50) { self.base_fee * 11 / 10 } else { GWEI / 10 };
            let tx = TxLegacy {
                chain_id: Some(CHAIN_ID),
                nonce,
                gas_price: gas_price.into(),
                gas_limit: call.gas,
                to,
                value: call.value,
                input,
            };
            return tx.into_signed(signature).into();
        }
        let max_fee = match self.random.below(10) {
            0..6 => self.base_fee * 2 + tip,
            6..8 => self.base_fee * 5 / 4 + tip,
            _ => GWEI * (1 + self.random.below(5)) + tip,
        };
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: call.gas,
            max_fee_per_gas: max_fee.into(),
            max_priority_fee_per_gas: tip.into(),
            to,
            value: call.value,
            access_list: Default::default(),
            input,
        };
        tx.into_signed(signature).into()
    }

    /// An amount in units of `10^-decimals`: of 10 amounts 4 are round, the others have all their digits.
    fn amount(&mut self, decimals: u32) -> U256 {
        let unit = U256::from(10).pow(U256::from(decimals - 3));
        if self.random.chance(40) {
            let digits = self.random.below(9) + 1;
            return U256::from(digits * self.random.pick(&MAGNITUDES)) * unit;
        }
        let size = 10 * self.random.pick(&MAGNITUDES);
        U256::from(1 + self.random.below(size)) * unit + U256::from(self.random.next()) % unit
    }

    /// A token's rank and decimals.
    fn draw_token(&mut self) -> (Address, u32) {
        let rank = self.tokens.draw(&mut self.random);
        (token(rank), if rank.is_multiple_of(3) { 6 } else { 18 })
    }

    fn draw_user(&mut self) -> Address {
        user(self.users.draw(&mut self.random))
    }

    /// What a wallet estimates: a typical cost, and often some of its own margin.
    fn gas(&mut self, typical: u64, spread: u64) -> u64 {
        let estimate = typical + self.random.below(spread / 12) * 12;
        if self.random.chance(50) { estimate } else { estimate * 3 / 2 }
    }

    fn plain_transfer(&mut self) -> Call {
        Call { to: self.draw_user(), value: self.amount(18), input: Vec::new(), gas: 21_000 }
    }

    fn token_transfer(&mut self) -> Call {
        let (to, decimals) = self.draw_token();
        let mut input = selector("transfer(address,uint256)");
        input.extend(self.draw_user().into_word());
        input.extend(self.amount(decimals).to_be_bytes::<32>());
        Call { to, value: U256::ZERO, input, gas: self.gas(46_000, 18_000) }
    }

    fn approval(&mut self) -> Call {
        let (to, decimals) = self.draw_token();
        let mut input = selector("approve(address,uint256)");
        input.extend(router(self.random.below(6)).into_word());
        let amount = if self.random.chance(60) { U256::MAX } else { self.amount(decimals) };
        input.extend(amount.to_be_bytes::<32>());
        Call { to, value: U256::ZERO, input, gas: self.gas(46_000, 3_000) }
    }

    fn swap(&mut self, sender: usize) -> Call {
        let ((from, from_decimals), (into, into_decimals)) = (self.draw_token(), self.draw_token());
        let (amount, least) =
            (self.amount(from_decimals), self.amount(into_decimals) + U256::from(self.random.next() >> 20));
        let deadline = U256::from(self.time + 60 * (1 + self.random.below(30)));
        let word = |value: u64| U256::from(value).to_be_bytes::<32>();
        let owner = user(sender).into_word();
        match self.random.below(3) {
            0 => {
                let mut input = selector("swapExactTokensForTokens(uint256,uint256,address[],address,uint256)");
                input.extend(amount.to_be_bytes::<32>());
                input.extend(least.to_be_bytes::<32>());
                input.extend(word(160));
                input.extend(owner);
                input.extend(deadline.to_be_bytes::<32>());
                input.extend(word(2));
                input.extend(from.into_word());
                input.extend(into.into_word());
                Call { to: router(0), value: U256::ZERO, input, gas: self.gas(130_000, 60_000) }
            }
            1 => {
                let mut input =
                    selector("exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))");
                input.extend(from.into_word());
                input.extend(into.into_word());
                input.extend(word(self.random.pick(&[100, 500, 3_000, 10_000])));
                input.extend(owner);
                input.extend(deadline.to_be_bytes::<32>());
                input.extend(amount.to_be_bytes::<32>());
                input.extend(least.to_be_bytes::<32>());
                input.extend(word(0));
                Call { to: router(1), value: U256::ZERO, input, gas: self.gas(150_000, 60_000) }
            }
            _ => {
                let mut input = selector("execute(bytes,bytes[],uint256)");
                for value in [96, 160] {
                    input.extend(word(value));
                }
                input.extend(deadline.to_be_bytes::<32>());
                input.extend(word(1));
                input.extend([0; 32]); // one command: exact input over packed paths
                for value in [1, 32, 256, 1] {
                    input.extend(word(value));
                }
                input.extend(amount.to_be_bytes::<32>());
                input.extend(least.to_be_bytes::<32>());
                for value in [160, 1, 43] {
                    input.extend(word(value));
                }
                let mut path = [from.as_slice(), &[0, 0x0b, 0xb8], into.as_slice()].concat();
                path.resize(64, 0);
                input.extend(path);
                Call { to: router(2), value: U256::ZERO, input, gas: self.gas(180_000, 80_000) }
            }
        }
    }

    /// Calls of some hundred functions with up to four arguments: accounts, amounts, hashes.
    fn other(&mut self) -> Call {
        let function = self.random.below(300);
        let mut input = keccak256(function.to_be_bytes())[..4].to_vec();
        for argument in 0..function % 5 {
            match (function + argument) % 4 {
                0 => input.extend(self.draw_user().into_word()),
                1 => input.extend(self.random.word().to_be_bytes::<32>()),
                2 => input.extend(self.amount(18).to_be_bytes::<32>()),
                _ => input.extend(U256::from(self.random.below(5_000)).to_be_bytes::<32>()),
            }
        }
        let value = if self.random.chance(20) { self.amount(18) } else { U256::ZERO };
        Call { to: router(10 + function % 100), value, input, gas: self.gas(80_000, 200_000) }
    }
}

fn router(which: u64) -> Address {
    Address::from_slice(&keccak256([b"router".as_slice(), &which.to_be_bytes()].concat())[12..])
}
