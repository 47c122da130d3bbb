// `kill -9` at random moments under load: nothing acknowledged is lost, no batch twice, no gap.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { createPublicClient, http } from "viem";
import { artifact, devnet, ports, rpc, SLUICE, sluice, temporaryFolder, until } from "../harness.mjs";

const KILLS = Number(process.env.SLUICE_KILLS ?? 20);
const seed = Number(process.env.SLUICE_SEED ?? Date.now() % 1_000_000);

/** A small generator, so that a failing run can be repeated. */
function generator(state) {
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

test(`${KILLS} kills under load, SLUICE_SEED=${seed}`, { timeout: 900_000 }, async () => {
  const random = generator(seed);
  const folder = temporaryFolder();
  const args = ["--data-dir", folder.path, ...(await ports())];
  const acknowledged = new Map(); // block number -> block, as somebody outside saw them
  let node;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      node = await devnet(args);
      const url = node.rollup.rpc;
      for (const [number, { hash }] of [...acknowledged].slice(-50)) {
        const block = await rpc(url, "eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
        assert.equal(block?.hash, hash, `block ${number} after kill ${kill}`);
      }
      const load = spawn(SLUICE, ["load", "--rpc", url, "--key", node.table.accounts[0].key, "--count", "4000", "--senders", "20", "--rate", "400"], { stdio: "ignore" });
      const ended = once(load, "exit");
      const stopAt = Date.now() + 1_500 + random() * 5_000;
      while (Date.now() < stopAt) {
        const block = await rpc(url, "eth_getBlockByNumber", ["latest", false]);
        acknowledged.set(Number(block.number), block);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await node.kill();
      load.kill("SIGKILL"); // it would look for its node for some seconds more
      await ended;
    }
    node = await devnet(args);
    const url = node.rollup.rpc;
    for (const [number, { hash }] of acknowledged) {
      const block = await rpc(url, "eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
      assert.equal(block?.hash, hash, `block ${number}`);
    }
    // The ladder catches up: everything acknowledged is derived back from L1.
    const last = Math.max(...acknowledged.keys());
    await until("derived", () => node.heads?.derived >= last, 120_000);
    // Batches on L1: contiguous, each once.
    const count = Number(await batchCount(node));
    let next = 1;
    for (let index = 0; index < count; index++) {
      const batch = await rpc(url, "rollup_getBatch", [index]);
      assert.equal(Number(batch.index), index);
      assert.equal(Number(batch.firstBlock), next);
      next = Number(batch.lastBlock) + 1;
    }
    assert.ok(next > last);
    const fresh = temporaryFolder();
    const out = JSON.parse(await sluice("derive", "--chain", node.rollup.chain_config, "--l1-rpc", node.table.l1.rpc, "--l1-beacon", node.table.l1.beacon, "--data-dir", fresh.path, "--json"));
    fresh.remove();
    const block = await rpc(url, "eth_getBlockByNumber", [`0x${out.number.toString(16)}`, false]);
    assert.equal(out.hash, block.hash);
    const transactions = [...acknowledged.values()].reduce((sum, block) => sum + block.transactions.length, 0);
    assert.ok(transactions > KILLS * 100, `only ${transactions} transactions are no load`);
    console.log(`# ${KILLS} kills, ${acknowledged.size} acknowledged blocks with ${transactions} transactions, ${count} batches, head ${last}`);
  } finally {
    await node?.stop();
    folder.remove();
  }
});

async function batchCount(node) {
  const client = createPublicClient({ transport: http(node.table.l1.rpc) });
  return client.readContract({ address: node.table.contracts.rollup, abi: artifact("Rollup").abi, functionName: "batchCount" });
}
