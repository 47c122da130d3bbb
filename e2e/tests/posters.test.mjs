// Four sequencers, two of which cannot pay L1 any more: whoever is next takes over, batches keep arriving, and who posts in turn is
// refunded.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createPublicClient, createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { artifact, devnet, freePort, freePorts, temporaryFolder, until } from "../harness.mjs";

/** What the pot gets, far more than it is asked for. */
const POT_WEI = 10n ** 18n;
const SEATS = 4;
const DEAD = 2;
/** Longer than a round of a devnet's turns, so that the dead ones were in turn, too. */
const WATCHED_S = 100;
/** Two takeovers of a devnet after each other, and what a batch and a busy machine need. */
const GAP_S_MAX = 30;

test(`${SEATS} sequencers, ${DEAD} of them without ETH on L1`, { timeout: 400_000 }, async () => {
  const folder = temporaryFolder();
  const first = await freePorts(SEATS * 2);
  const node = await devnet(["--data-dir", folder.path, "--sequencers", String(SEATS), "--l1-port", String(await freePort()),
    "--rpc-port", String(first), "--explorer-port", String(await freePort()), "--metrics-port", String(await freePort()),
    "--peer-port", String(first + SEATS)], { timeoutMs: 120_000 });
  try {
    const l1 = createPublicClient({ transport: http(node.table.l1.rpc) });
    const posters = Array.from({ length: SEATS }, (_, index) => {
      const file = join(folder.path, index === 0 ? "sequencer.key" : `sequencer-${index}.key`);
      return privateKeyToAccount(`0x${readFileSync(file, "utf8").trim().replace(/^0x/, "")}`);
    });
    const dead = posters.slice(0, DEAD);
    const nobody = "0x000000000000000000000000000000000000dEaD";
    for (const account of dead) {
      const wallet = createWalletClient({ account, transport: http(node.table.l1.rpc) });
      // It may be posting at this moment, so its nonce and what it has may change under us.
      await until("the account is empty", async () => {
        const balance = await l1.getBalance({ address: account.address });
        if (balance < 10n ** 14n) return true;
        const gasPrice = (await l1.getGasPrice()) * 2n;
        const request = { to: nobody, value: balance - 21_000n * gasPrice, gas: 21_000n, gasPrice, type: "legacy", chain: null };
        const hash = await wallet.sendTransaction({ ...request, chainId: node.table.l1.chain_id }).catch(() => null);
        if (hash) await l1.waitForTransactionReceipt({ hash, timeout: 10_000 }).catch(() => null);
        return false;
      }, 60_000);
    }
    const funder = createWalletClient({ account: privateKeyToAccount(node.table.accounts[9].key), transport: http(node.table.l1.rpc) });
    const { posting } = node.table.contracts;
    const funded = await funder.sendTransaction({ to: posting, value: POT_WEI, chain: null, chainId: node.table.l1.chain_id });
    await l1.waitForTransactionReceipt({ hash: funded });
    const { abi } = artifact("Rollup");
    const from = (await l1.getBlock()).number;
    const start = Date.now();
    const batches = new Map(); // index -> when it was seen, and who posted it
    let last = start;
    let gap = 0;
    while (Date.now() - start < WATCHED_S * 1_000) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const logs = await l1.getContractEvents({ address: node.table.contracts.rollup, abi, eventName: "BatchCommitted", fromBlock: from + 1n });
      for (const { args, transactionHash } of logs) {
        if (batches.has(args.index)) continue;
        const { from: poster } = await l1.getTransaction({ hash: transactionHash });
        batches.set(args.index, poster.toLowerCase());
        last = Date.now();
      }
      gap = Math.max(gap, Date.now() - last);
      assert.ok(gap < GAP_S_MAX * 1_000, `no batch for ${gap} ms\n${node.log()}`);
    }
    const by = (account) => [...batches.values()].filter((poster) => poster === account.address.toLowerCase()).length;
    const counts = posters.map(by);
    assert.deepEqual(counts.slice(0, DEAD), Array(DEAD).fill(0), "who has nothing posts nothing");
    assert.ok(counts.slice(DEAD).every((count) => count > 0), `those who are left take turns: ${counts}`);
    assert.equal(counts.reduce((sum, count) => sum + count), batches.size, "nobody else posts");
    const all = await l1.getContractEvents({ address: posting, abi: artifact("Posting").abi, eventName: "Refunded", fromBlock: from + 1n });
    const refunds = all.filter(({ args }) => batches.has(args.index));
    for (const { args, transactionHash } of refunds) {
      assert.equal(batches.get(args.index), args.poster.toLowerCase());
      const receipt = await l1.getTransactionReceipt({ hash: transactionHash });
      const spent = receipt.gasUsed * receipt.effectiveGasPrice + receipt.blobGasUsed * receipt.blobGasPrice;
      assert.equal(args.refundWei, spent, "a refund is what the transaction cost");
    }
    assert.ok(refunds.length * 2 > batches.size, `${refunds.length} of ${batches.size} batches were posted in turn`);
    const { derived } = node.heads;
    await until("the chain is derived from them", () => node.heads.derived > derived, 60_000);
    console.log(`# ${batches.size} batches in ${WATCHED_S} s by ${counts}, longest gap ${gap} ms, ${refunds.length} refunded`);
  } finally {
    await node.stop();
    folder.remove();
  }
});
