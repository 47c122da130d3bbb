// What goes wrong at the start says so in one sentence and ends with 1; hostile requests get an error and harm nobody.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { command, devnet, freePort, rpc, SLUICE, temporaryFolder } from "../harness.mjs";

async function refused(args, pattern, env = {}) {
  const { code, stderr } = await command(SLUICE, args, { timeoutMs: 30_000, env: { RUST_LOG: "off", ...env } });
  assert.equal(code, 1, stderr);
  const lines = stderr.split("\n").filter((line) => line.trim());
  assert.equal(lines.length, 1, `one sentence, not: ${stderr}`);
  assert.match(lines[0], pattern);
}

test("a busy port is named", async () => {
  const port = await freePort();
  const server = createServer().listen(port, "127.0.0.1");
  try {
    for (const which of ["rpc", "explorer", "metrics", "l1"]) {
      const free = [];
      for (const other of ["rpc", "explorer", "metrics", "l1"].filter((name) => name !== which)) free.push(`--${other}-port`, String(await freePort()));
      await refused(["devnet", `--${which}-port`, String(port), ...free], new RegExp(`${port}`));
    }
  } finally {
    server.close();
  }
});

test("a missing anvil is named", () =>
  refused(["devnet", "--l1", "anvil"], /anvil/, { PATH: "/nonexistent", SLUICE_ANVIL: "/nonexistent/anvil" }));

test("an unusable folder is named", async () => {
  const folder = temporaryFolder();
  const file = join(folder.path, "file");
  writeFileSync(file, "not a folder");
  await refused(["devnet", "--data-dir", join(file, "below")], /folder|directory/i);
  folder.remove();
});

test("an unknown key and a value out of range in a chain config are named", async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "chain.toml");
  writeFileSync(path, "chian_id = 5\n");
  await refused(["config", "show", "--chain", path], /chian_id|unknown field|missing field/);
  await refused(["config", "show", "--chain", join(folder.path, "none.toml")], /none\.toml/);
  folder.remove();
});

test("a wrong L1 chain id is named; hostile requests get errors and the node goes on", async () => {
  const node = await devnet();
  const folder = temporaryFolder();
  try {
    // The rollup's own RPC is an Ethereum endpoint too, but not the right L1.
    await refused(
      ["derive", "--chain", node.rollup.chain_config, "--l1-rpc", node.rollup.rpc, "--l1-beacon", node.rollup.rpc, "--data-dir", join(folder.path, "d")],
      /serves chain 901/,
    );
    const post = (body) => fetch(node.rollup.rpc, { method: "POST", headers: { "content-type": "application/json" }, body });
    for (const body of ["", "garbage", "[".repeat(100_000), JSON.stringify(Array(5_000).fill({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] })), "x".repeat(50 << 20)]) {
      const answer = await post(body).catch((error) => ({ status: 0, text: async () => String(error) }));
      const text = await answer.text();
      assert.ok(answer.status === 0 || answer.status >= 400 || /error/.test(text), `${body.slice(0, 20)}: ${answer.status} ${text.slice(0, 200)}`);
    }
    await assert.rejects(rpc(node.rollup.rpc, "eth_sendRawTransaction", ["0x03f8"]), /blob/);
    await assert.rejects(rpc(node.rollup.rpc, "eth_sendRawTransaction", ["0x7ef8"]), /type/);
    await assert.rejects(rpc(node.rollup.rpc, "eth_sendRawTransaction", ["0x"]), /decode|empty|bytes/i);
    await assert.rejects(rpc(node.rollup.rpc, "eth_nothing", []), /does not exist/);
    assert.equal(Number(await rpc(node.rollup.rpc, "eth_chainId")), node.rollup.chain_id);
  } finally {
    folder.remove();
    const { code } = await node.stop();
    assert.equal(code, 0, node.log());
  }
});
