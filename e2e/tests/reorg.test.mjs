// L1 reorganises while batches are being posted: the heads go back and come again, and nothing executed is undone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { command, devnet, rpc, SLUICE, sluice, temporaryFolder, until } from "../harness.mjs";

test("reorganisations of depth 1 to 8", { timeout: 400_000 }, async () => {
  const node = await devnet(["--l1-confirmations", "10", "--l1-finality-blocks", "16", "--batch-age-s", "1"]);
  const { rpc: url } = node.rollup;
  const folder = temporaryFolder();
  try {
    const load = command(SLUICE, ["load", "--rpc", url, "--key", node.table.accounts[0].key, "--count", "6000", "--senders", "20", "--rate", "100", "--json"]);
    // Enough L1 blocks below for the deepest reorganisation to stay above what L2 builds on.
    await until("L1 is long enough", async () => Number(await rpc(node.table.l1.rpc, "eth_blockNumber")) > 20);
    let wentBack = 0;
    for (let depth = 1; depth <= 8; depth++) {
      const posted = node.heads.posted;
      await until(`posting goes on before depth ${depth}`, () => node.heads.posted > posted);
      const before = node.heads;
      await rpc(node.table.l1.rpc, "dev_reorg", [depth]);
      await until(`heads recover after depth ${depth}`, () => {
        if (node.heads.posted < before.posted) wentBack++;
        return node.heads.derived >= before.posted && node.heads.executed > before.executed;
      });
      const block = await rpc(url, "eth_getBlockByNumber", [`0x${before.executed.toString(16)}`, false]);
      assert.ok(block, "what was executed stays");
    }
    assert.ok(wentBack > 0, "at least one reorganisation took a batch with it");
    const out = JSON.parse(await sluice("derive", "--chain", node.rollup.chain_config, "--l1-rpc", node.table.l1.rpc, "--l1-beacon", node.table.l1.beacon, "--data-dir", folder.path, "--json"));
    const block = await rpc(url, "eth_getBlockByNumber", [`0x${out.number.toString(16)}`, false]);
    assert.equal(out.hash, block.hash);
    const report = JSON.parse((await load).stdout);
    assert.equal(report.included, report.accepted);
  } finally {
    folder.remove();
    const { code } = await node.stop();
    assert.equal(code, 0, node.log());
  }
});
