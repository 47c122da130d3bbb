// Four sequencers, each a process, under load: whoever proposes is killed again and again. The chain goes on, nothing that was seen
// is lost, and whoever comes back catches up.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { devnet, freePort, freePorts, rpc, SLUICE, temporaryFolder, until } from "../harness.mjs";

const KILLS = Number(process.env.SLUICE_LEADER_KILLS ?? 5);
const SEATS = 4;
/** Longer than any shared machine should take; what it takes is printed. */
const NEXT_BLOCK_MAX_MS = 60_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const blockOf = (url, number) => rpc(url, "eth_getBlockByNumber", [number, false]);
const headOf = async (url) => Number((await blockOf(url, "latest")).number);

test(`${SEATS} sequencers, ${KILLS} leaders killed under load`, { timeout: 1_200_000 }, async () => {
  const folder = temporaryFolder();
  const first = await freePorts(SEATS * 4);
  const base = (kind) => String(first + kind * SEATS);
  const node = await devnet(["--data-dir", folder.path, "--sequencers", String(SEATS), "--processes", "--l1-port", String(await freePort()),
    "--rpc-port", base(0), "--explorer-port", base(1), "--metrics-port", base(2), "--peer-port", base(3)], { timeoutMs: 120_000 });
  const seats = node.table.rollups.map((rollup, index) => ({
    url: rollup.rpc, config: rollup.node_config, pid: rollup.process, child: null, alive: true,
    beneficiary: node.table.accounts[index].address.toLowerCase(),
  }));
  const alive = () => seats.filter((seat) => seat.alive);
  const restart = (seat) => {
    seat.log ??= openSync(`${seat.config}.log`, "a");
    seat.child = spawn(SLUICE, ["node", "--config", seat.config], { stdio: ["ignore", "ignore", seat.log] });
    seat.pid = seat.child.pid;
    seat.alive = true;
  };
  let loading = true;
  const seen = new Map(); // transaction -> block hash, as somebody outside saw them
  const load = async (account, nonce = 0) => {
    const signer = privateKeyToAccount(account.key);
    const wallet = createWalletClient({ account: signer, transport: http(seats[0].url) });
    const chainId = node.table.rollups[0].chain_id;
    const fees = { gas: 21_000n, maxFeePerGas: 10_000_000_000n, maxPriorityFeePerGas: 1n, type: "eip1559", chainId };
    for (; loading; nonce++) {
      const raw = await wallet.account.signTransaction({ to: signer.address, value: 1n, nonce, ...fees });
      let receipt = null;
      while (!receipt && loading) {
        // To whoever is there; the same bytes again where they may have been lost with a node.
        const choices = alive();
        const { url } = choices[Math.floor(Math.random() * choices.length)];
        const hash = await rpc(url, "eth_sendRawTransaction", [raw]).catch((error) => error.message);
        for (let i = 0; i < 40 && !receipt && loading && hash.length === 66; i++) {
          receipt = await rpc(url, "eth_getTransactionReceipt", [hash]).catch(() => null);
          if (!receipt) await sleep(25);
        }
        if (!receipt) {
          // Another node may hold it already.
          await sleep(25);
          if (hash.length !== 66) receipt = await findReceipt(raw);
        }
      }
      if (receipt) seen.set(receipt.transactionHash, receipt.blockHash);
    }
  };
  const findReceipt = async (raw) => {
    const { keccak256 } = await import("viem");
    for (const { url } of alive()) {
      const receipt = await rpc(url, "eth_getTransactionReceipt", [keccak256(raw)]).catch(() => null);
      if (receipt) return receipt;
    }
    return null;
  };
  try {
    await until("the first blocks", async () => (await headOf(seats[0].url)) >= 3, 60_000);
    const loads = node.table.accounts.slice(4, 8).map((account) => load(account));
    const firsts = [];
    const seconds = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(1_000);
      const { miner } = await blockOf(seats[0].url, "latest");
      const leader = seats.findIndex((seat) => seat.beneficiary === miner.toLowerCase());
      // The one whose turn comes next, so that its turn is lost. The first stays: a devnet ends, and its L1, when all it started are gone.
      const next = (leader + 1) % SEATS || 1;
      const victim = seats[next];
      const witness = seats[(next + 1) % SEATS];
      victim.alive = false;
      const before = await headOf(witness.url);
      process.kill(victim.pid, "SIGKILL");
      const killed = performance.now();
      // The first may have been decided before; the second needs those who are left.
      await until("the next block", async () => (await headOf(witness.url)) >= before + 1, NEXT_BLOCK_MAX_MS);
      firsts.push(performance.now() - killed);
      await until("a block without it", async () => (await headOf(witness.url)) >= before + 2, NEXT_BLOCK_MAX_MS);
      seconds.push(performance.now() - killed);
      await sleep(500);
      restart(victim);
      await until("it caught up", async () => {
        const mine = await headOf(victim.url).catch(() => -1);
        return mine >= (await headOf(witness.url)) - 1;
      }, 180_000);
    }
    loading = false;
    await Promise.all(loads);
    const height = await headOf(seats[0].url);
    for (const { url } of seats) await until("all nodes are there", async () => (await headOf(url)) >= height, 60_000);
    const hashes = await Promise.all(seats.map(async ({ url }) => (await blockOf(url, `0x${height.toString(16)}`)).hash));
    assert.equal(new Set(hashes).size, 1, `all nodes have one block ${height}: ${hashes}`);
    for (const { url } of seats) {
      for (const [hash, blockHash] of seen) {
        const receipt = await rpc(url, "eth_getTransactionReceipt", [hash]);
        assert.equal(receipt?.blockHash, blockHash, `transaction ${hash} at ${url}`);
      }
    }
    assert.ok(seen.size > KILLS * 10, `only ${seen.size} transactions`);
    const part = (waits, at) => Math.round(waits.toSorted((a, b) => a - b)[Math.min(waits.length - 1, Math.floor(waits.length * at))]);
    const figures = (waits) => `p50 ${part(waits, 0.5)}, p99 ${part(waits, 0.99)}, worst ${part(waits, 1)}`;
    console.log(`# ${KILLS} kills, ms until the next block: ${figures(firsts)}; until the one after: ${figures(seconds)}; ${seen.size} transactions, none lost; head ${height}`);
  } catch (error) {
    // What those that came back said last.
    for (const { config, log } of seats) if (log) console.log(`# ${config}\n${readFileSync(`${config}.log`, "utf8").slice(-3_000)}`);
    throw error;
  } finally {
    loading = false;
    for (const { child } of seats) child?.kill("SIGKILL");
    await node.stop();
    folder.remove();
  }
});
