//! Reads executed blocks, epoch by epoch.

use alloy_primitives::U256;
use sluice_store::Store;
use sluice_types::{DEPOSIT_TX_TYPE, L2Number, SealedBlock};

use crate::{Error, Seat, Tally};

/// Most blocks that one step reads, so that the room does not stand still meanwhile.
const BLOCKS_PER_STEP: u64 = 2_048;

/// An epoch all of whose blocks are executed here.
#[derive(Clone, Debug)]
pub(crate) struct Over {
    pub(crate) epoch: u64,
    pub(crate) last_block: L2Number,
    /// `None` when this node has not seen all of it: blocks that were derived from L1 do not tell their views.
    pub(crate) tally: Option<Tally>,
}

/// How far blocks are read.
#[derive(Debug)]
pub(crate) struct Count {
    next: L2Number,
    /// The epoch of the block before `next`, and what is counted of it.
    running: Option<(u64, Option<Tally>)>,
    /// Blocks of an unknown epoch were passed.
    gap: bool,
}

impl Count {
    /// After the last epoch that is stored.
    pub(crate) fn start(store: &Store) -> Result<Self, Error> {
        let last = store.last_rewards(1)?.first().map_or(L2Number(0), |last| last.last_block);
        Ok(Self { next: last.next(), running: None, gap: false })
    }

    /// Reads on, to the end of an epoch if there is one among the next blocks. The block after it is looked at and not counted.
    pub(crate) fn read(&mut self, store: &Store, seat: &impl Seat) -> Result<Option<Over>, Error> {
        let executed = store.heads().executed;
        for _ in 0..BLOCKS_PER_STEP {
            if self.next > executed {
                return Ok(None);
            }
            let Some((ordered, _)) = store.ordered(self.next)? else {
                self.gap = true;
                if let Some((_, tally)) = &mut self.running {
                    *tally = None;
                }
                self.next = self.next.next();
                continue;
            };
            let is_after_gap = std::mem::take(&mut self.gap);
            if self.running.as_ref().is_none_or(|(epoch, _)| *epoch != ordered.epoch) {
                // Of the epoch in which a gap ends, nobody knows here how it began.
                let place = seat.place(ordered.epoch).filter(|_| !is_after_gap);
                let tally = place.map(|place| Tally::new(size(place.seats)));
                let last_block = L2Number(self.next.0.saturating_sub(1));
                let before = self.running.replace((ordered.epoch, tally));
                if let Some((epoch, tally)) = before {
                    return Ok(Some(Over { epoch, last_block, tally }));
                }
            }
            if let Some((epoch, Some(tally))) = &mut self.running {
                let sealed = store.block(self.next)?.ok_or(Error::Missing(self.next))?;
                tally.add(ordered.view, base_fees_wei(store, &sealed)?, |view| seat.leader(*epoch, view));
            }
            self.next = self.next.next();
        }
        Ok(None)
    }
}

/// What a block's transactions have paid as base fee. Deposits pay none: L1 has paid for their gas.
fn base_fees_wei(store: &Store, sealed: &SealedBlock) -> Result<U256, Error> {
    let (block, number) = (&sealed.block, sealed.number());
    let mut paid_gas = block.header.gas_used;
    if block.inbox_transactions > 0 {
        let receipts = store.receipts(number)?.ok_or(Error::Missing(number))?;
        let from_inbox = receipts.iter().take(block.inbox_transactions);
        let deposits = from_inbox.filter(|receipt| receipt.tx_type == DEPOSIT_TX_TYPE);
        paid_gas = deposits.fold(paid_gas, |gas, receipt| gas.saturating_sub(receipt.gas_used));
    }
    Ok(U256::from(block.header.base_fee_per_gas.unwrap_or_default()).saturating_mul(U256::from(paid_gas)))
}

fn size(seats: u32) -> usize {
    usize::try_from(seats).expect("a committee fits in memory")
}
