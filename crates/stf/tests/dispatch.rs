//! Our loop over instructions against revm's, on random programs that run out of gas in random places.

mod vectors;

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use proptest::{prelude::*, sample::select};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    bytecode::opcode::*,
    context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    context_interface::block::BlobExcessGasAndPrice,
    database::InMemoryDB,
    primitives::hardfork::SpecId,
    state::{AccountInfo, Bytecode},
};
use sluice_stf::{
    Workspace,
    engine::{Engine, Payment, Reader},
};
use vectors::MapState;

const SENDER: Address = Address::repeat_byte(0x5e);
const CONTRACT: Address = Address::repeat_byte(0xc0);
const CALLEE: Address = Address::repeat_byte(0xca);
/// More than any program needs that does not loop.
const AMPLE_GAS: u64 = 120_000;
/// Gas of a transaction without data.
const INTRINSIC_GAS: u64 = 21_000;
/// Runs with less gas than the program wants, for each program.
const STARVED_RUNS: usize = 6;

const FORKS: [SpecId; 9] = [
    SpecId::OSAKA,
    SpecId::PRAGUE,
    SpecId::CANCUN,
    SpecId::SHANGHAI,
    SpecId::LONDON,
    SpecId::ISTANBUL,
    SpecId::BYZANTIUM,
    SpecId::HOMESTEAD,
    SpecId::FRONTIER,
];

/// A part of a program.
#[derive(Clone, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    /// A `JUMPDEST`, which jumps can name.
    Label,
    /// `before`, the place of a label as a constant of `width` bytes, `after`.
    Jump {
        before: Vec<u8>,
        width: usize,
        label: usize,
        after: Vec<u8>,
    },
}

impl Piece {
    fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Label => 1,
            Self::Jump { before, width, after, .. } => before.len() + 1 + width + after.len(),
        }
    }
}

/// A constant that is mostly small.
fn constant() -> impl Strategy<Value = Vec<u8>> {
    let small = (0..=2_u8).prop_map(|value| vec![PUSH1, value]);
    let any = (1..=32_usize, any::<[u8; 32]>()).prop_map(|(width, word)| push(&word[..width]));
    let zero = Just(vec![PUSH0]);
    prop_oneof![6 => small, 3 => any, 1 => zero]
}

fn push(bytes: &[u8]) -> Vec<u8> {
    let width = u8::try_from(bytes.len()).expect("at most 32 bytes");
    [&[PUSH1 + width - 1], bytes].concat()
}

fn word_instruction() -> impl Strategy<Value = Vec<u8>> {
    let plain = vec![
        ADD,
        SUB,
        MUL,
        DIV,
        AND,
        OR,
        XOR,
        NOT,
        SHL,
        SHR,
        SAR,
        LT,
        GT,
        SLT,
        SGT,
        EQ,
        ISZERO,
        POP,
        CALLER,
        CALLVALUE,
        CALLDATASIZE,
        GAS,
        PC,
        MSIZE,
    ];
    select(plain).prop_map(|opcode| vec![opcode])
}

fn memory() -> impl Strategy<Value = Vec<u8>> {
    let near = (select(vec![MLOAD, MSTORE, MSTORE8]), 0..=130_u8).prop_map(|(opcode, at)| vec![PUSH1, at, opcode]);
    let far = (select(vec![MLOAD, MSTORE]), any::<[u8; 9]>(), 1..=9_usize)
        .prop_map(|(opcode, at, width)| [push(&at[..width]), vec![opcode]].concat());
    let hash = Just(vec![PUSH1, 64, PUSH1, 0, KECCAK256]);
    prop_oneof![6 => near, 1 => far, 1 => hash]
}

fn jump() -> impl Strategy<Value = Piece> {
    let before = select(vec![
        vec![],
        vec![ISZERO],
        vec![ISZERO],
        vec![EQ],
        vec![LT],
        vec![GT],
        vec![SLT],
        vec![SGT],
        vec![DUP1],
    ]);
    let width = select(vec![1, 2, 2, 2, 2, 3, 20]);
    let after = select(vec![vec![JUMP], vec![JUMPI], vec![JUMPI], vec![JUMPI], vec![SWAP1, JUMPI], vec![DUP2, LT]]);
    (before, width, any::<u16>(), after).prop_map(|(before, width, label, after)| Piece::Jump {
        before,
        width,
        label: usize::from(label),
        after,
    })
}

/// Calls another contract and goes on.
fn call() -> impl Strategy<Value = Vec<u8>> {
    any::<[u8; 2]>().prop_map(|gas| {
        let arguments = vec![PUSH1, 32, PUSH1, 0, PUSH1, 0, PUSH1, 0, PUSH1, 0];
        [arguments, push(CALLEE.as_slice()), push(&gas), vec![CALL]].concat()
    })
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        30 => constant().prop_map(Piece::Bytes),
        12 => (DUP1..=DUP16).prop_map(|opcode| Piece::Bytes(vec![opcode])),
        12 => (SWAP1..=SWAP16).prop_map(|opcode| Piece::Bytes(vec![opcode])),
        12 => select(vec![vec![DUP1], vec![DUP2], vec![SWAP1], vec![POP, POP]]).prop_map(Piece::Bytes),
        24 => word_instruction().prop_map(Piece::Bytes),
        10 => memory().prop_map(Piece::Bytes),
        16 => jump(),
        10 => Just(Piece::Label),
        2 => select(vec![vec![PUSH1, 0, SLOAD], vec![PUSH1, 1, SSTORE], vec![PUSH1, 32, PUSH1, 0, LOG0]])
            .prop_map(Piece::Bytes),
        1 => call().prop_map(Piece::Bytes),
        1 => select(vec![SELFDESTRUCT, RETURN, REVERT, STOP]).prop_map(|opcode| Piece::Bytes(vec![opcode])),
        1 => any::<u8>().prop_map(|opcode| Piece::Bytes(vec![opcode])),
    ]
}

/// Code of the pieces. A jump to a label that is not there goes to whatever is at the label's number.
fn assemble(pieces: &[Piece]) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut length = 0;
    for piece in pieces {
        if let Piece::Label = piece {
            labels.push(length);
        }
        length += piece.length();
    }
    let mut code = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => code.extend(bytes),
            Piece::Label => code.push(JUMPDEST),
            Piece::Jump { before, width, label, after } => {
                // One in eight goes astray.
                let place = if labels.is_empty() || label % 8 == 0 { *label } else { labels[label / 8 % labels.len()] };
                let place = U256::from(place).to_be_bytes::<32>();
                code.extend(before);
                code.extend(push(&place[32 - width..]));
                code.extend(after);
            }
        }
    }
    code
}

/// What a program begins with: some words on the stack, or a jump with a stack that is full or nearly.
fn begin() -> impl Strategy<Value = Vec<Piece>> {
    let some = prop::collection::vec(0..=2_u8, 0..18);
    let some = some.prop_map(|values| values.into_iter().map(|value| Piece::Bytes(vec![PUSH1, value])).collect());
    let full = (1_020..=1_023_usize).prop_map(|count| [vec![CALLER], vec![DUP1; count]].concat());
    let full = (full, jump()).prop_map(|(words, jump)| vec![Piece::Bytes(words), jump]);
    prop_oneof![7 => some, 1 => full]
}

/// A beginning, random pieces, and at times an end that shows the stack or is torn.
fn program() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![
        3 => Just(vec![PUSH1, 0, MSTORE, PUSH1, 32, MSTORE, PUSH1, 1, SSTORE, PUSH1, 64, PUSH1, 0, RETURN]),
        1 => Just(vec![]),
        1 => (PUSH1..=PUSH32).prop_map(|opcode| vec![opcode, 1]),
    ];
    (begin(), prop::collection::vec(piece(), 1..60), end)
        .prop_map(|(begin, body, end)| assemble(&[begin, body, vec![Piece::Bytes(end)]].concat()))
}

/// A contract, the block it runs in, and the accounts for both engines.
struct Case {
    cfg: CfgEnv,
    block: BlockEnv,
    ours: MapState,
    plain: InMemoryDB,
    workspace: Workspace,
}

/// What a run gave, and what was then in storage.
type Ran = (ExecutionResult, Vec<(U256, U256)>);

impl Case {
    fn new(spec: SpecId, code: &[u8]) -> Self {
        let (mut ours, mut plain) = (MapState::default(), InMemoryDB::default());
        // PUSH1 7 PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN
        let callee = [PUSH1, 7, PUSH1, 0, MSTORE, PUSH1, 32, PUSH1, 0, RETURN];
        for (address, code) in [(SENDER, &[][..]), (CONTRACT, code), (CALLEE, &callee)] {
            let (balance, code) = (U256::from(1_000_000_000), Bytes::copy_from_slice(code));
            ours.insert(address, 1, balance, code.clone());
            let info = AccountInfo { balance, nonce: 1, ..AccountInfo::default() };
            plain.insert_account_info(address, info.with_code(Bytecode::new_legacy(code)));
        }
        let blob = spec.is_enabled_in(SpecId::CANCUN).then(|| BlobExcessGasAndPrice::new_with_spec(0, spec));
        let block = BlockEnv {
            prevrandao: spec.is_enabled_in(SpecId::MERGE).then_some(B256::ZERO),
            blob_excess_gas_and_price: blob,
            ..BlockEnv::default()
        };
        Self { cfg: CfgEnv::new_with_spec(spec), block, ours, plain, workspace: Workspace::default() }
    }

    fn tx(gas_limit: u64) -> TxEnv {
        TxEnv { caller: SENDER, kind: TxKind::Call(CONTRACT), nonce: 1, gas_limit, gas_price: 1, ..TxEnv::default() }
    }

    fn run_plain(&self, gas_limit: u64) -> Ran {
        let context =
            Context::mainnet().with_db(self.plain.clone()).with_cfg(self.cfg.clone()).with_block(self.block.clone());
        let ran = context.build_mainnet().transact(Self::tx(gas_limit)).expect("a valid transaction");
        // Of what has destroyed itself, revm still lists the slots.
        let account = ran.state.get(&CONTRACT).filter(|account| !account.is_selfdestructed());
        let storage = account.map(|account| account.storage.iter());
        let changed = storage.into_iter().flatten().filter(|(_, slot)| slot.is_changed());
        let mut changed: Vec<_> = changed.map(|(key, slot)| (*key, slot.present_value)).collect();
        changed.sort_unstable();
        (ran.result, changed)
    }

    fn run_ours(&mut self, gas_limit: u64) -> Ran {
        let reader = Reader::new(&self.ours);
        let mut engine = Engine::new(self.cfg.clone(), self.block.clone(), &reader, &mut self.workspace);
        let result = engine.transact(Self::tx(gas_limit), Payment::Ethereum).expect("a valid transaction");
        let (changes, _) = engine.finish();
        let changed = changes.accounts.get(&CONTRACT).map(|change| change.storage.iter());
        (result, changed.into_iter().flatten().map(|(key, value)| (*key, *value)).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8_192, ..ProptestConfig::default() })]

    #[test]
    fn runs_as_the_engines_own_loop_with_any_gas(
        code in program(),
        spec in select(FORKS.to_vec()),
        shares in prop::collection::vec(0..=1_000_u64, STARVED_RUNS),
    ) {
        let mut case = Case::new(spec, &code);
        let ample = case.run_plain(AMPLE_GAS);
        prop_assert_eq!(case.run_ours(AMPLE_GAS), ample.clone());
        // Refunds are taken off what was needed, so some of these runs have enough.
        let needed = ample.0.tx_gas_used().saturating_sub(INTRINSIC_GAS);
        let starved = shares.iter().map(|share| needed * share / 1_000);
        for gas in starved.chain(needed.saturating_sub(3)..=needed) {
            prop_assert_eq!(case.run_ours(INTRINSIC_GAS + gas), case.run_plain(INTRINSIC_GAS + gas), "with {} gas", gas);
        }
    }
}
