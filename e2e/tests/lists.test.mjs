// A follower executes from the access lists that its peer gives, where that is quicker.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { privateKeyToAccount } from "viem/accounts";
import { devnet, freePorts, rpc, SLUICE, temporaryFolder, until } from "../harness.mjs";

/** Calls of one contract, each dear and all in each other's way, so that only with a list can workers share them. */
const ROUNDS = 3;
const CALLS_EACH = 30;
/** A constant-product pool that loops for some 30,000 gas; its input is the amount. */
const POOL = "6103005b808002506001900380600357505f545f3581810160015480830282900490036001555f5500";
const CREATE = `0x60${(POOL.length / 2).toString(16)}600c60003960${(POOL.length / 2).toString(16)}6000f3${POOL}`;

const folder = temporaryFolder();
let node, follower;

before(async () => (node = await devnet(["--data-dir", folder.path])), { timeout: 120_000 });

after(async () => {
  follower?.kill("SIGKILL");
  await node?.stop();
  folder.remove();
});

test("blocks that only a list lets workers share are executed from it, and are the same", { timeout: 120_000, skip: availableParallelism() < 2 && "one core" }, async () => {
  const url = node.rollup.rpc;
  const block = await until("a first block", () => rpc(url, "eth_getBlockByNumber", ["0x1", false]));
  const first = await freePorts(2);
  const [config, log, fed] = [join(folder.path, "fed.toml"), join(folder.path, "fed.log"), `http://127.0.0.1:${first}`];
  // One sequencer orders alone, and is who receives its blocks' tips.
  writeFileSync(config, [`role = "follower"`, `data_dir = "${join(folder.path, "fed")}"`, `chain = "${node.rollup.chain_config}"`,
    `l1_rpc = "${node.table.l1.rpc}"`, `l1_beacon = "${node.table.l1.beacon}"`, `rpc_port = ${first}`, `explorer_port = 0`, `metrics_port = ${first + 1}`,
    `[feed]`, `peers = ["${url.replace("http", "ws")}"]`, `stall_ms = 15000`, `sequencer = "${block.miner}"`].join("\n"));
  follower = spawn(SLUICE, ["node", "--config", config], { stdio: ["ignore", "ignore", openSync(log, "a")], env: { ...process.env, RUST_LOG: "info", NO_COLOR: "1" } });
  const headOf = async (of) => Number(await rpc(of, "eth_blockNumber"));
  await until("the follower answers", () => headOf(fed).then(() => true, () => follower.exitCode !== null), 30_000);
  assert.equal(follower.exitCode, null, readFileSync(log, "utf8"));

  const users = node.table.accounts.map(({ key }) => ({ account: privateKeyToAccount(key), nonce: 0 }));
  const send = async (user, tx) => rpc(url, "eth_sendRawTransaction", [await user.account.signTransaction({ type: "eip1559", chainId: node.rollup.chain_id,
    nonce: user.nonce++, maxFeePerGas: 10_000_000_000n, maxPriorityFeePerGas: 1n, ...tx })]);
  const receiptOf = (hash) => until("a receipt", () => rpc(url, "eth_getTransactionReceipt", [hash]), 30_000);
  const { contractAddress: pool } = await receiptOf(await send(users[0], { data: CREATE, gas: 300_000n }));
  const amount = `0x${(1_000).toString(16).padStart(64, "0")}`;
  for (let round = 0; round < ROUNDS; round++) {
    const calls = users.flatMap((user) => Array.from({ length: CALLS_EACH }, () => [user, { to: pool, data: amount, gas: 200_000n }]));
    const hashes = [];
    for (const [user, tx] of calls) hashes.push(await send(user, tx));
    for (const hash of hashes) assert.equal((await receiptOf(hash)).status, "0x1");
  }

  const head = await headOf(url);
  await until("the follower has all", async () => (await headOf(fed)) >= head, 30_000);
  const hashAt = async (of) => (await rpc(of, "eth_getBlockByNumber", [`0x${head.toString(16)}`, false])).hash;
  assert.equal(await hashAt(fed), await hashAt(url));
  const metrics = await (await fetch(`http://127.0.0.1:${first + 1}/metrics`)).text();
  const count = (name) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(metrics)?.[1] ?? 0);
  console.log(`# ${count("executor_lists_used_total")} of ${head} blocks executed from their lists`);
  assert.ok(count("executor_lists_used_total") > 0);
  assert.equal(count("executor_lists_not_used_total"), 0, "the peer tells the truth");
});
