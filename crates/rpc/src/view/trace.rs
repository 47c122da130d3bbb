//! Traces, in the shapes of go-ethereum's tracers.

use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes, FixedBytes, U256, hex};
use serde_json::{Map, Value, json};
use sluice_stf::{AccountState, Frame, States, Step};

use super::quantity;
use crate::failure::revert_reason;

/// Bytes of a word of memory.
const WORD_BYTES: usize = 32;

/// As `callTracer` shows it. Absent fields are left out.
pub(crate) fn call_frame(frame: &Frame) -> Value {
    let mut shown = Map::new();
    let mut add = |name: &str, value: Value| drop(shown.insert(name.into(), value));
    add("type", json!(frame.kind.name()));
    add("from", json!(frame.from));
    if let Some(to) = frame.to {
        add("to", json!(to));
    }
    if let Some(value) = frame.value {
        add("value", json!(value));
    }
    add("gas", json!(quantity(frame.gas)));
    add("gasUsed", json!(quantity(frame.gas_used)));
    add("input", json!(frame.input));
    if !frame.output.is_empty() {
        add("output", json!(frame.output));
    }
    if let Some(error) = &frame.error {
        add("error", json!(error));
        // Only what reverts has output beside an error.
        if let Some(reason) = revert_reason(&frame.output) {
            add("revertReason", json!(reason));
        }
    }
    if !frame.logs.is_empty() {
        let logs = frame.logs.iter().map(|logged| {
            let (log, position) = (&logged.log, quantity(u64::try_from(logged.position).unwrap_or(u64::MAX)));
            json!({ "address": log.address, "topics": log.topics(), "data": log.data.data, "position": position })
        });
        add("logs", logs.collect());
    }
    if !frame.calls.is_empty() {
        add("calls", frame.calls.iter().map(call_frame).collect());
    }
    Value::Object(shown)
}

/// As the tracer without a name shows it.
pub(crate) fn struct_logs(steps: &[Step], success: bool, gas_used: u64, output: &[u8]) -> Value {
    let logs: Vec<Value> = steps.iter().map(struct_log).collect();
    let returned = Bytes::copy_from_slice(output);
    json!({ "gas": gas_used, "failed": !success, "returnValue": returned, "structLogs": logs })
}

fn struct_log(step: &Step) -> Value {
    let name = step.name().map_or_else(|| format!("opcode {:#04x} not defined", step.opcode), str::to_owned);
    let mut shown = Map::new();
    let mut add = |name: &str, value: Value| drop(shown.insert(name.into(), value));
    add("pc", json!(step.pc));
    add("op", json!(name));
    add("gas", json!(step.gas));
    add("gasCost", json!(step.gas_cost));
    add("depth", json!(step.depth));
    if step.refund > 0 {
        add("refund", json!(step.refund));
    }
    if let Some(error) = &step.error {
        add("error", json!(error));
    }
    if let Some(stack) = &step.stack {
        add("stack", json!(stack));
    }
    if let Some(data) = step.return_data.as_ref().filter(|data| !data.is_empty()) {
        add("returnData", json!(data));
    }
    if let Some(memory) = &step.memory {
        add("memory", memory.chunks(WORD_BYTES).map(|word| json!(hex::encode(word))).collect());
    }
    if let Some(storage) = &step.storage {
        let digits = |word: &U256| hex::encode(B256::from(*word));
        let slots = storage.iter().map(|(key, value)| (digits(key), json!(digits(value))));
        add("storage", Value::Object(slots.collect()));
    }
    Value::Object(shown)
}

/// As `4byteTracer` shows it.
pub(crate) fn four_bytes(selectors: &BTreeMap<(FixedBytes<4>, usize), u64>) -> Value {
    let counts = selectors.iter().map(|((selector, size), count)| (format!("{selector}-{size}"), json!(count)));
    Value::Object(counts.collect())
}

/// What `prestateTracer` is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prestate {
    /// What changed, before and after, instead of all that was used.
    pub(crate) diff: bool,
    pub(crate) code: bool,
    pub(crate) storage: bool,
}

/// As `prestateTracer` shows it.
pub(crate) fn prestate(states: &States, asked: Prestate) -> Value {
    let (mut pre, mut post) = (Map::new(), Map::new());
    for (address, (before, after)) in states {
        let name = address.to_string().to_lowercase();
        let is_created = before.is_none() && after.as_ref().is_some_and(|after| after.nonce > 0);
        let was = before.clone().unwrap_or_default();
        if !asked.diff {
            if !is_created {
                pre.insert(name, account(&was, asked));
            }
            continue;
        }
        let Some(now) = after else {
            // Gone, or never there.
            if let Some(before) = before {
                pre.insert(name, account(&without_zeros(before), asked));
            }
            continue;
        };
        let Some(changed) = changes(&was, now, asked) else { continue };
        post.insert(name.clone(), Value::Object(changed));
        if !is_created {
            let mut was = without_zeros(&was);
            was.storage.retain(|key, value| now.storage.get(key) != Some(value));
            pre.insert(name, account(&was, asked));
        }
    }
    if asked.diff { json!({ "pre": pre, "post": post }) } else { Value::Object(pre) }
}

fn without_zeros(state: &AccountState) -> AccountState {
    let mut state = state.clone();
    state.storage.retain(|_, value| !value.is_zero());
    state
}

fn account(state: &AccountState, asked: Prestate) -> Value {
    let mut shown = Map::new();
    shown.insert("balance".into(), json!(state.balance));
    if state.nonce > 0 {
        shown.insert("nonce".into(), json!(state.nonce));
    }
    if asked.code && !state.code.is_empty() {
        shown.insert("code".into(), json!(state.code));
    }
    if asked.storage && !state.storage.is_empty() {
        shown.insert("storage".into(), slots(state.storage.iter()));
    }
    Value::Object(shown)
}

/// What of an account is otherwise than it was; `None` when nothing is. A slot that became zero is only in what was.
fn changes(was: &AccountState, now: &AccountState, asked: Prestate) -> Option<Map<String, Value>> {
    let mut shown = Map::new();
    let mut is_changed = false;
    if now.balance != was.balance {
        shown.insert("balance".into(), json!(now.balance));
    }
    if now.nonce != was.nonce {
        shown.insert("nonce".into(), json!(now.nonce));
    }
    if asked.code && now.code != was.code {
        shown.insert("code".into(), json!(now.code));
    }
    if asked.storage {
        let value_before = |key: &U256| was.storage.get(key).copied().unwrap_or_default();
        let changed: Vec<_> = now.storage.iter().filter(|(key, value)| value_before(key) != **value).collect();
        is_changed = !changed.is_empty();
        let mut left = changed.into_iter().filter(|(_, value)| !value.is_zero()).peekable();
        if left.peek().is_some() {
            shown.insert("storage".into(), slots(left));
        }
    }
    (is_changed || !shown.is_empty()).then_some(shown)
}

fn slots<'a>(slots: impl Iterator<Item = (&'a U256, &'a U256)>) -> Value {
    let words = slots.map(|(key, value)| (B256::from(*key).to_string(), json!(B256::from(*value))));
    Value::Object(words.collect())
}
