// The chain comes back from L1 alone, while it is under load.
import assert from "node:assert/strict";
import { test } from "node:test";
import { command, devnet, rpc, SLUICE, sluice, temporaryFolder, until } from "../harness.mjs";

for (const l1 of ["embedded", "anvil"]) {
  test(`derive from ${l1} L1 reaches the sequencer's hash and state root`, async () => {
    const node = await devnet(["--l1", l1]);
    const folder = temporaryFolder();
    try {
      const load = command(SLUICE, ["load", "--rpc", node.rollup.rpc, "--key", node.table.accounts[0].key, "--count", "3000", "--senders", "50", "--rate", "300", "--json"]);
      await until("a derived batch under load", () => node.heads?.derived > 5, 60_000);
      const out = JSON.parse(
        await sluice("derive", "--chain", node.rollup.chain_config, "--l1-rpc", node.table.l1.rpc, "--l1-beacon", node.table.l1.beacon, "--data-dir", folder.path, "--json"),
      );
      assert.ok(out.number > 5, JSON.stringify(out));
      const block = await rpc(node.rollup.rpc, "eth_getBlockByNumber", [`0x${out.number.toString(16)}`, false]);
      assert.equal(out.hash, block.hash);
      assert.equal(out.state_root, block.stateRoot);
      const report = await load;
      assert.equal(report.code, 0, report.stderr);
      const { accepted, included, errors } = JSON.parse(report.stdout);
      assert.equal(errors, 0);
      assert.equal(included, accepted);
    } finally {
      folder.remove();
      const { code } = await node.stop();
      assert.equal(code, 0, node.log());
    }
  });
}
