//! What the inbox puts into a block: the one rule that the sequencer follows when it proposes and `derive` when it checks.

use alloc::vec::Vec;

use crate::{InboxMessage, InputTransaction, MessageKind, RollupId, Transaction};

/// The transactions that these messages become, in order.
///
/// A deposit always becomes one. A forced message becomes one when its bytes are exactly one signed transaction with a valid
/// signature; otherwise it is consumed and yields none. Whether a forced transaction then executes is decided like for any other.
pub fn inbox_inputs(messages: &[InboxMessage], rollup: RollupId) -> Vec<InputTransaction> {
    messages.iter().filter_map(|message| inbox_input(message, rollup)).collect()
}

fn inbox_input(message: &InboxMessage, rollup: RollupId) -> Option<InputTransaction> {
    match message.kind {
        MessageKind::Deposit => {
            let deposit = message.deposit(rollup);
            Some(InputTransaction { sender: deposit.from, transaction: Transaction::Deposit(deposit) })
        }
        MessageKind::Forced => {
            let transaction = Transaction::Signed(Transaction::decode_signed(&message.data).ok()?);
            let sender = transaction.recover().ok()?;
            Some(InputTransaction { transaction, sender })
        }
    }
}

/// Gas that a message asks for: a deposit's limit, a forced transaction's own limit, 0 for forced bytes that do not decode.
pub fn inbox_gas(message: &InboxMessage) -> u64 {
    match message.kind {
        MessageKind::Deposit => message.gas_limit,
        MessageKind::Forced => {
            Transaction::decode_signed(&message.data).map_or(0, |signed| Transaction::Signed(signed).gas_limit())
        }
    }
}

/// Whether one block may consume these messages: together they ask for at most `gas_max`, or there is only one.
///
/// A single message always fits, so that nobody can stop the queue by forcing in a transaction that names a huge gas limit;
/// such a transaction is then left out by execution.
pub fn inbox_fits(messages: &[InboxMessage], gas_max: u64) -> bool {
    let total = messages.iter().fold(0u64, |total, message| total.saturating_add(inbox_gas(message)));
    messages.len() <= 1 || total <= gas_max
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, address};

    use super::*;
    use crate::{L1Number, MessageIndex, SignedTransaction};

    fn message(index: u64, kind: MessageKind, gas_limit: u64, data: Bytes) -> InboxMessage {
        InboxMessage {
            index: MessageIndex(index),
            kind,
            from: address!("00000000000000000000000000000000000000aa"),
            to: Address::ZERO,
            mint: U256::from(1),
            value: U256::ZERO,
            gas_limit,
            data,
            l1_number: L1Number(1),
            l1_timestamp: 1,
        }
    }

    /// A transaction with this gas limit; `r` 1 recovers to somebody, `r` 0 to nobody.
    fn forced(index: u64, gas_limit: u64, r: u64) -> InboxMessage {
        let tx = TxEip1559 { chain_id: 7, gas_limit, to: TxKind::Call(Address::ZERO), ..TxEip1559::default() };
        let signed = tx.into_signed(Signature::new(U256::from(r), U256::from(1), false));
        let bytes = Transaction::Signed(SignedTransaction::from(signed)).encode();
        message(index, MessageKind::Forced, 0, bytes.into())
    }

    #[test]
    fn deposits_always_and_forced_only_when_they_decode_and_recover() {
        let garbage = message(1, MessageKind::Forced, 0, Bytes::from_static(b"\x02garbage"));
        let mut deposit_bytes = message(4, MessageKind::Forced, 0, Bytes::new());
        deposit_bytes.data = Transaction::Deposit(deposit_bytes.deposit(RollupId(7))).encode().into();
        let messages = [
            message(0, MessageKind::Deposit, 100, Bytes::new()),
            garbage,
            forced(2, 50, 1),
            forced(3, 60, 0),
            deposit_bytes,
        ];
        let inputs = inbox_inputs(&messages, RollupId(7));
        assert_eq!(inputs.len(), 2);
        assert_eq!(inputs[0].transaction.ty(), crate::DEPOSIT_TX_TYPE);
        assert_eq!(inputs[0].sender, messages[0].from);
        assert_eq!(inputs[1].transaction.gas_limit(), 50);
        assert_eq!(inputs[1].sender, inputs[1].transaction.recover().unwrap());
        assert_eq!(messages.iter().map(inbox_gas).collect::<Vec<_>>(), vec![100, 0, 50, 60, 0]);
    }

    #[test]
    fn one_message_always_fits_and_several_up_to_the_limit() {
        let (small, huge) = (forced(0, 50, 1), forced(1, u64::MAX, 1));
        assert!(inbox_fits(&[], 0));
        assert!(inbox_fits(core::slice::from_ref(&huge), 100));
        assert!(!inbox_fits(&[small.clone(), huge.clone()], 100));
        assert!(!inbox_fits(&[huge.clone(), huge], 100));
        assert!(inbox_fits(&[small.clone(), small.clone()], 100));
        assert!(!inbox_fits(&[small.clone(), small], 99));
    }
}
