//! What a node means when it refuses a transaction. Nodes agree on no code, so the words must do.

/// Why a node refuses to take a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has it.
    Known,
    /// The nonce is used; a receipt will show by what.
    NonceUsed,
    /// It wants higher fees, or a larger raise over what it has.
    Underpriced,
    /// The account cannot pay.
    Balance,
    /// Another reason.
    Other,
}

/// Reads the message. Source: the error texts of geth, reth, Nethermind, Besu, Erigon, ethrex and anvil.
pub(crate) fn read(message: &str) -> Refusal {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["already known", "already imported", "known transaction", "alreadyknown", "already in mempool"]) {
        Refusal::Known
    } else if says(&["nonce too low", "nonce for account too low", "nonce is too low", "oldnonce", "nonce_too_low"]) {
        Refusal::NonceUsed
    } else if says(&["insufficient funds", "insufficientfunds", "enough balance", "exceeds balance", "upfront cost"]) {
        Refusal::Balance
    } else if says(&[
        "underpriced",
        "feetoolow",
        "fee too low",
        "fee cap less than",
        "max fee per gas less than",
        "max fee per blob gas less than",
        "gas price too low",
        "replacement",
        "not enough to replace",
    ]) {
        Refusal::Underpriced
    } else {
        Refusal::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_words_of_the_clients() {
        for (message, refusal) in [
            ("already known", Refusal::Known),
            ("AlreadyKnown", Refusal::Known),
            ("nonce too low: next nonce 5, tx nonce 4", Refusal::NonceUsed),
            ("Nonce for account too low", Refusal::NonceUsed),
            ("replacement transaction underpriced", Refusal::Underpriced),
            ("Attempted to replace a pooled transaction with an underpriced transaction", Refusal::Underpriced),
            ("transaction underpriced: gas tip cap 1, minimum needed 1000000", Refusal::Underpriced),
            ("max fee per gas less than block base fee", Refusal::Underpriced),
            ("max fee per blob gas less than block blob gas fee", Refusal::Underpriced),
            ("insufficient funds for gas * price + value", Refusal::Balance),
            ("Account does not have enough balance to cover the tx cost", Refusal::Balance),
            ("Sender's cumulative pending-tx cost (2) exceeds balance (1)", Refusal::Balance),
            ("address already reserved", Refusal::Other),
            ("txpool is full", Refusal::Other),
        ] {
            assert_eq!(read(message), refusal, "{message}");
        }
    }
}
