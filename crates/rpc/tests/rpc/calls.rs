//! Questions that execute code.

use alloy_primitives::{Address, Bytes, U256, address, hex};
use serde_json::{Value, json};
use sluice_types::predeploys::OUTBOX;

use crate::{
    chain::{Chain, ETHER, user},
    rig::Rig,
};

const SOMEWHERE: Address = address!("00000000000000000000000000000000000000dd");

/// Code that reverts with these bytes.
fn reverting(data: &[u8]) -> Bytes {
    // PUSH1 length, DUP1, PUSH1 0x0b, PUSH1 0, CODECOPY, PUSH1 0, REVERT
    let length = u8::try_from(data.len()).unwrap();
    [&[0x60, length, 0x80, 0x60, 0x0b, 0x60, 0x00, 0x39, 0x60, 0x00, 0xfd], data].concat().into()
}

async fn rig() -> Rig {
    let chain = Chain::new(1_000_000);
    chain.block(vec![]);
    Rig::new(chain).await
}

#[tokio::test]
async fn calls_read_contracts_and_leave_no_trace() {
    let rig = rig().await;
    // `DATA_SIZE_MAX()`.
    let size = rig.ask("eth_call", json!([{ "to": OUTBOX, "data": "0xa293c0a6" }, "latest"])).await;
    assert_eq!(size, json!(Bytes::from(U256::from(32_768).to_be_bytes::<32>())));
    let both = json!([{ "to": OUTBOX, "data": "0xa293c0a6", "input": "0xa293c0a6" }]);
    assert_eq!(rig.ask("eth_call", both).await, size);
    // A withdrawal would move the count of messages; a call does not.
    let input = format!("0x51cff8d9{:0>64}", "bb");
    rig.ask("eth_call", json!([{ "from": user(), "to": OUTBOX, "value": "0x1", "input": input }])).await;
    let count = rig.ask("eth_getStorageAt", json!([OUTBOX, "0x1", "latest"])).await;
    assert_eq!(count, json!(alloy_primitives::B256::ZERO));
}

#[tokio::test]
async fn reverts_carry_code_3_reason_and_data() {
    let rig = rig().await;
    // Somebody's custom error: `ZeroRecipient()`.
    let zero = json!([{ "to": OUTBOX, "data": format!("0x51cff8d9{:0>64}", "") }]);
    let expected = (3, "execution reverted".to_owned(), Some(json!("0xd27b4443")));
    assert_eq!(rig.try_ask("eth_call", zero.clone()).await, Err(expected.clone()));
    assert_eq!(rig.try_ask("eth_estimateGas", zero).await, Err(expected));

    let error = hex!(
        "08c379a00000000000000000000000000000000000000000000000000000000000000020
         000000000000000000000000000000000000000000000000000000000000000a6e6f7420656e6f75676800000000000000000000000000000000000000000000"
    );
    let panic = hex!("4e487b710000000000000000000000000000000000000000000000000000000000000012");
    for (data, message) in
        [(&error[..], "execution reverted: not enough"), (&panic[..], "execution reverted: division or modulo by zero")]
    {
        let overrides = json!({ SOMEWHERE.to_string(): { "code": reverting(data) } });
        let asked = rig.try_ask("eth_call", json!([{ "to": SOMEWHERE }, "latest", overrides])).await;
        assert_eq!(asked, Err((3, message.to_owned(), Some(json!(Bytes::copy_from_slice(data))))));
    }
}

#[tokio::test]
async fn overrides_change_what_a_call_sees() {
    let rig = rig().await;
    // SLOAD(0), and BALANCE of the caller, returned as two words.
    let code = "0x5f545f52333160205260405ff3";
    let from = Address::repeat_byte(0x66);
    let slot = alloy_primitives::B256::ZERO;
    let value = alloy_primitives::B256::with_last_byte(9);
    for storage in ["state", "stateDiff"] {
        let overrides = json!({
            SOMEWHERE.to_string(): { "code": code, storage: { slot.to_string(): value } },
            from.to_string(): { "balance": "0x2a" },
        });
        let answer = rig.ask("eth_call", json!([{ "from": from, "to": SOMEWHERE }, "latest", overrides])).await;
        let expected = [value.0, U256::from(42).to_be_bytes::<32>()].concat();
        assert_eq!(answer, json!(Bytes::from(expected)), "{storage}");
    }
    let both = json!({ SOMEWHERE.to_string(): { "state": {}, "stateDiff": {} } });
    let refused = rig.try_ask("eth_call", json!([{ "to": SOMEWHERE }, "latest", both])).await.unwrap_err();
    assert_eq!(refused.0, -32602);
    assert!(refused.1.ends_with("has both 'state' and 'stateDiff'"), "{}", refused.1);
    let fields = json!([{ "to": SOMEWHERE }, "latest", {}, { "number": "0x1" }]);
    assert_eq!(rig.try_ask("eth_call", fields).await.unwrap_err().0, -32602);
}

#[tokio::test]
async fn estimates_suffice_and_halts_say_why() {
    let rig = rig().await;
    let plain = json!([{ "from": user(), "to": SOMEWHERE, "value": "0x1" }]);
    assert_eq!(rig.ask("eth_estimateGas", plain).await, "0x5208");
    let withdrawal =
        json!({ "from": user(), "to": OUTBOX, "value": "0x1", "input": format!("0x51cff8d9{:0>64}", "bb") });
    let estimate = rig.ask("eth_estimateGas", json!([withdrawal])).await;
    let mut enough = withdrawal.clone();
    enough["gas"] = estimate.clone();
    rig.ask("eth_call", json!([enough])).await;
    let mut short = withdrawal;
    let gas = u64::from_str_radix(estimate.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    short["gas"] = json!(format!("{:#x}", gas / 2));
    let (code, message, _) = rig.try_ask("eth_call", json!([short])).await.unwrap_err();
    assert_eq!(code, -32000);
    assert!(message.to_lowercase().contains("out of gas"), "{message}");

    let poor = json!([{ "from": Address::repeat_byte(0x55), "to": SOMEWHERE, "value": "0x1" }]);
    let (code, message, _) = rig.try_ask("eth_estimateGas", poor).await.unwrap_err();
    assert_eq!(code, -32000);
    assert!(message.starts_with("insufficient funds"), "{message}");
}

#[tokio::test]
async fn access_lists_name_what_a_call_touches() {
    let rig = rig().await;
    let request = json!({ "from": user(), "to": OUTBOX, "value": "0x1", "input": format!("0x51cff8d9{:0>64}", "bb") });
    let found = rig.ask("eth_createAccessList", json!([request, "latest"])).await;
    assert_eq!(found.get("error"), None);
    let outbox = found["accessList"].as_array().unwrap().iter().find(|item| item["address"] == json!(OUTBOX)).unwrap();
    let slots = outbox["storageKeys"].as_array().unwrap();
    assert!(slots.contains(&json!(alloy_primitives::B256::ZERO)), "{slots:?}");
}

#[tokio::test]
async fn calls_that_make_no_sense_are_refused_in_gos_words() {
    let rig = rig().await;
    let ether = format!("{ETHER:#x}");
    let table: [(Value, i32, &str); 6] = [
        (
            json!({ "gasPrice": "0x1", "maxFeePerGas": "0x1" }),
            -32000,
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
        ),
        (
            json!({ "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2" }),
            -32000,
            "maxFeePerGas (1) < maxPriorityFeePerGas (2)",
        ),
        (json!({ "chainId": "0x1" }), -32000, "chainId does not match node's (have=1, want=7777)"),
        (json!({ "blobVersionedHashes": [] }), -32000, "blob transactions (type 3) are not accepted on this chain"),
        (
            json!({ "data": "0x01", "input": "0x02" }),
            -32000,
            "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass transaction call data",
        ),
        (json!({ "from": Address::repeat_byte(0x55), "value": ether }), -32000, "insufficient funds"),
    ];
    for (mut request, code, message) in table {
        request["to"] = json!(SOMEWHERE);
        let refused = rig.try_ask("eth_call", json!([request])).await.unwrap_err();
        assert_eq!(refused.0, code, "{request}");
        assert!(refused.1.starts_with(message), "{request}: {}", refused.1);
    }
    for method in ["eth_call", "eth_estimateGas", "eth_getBalance", "eth_getCode"] {
        let first = if method.starts_with("eth_get") { json!(SOMEWHERE) } else { json!({ "to": SOMEWHERE }) };
        let refused = rig.try_ask(method, json!([first, "0x99"])).await;
        assert_eq!(refused, Err((-32000, "header not found".to_owned(), None)), "{method}");
    }
}
