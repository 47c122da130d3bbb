// Fees move by themselves: what clients pay on L2 reaches the pot on L1, then the rewards, then a seat. Nobody acts but the nodes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createPublicClient, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { artifact, devnet, freePort, freePorts, rpc, sluice, temporaryFolder, until } from "../harness.mjs";

const SEATS = 4;
const EPOCH_S = 40;
const SHARE_BPS = 2_000;
const VAULT = "0x5100000000000000000000000000000000000003";
const OUTBOX = "0x5100000000000000000000000000000000000002";
/** Gas of a transaction whose first instruction is invalid: all of it. As much as one may have (EIP-7825). */
const BURNED_GAS = 1n << 24n;
const BURNS_AT_ONCE = 4;
const WAIT_MAX_MS = 90_000;

test("fees reach the seats, and nobody moves them by hand", { timeout: 300_000 }, async () => {
  const folder = temporaryFolder();
  const first = await freePorts(SEATS * 4);
  const base = (kind) => String(first + kind * SEATS);
  const node = await devnet(["--data-dir", folder.path, "--sequencers", String(SEATS), "--epoch-s", String(EPOCH_S),
    "--seat-fee-share-bps", String(SHARE_BPS), "--l1-port", String(await freePort()), "--rpc-port", base(0), "--explorer-port", base(1),
    "--metrics-port", base(2), "--peer-port", base(3)], { timeoutMs: 120_000 });
  const { rpc: l1Url } = node.table.l1;
  const l2Url = node.rollup.rpc;
  const chainFile = node.rollup.chain_config;
  const l1 = createPublicClient({ transport: http(l1Url) });
  const l2 = createPublicClient({ transport: http(l2Url) });
  let paying = true;
  try {
    const named = (name) => readFileSync(chainFile, "utf8").match(new RegExp(`^${name} = "(0x[0-9a-fA-F]{40})"`, "m"))[1];
    const posting = named("posting");
    const of = (address, name) => (functionName, args = []) => l1.readContract({ address, abi: artifact(name).abi, functionName, args });
    const ofSequencers = of(named("registry"), "Sequencers");
    const rewards = await ofSequencers("rewards");
    const ofRewards = of(rewards, "Rewards");
    const ofPosting = of(posting, "Posting");
    const logs = (address, name, event) => l1.getContractEvents({ address, abi: artifact(name).abi, eventName: event, fromBlock: 0n, strict: true });
    assert.equal(named("fee_recipient").toLowerCase(), posting.toLowerCase());
    const reserve = await ofPosting("reserveWei");

    // A client brings ether from L1, since what the genesis gives accounts is not in the bridge; and pays, for nothing.
    const account = privateKeyToAccount("0x" + "fe".repeat(32));
    await sluice("bridge", "deposit", "--l1-rpc", l1Url, "--rollup-rpc", l2Url, "--key", node.table.accounts[8].key, "--to", account.address,
      "--amount", "2ether");
    await until("it is on L2", async () => (await l2.getBalance({ address: account.address })) > 0n, WAIT_MAX_MS);
    let nonce = 0;
    let paid = 0n;
    const pay = async () => {
      while (paying) {
        const hashes = [];
        for (let i = 0; i < BURNS_AT_ONCE; i++, nonce++) {
          const raw = await account.signTransaction({ data: "0xfe", nonce, gas: BURNED_GAS, maxFeePerGas: 1_000_000_000n, maxPriorityFeePerGas: 0n,
            type: "eip1559", chainId: node.rollup.chain_id });
          hashes.push(await rpc(l2Url, "eth_sendRawTransaction", [raw]));
        }
        for (const hash of hashes) {
          const receipt = await until("it is in a block", () => rpc(l2Url, "eth_getTransactionReceipt", [hash]), WAIT_MAX_MS);
          paid += BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
        }
      }
    };
    // Kept until it is asked for: what ends the test first is what it reports.
    const client = pay().then(() => null, (error) => error);

    const since = Date.now();
    const sent = await until("the vault has sent its fees to L1", async () => {
      const event = artifact("Outbox").abi.find(({ type, name }) => type === "event" && name === "MessageSent");
      const all = await l2.getLogs({ address: OUTBOX, event, args: { sender: VAULT }, fromBlock: 0n, strict: true });
      return all.length > 0 && all;
    }, WAIT_MAX_MS);
    for (const { args } of sent) assert.ok(args.value >= parseEther("0.01") && args.target.toLowerCase() === posting.toLowerCase());
    const bridge = named("bridge");
    const claimed = await until("they are claimed on L1", async () => {
      const all = await logs(bridge, "Bridge", "WithdrawalClaimed");
      return all.length > 0 && all;
    }, WAIT_MAX_MS);
    const onL1 = Date.now() - since;
    assert.deepEqual([claimed[0].args.leafIndex, claimed[0].args.value], [sent[0].args.index, sent[0].args.value]);
    await until("what is above the reserve is swept", async () => (await logs(posting, "Posting", "Swept")).length > 0, WAIT_MAX_MS);

    // The record of an epoch gives them to the seats.
    const recorded = await until("a record with a share of the fees", async () =>
      (await logs(rewards, "Rewards", "Recorded")).find(({ args }) => args.feesWei > 0n), WAIT_MAX_MS);
    const { epoch, feesWei } = recorded.args;
    const counted = await rpc(l2Url, "rollup_getRewards", [Number(epoch)]);
    const entries = counted.entries.map(({ entry }) => entry);
    assert.equal(counted.root, recorded.args.root);
    assert.equal(entries.reduce((sum, entry) => sum + BigInt(entry.feesWei), 0n), feesWei);
    paying = false;
    assert.equal(await client, null);
    assert.ok(feesWei <= (paid * BigInt(SHARE_BPS)) / 10_000n, `${feesWei} of ${paid}`);

    // A seat is paid exactly, and what it is not paid stays.
    const entry = entries.find(({ feesWei }) => BigInt(feesWei) > 0n);
    const payee = "0x00000000000000000000000000000000000fee5a";
    const operator = node.table.accounts[0];
    await sluice("stake", "set-contact", "--chain", chainFile, "--l1-rpc", l1Url, "--key", operator.key, "--seat", String(entry.seat),
      "--network-address", (await ofSequencers("contactOf", [entry.seat])).networkAddress,
      "--poster", (await ofSequencers("contactOf", [entry.seat])).poster, "--reward-recipient", payee);
    const assigned = await ofRewards("assignedWei");
    await sluice("stake", "claim", "--chain", chainFile, "--l1-rpc", l1Url, "--key", operator.key, "--seat", String(entry.seat), "--epoch", String(epoch),
      "--rollup-rpc", l2Url);
    assert.equal(await l1.getBalance({ address: payee }), BigInt(entry.feesWei));

    // To the wei, as of one L1 block: each fee that left L2 was claimed once, refunded, swept, or is in the pot; what was swept is in the rewards.
    const blockNumber = await l1.getBlockNumber();
    const upTo = (address, name, event) => l1.getContractEvents({ address, abi: artifact(name).abi, eventName: event, fromBlock: 0n, toBlock: blockNumber, strict: true });
    const sum = (events, field) => events.reduce((total, { args }) => total + args[field], 0n);
    const claims = await upTo(bridge, "Bridge", "WithdrawalClaimed");
    const sweeps = await upTo(posting, "Posting", "Swept");
    const refunds = await upTo(posting, "Posting", "Refunded");
    assert.equal(new Set(claims.map(({ args }) => args.leafIndex)).size, claims.length);
    assert.equal(sum(claims, "value"), sum(sweeps, "surplusWei") + sum(refunds, "refundWei") + await l1.getBalance({ address: posting, blockNumber }));
    assert.equal(sum(sweeps, "surplusWei"), await l1.getBalance({ address: rewards, blockNumber }) + BigInt(entry.feesWei));
    assert.ok(assigned >= BigInt(entry.feesWei) && reserve > 0n);
    console.log(`# ${paid} wei paid by ${nonce} transactions; ${sum(claims, "value")} in ${claims.length} claims, the first ${onL1} ms after the client began; ${sum(sweeps, "surplusWei")} swept; epoch ${epoch} gives ${feesWei}, seat ${entry.seat} was paid ${entry.feesWei}`);
  } catch (error) {
    console.log(`# ${node.log()}`);
    throw error;
  } finally {
    paying = false;
    await node.stop();
    folder.remove();
  }
});
