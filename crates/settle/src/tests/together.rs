//! A committee that signs batches: all cut the same, whoever's turn it is posts, and another takes over from one that is gone.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const SEATS: usize = 4;
/// A turn that nobody uses goes to the next after so long, seconds.
const TAKEOVER: u64 = 10;

type Signatures = BTreeMap<(BatchIndex, B256), BTreeSet<usize>>;

/// What has been signed, as if every message arrived at once.
#[derive(Clone, Debug, Default)]
struct Board(Arc<Mutex<Signatures>>);

#[derive(Debug)]
struct Seat {
    index: usize,
    board: Board,
}

impl Cosigners for Seat {
    fn are_there(&self) -> bool {
        true
    }

    fn authority(&self, index: BatchIndex, batch_hash: B256) -> Option<Authority> {
        let mut board = self.board.0.lock().unwrap();
        for (_, signers) in board.range_mut((index, B256::ZERO)..(BatchIndex(index.0 + 1), B256::ZERO)) {
            signers.remove(&self.index);
        }
        let signers = board.entry((index, batch_hash)).or_default();
        signers.insert(self.index);
        let bits = signers.iter().fold(U256::ZERO, |bits, seat| bits | (U256::ONE << *seat));
        let certificate = Authority::Certificate { epoch: 0, signers: bits, signature: [7; 128] };
        (3 * signers.len() > 2 * SEATS).then_some(certificate)
    }

    fn in_turn(&self, now: u64, last_posted: u64) -> bool {
        usize::try_from(now.saturating_sub(last_posted) / TAKEOVER).unwrap() % SEATS == self.index
    }
}

struct Node {
    store: Store,
    settle: Settle<FakePoster, Seat>,
}

fn nodes(poster: &FakePoster, config: &Config) -> (Board, Vec<Node>) {
    let board = Board::default();
    let nodes = (0..SEATS).map(|index| {
        let store = Store::in_memory(&genesis()).unwrap();
        show(&store, &poster.0.lock().unwrap(), 0, false, 0);
        let seat = Seat { index, board: board.clone() };
        Node { settle: Settle::together(config.clone(), store.clone(), poster.clone(), seat), store }
    });
    let nodes = nodes.collect();
    (board, nodes)
}

/// L1 mines, and every node sees it.
fn mine(poster: &FakePoster, nodes: &[Node]) {
    let mut chain = poster.0.lock().unwrap();
    chain.mine();
    let number = chain.blocks.len() as u64;
    for node in nodes {
        show(&node.store, &chain, number, false, 0);
    }
}

#[tokio::test]
async fn all_sign_the_same_batches_and_one_posts_even_when_others_are_gone() {
    let poster = FakePoster::default();
    let config = Config { age_max_s: 8, ..Config::default() };
    let (board, mut nodes) = nodes(&poster, &config);
    let mut dice = Dice(1);
    let mut now = START + 10_000;
    for round in 0..80 {
        // Of four, one may be gone. With two gone batches stop, until they come back.
        let gone: &[usize] = match round {
            20..40 => &[0],
            40..50 => &[0, 1],
            _ => &[],
        };
        for (index, node) in nodes.iter_mut().enumerate() {
            // Each sees blocks at its own pace.
            for _ in 0..dice.roll(3) {
                if node.store.heads().executed.0 < 20 + round {
                    extend(&node.store);
                }
            }
            if !gone.contains(&index) {
                node.settle.step(now).await.unwrap();
            }
        }
        mine(&poster, &nodes);
        now += 3;
    }
    let signed: Vec<BatchIndex> = board.0.lock().unwrap().keys().map(|(index, _)| *index).collect();
    assert!(signed.len() > 5);
    let once: Vec<_> = (0..signed.len() as u64).map(BatchIndex).collect();
    assert_eq!(signed, once, "one batch of each index was signed, and none left out");
    let chain = poster.0.lock().unwrap();
    let mut next = 1;
    for (index, (_, header, _, _)) in chain.taken().enumerate() {
        assert_eq!((header.index.0, header.first_block.0), (index as u64, next));
        next = header.last_block.0 + 1;
    }
    assert!(next > 60, "batches came up to block {next} only");
    for (_, authority) in poster.1.lock().unwrap().iter() {
        let Authority::Certificate { signers, .. } = authority else { panic!("posted without a certificate") };
        assert!(signers.count_ones() >= 3);
    }
}

#[tokio::test]
async fn nothing_is_posted_before_two_thirds_signed_nor_out_of_turn() {
    let poster = FakePoster::default();
    let config = Config { age_max_s: 2, ..Config::default() };
    let (_, mut nodes) = nodes(&poster, &config);
    for node in &nodes {
        (0..5).for_each(|_| extend(&node.store));
    }
    let now = START + 10 * TAKEOVER * SEATS as u64;
    for node in &mut nodes[..2] {
        assert_eq!(node.settle.step(now).await.unwrap(), Step::Cut(BatchIndex(0)));
        assert_eq!(node.settle.step(now).await.unwrap(), Step::Waiting(BatchIndex(0)), "two of four are too few");
    }
    nodes[2].settle.step(now).await.unwrap();
    assert_eq!(nodes[2].settle.step(now).await.unwrap(), Step::Waiting(BatchIndex(0)), "it is the first one's turn");
    assert_eq!(nodes[0].settle.step(now).await.unwrap(), Step::Posting(BatchIndex(0)));
    // Its turn passes before L1 takes the batch; it sees its own transaction through, and another tries, too.
    let later = now + TAKEOVER;
    assert_eq!(nodes[0].settle.step(later).await.unwrap(), Step::Posting(BatchIndex(0)));
    assert_eq!(nodes[1].settle.step(later).await.unwrap(), Step::Posting(BatchIndex(0)));
    mine(&poster, &nodes);
    let taken: Vec<_> = poster.0.lock().unwrap().taken().map(|tx| tx.1.index).collect();
    assert_eq!(taken, [BatchIndex(0)], "L1 takes one of the two");
}
