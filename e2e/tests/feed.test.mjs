// Nodes without a seat: blocks from sequencers before L1 has them, and from L1 when no peer gives them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, openSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { command, devnet, freePort, freePorts, rpc, SLUICE, temporaryFolder, until } from "../harness.mjs";

const SEATS = 4;
/** No batch is younger than this, so that for so long only sequencers have a block. */
const BATCH_AGE_S = 5;
/** From a sequencer's block to the follower's. */
const FRESH_MS = 1_000;
const STALL_MS = 3_000;

const folder = temporaryFolder();
const children = [];
let node, seats;

const headOf = async (url) => Number(await rpc(url, "eth_blockNumber"));
const hashAt = async (url, number) => (await rpc(url, "eth_getBlockByNumber", [`0x${number.toString(16)}`, false]))?.hash;
const ws = ({ url }) => url.replace("http://", "ws://");
const executed = async (url, number) => until(`block ${number} at ${url}`, async () => (await headOf(url).catch(() => -1)) >= number);

/** Starts a follower; without peers it has L1 only. */
async function follower(name, peers) {
  const port = await freePort();
  const { chain, l1_rpc, l1_beacon } = Object.fromEntries(
    ["chain", "l1_rpc", "l1_beacon"].map((key) => [key, new RegExp(`^${key} = "(.*)"$`, "m").exec(readFileSync(seats[0].config, "utf8"))[1]]));
  const lines = [`role = "follower"`, `data_dir = "${join(folder.path, name)}"`, `chain = "${chain}"`, `l1_rpc = "${l1_rpc}"`, `l1_beacon = "${l1_beacon}"`,
    `rpc_port = ${port}`, `explorer_port = 0`, `metrics_port = 0`, `l1_poll_ms = 200`, `sequencer_rpc = "${seats[0].url}"`];
  if (peers) lines.push(`[feed]`, `peers = ${JSON.stringify(peers)}`, `stall_ms = ${STALL_MS}`);
  const config = join(folder.path, `${name}.toml`);
  writeFileSync(config, lines.join("\n"));
  const started = { url: `http://127.0.0.1:${port}`, config, log: `${config}.log`, port };
  started.start = async () => {
    const child = spawn(SLUICE, ["node", "--config", config], { stdio: ["ignore", "ignore", openSync(started.log, "a")],
      env: { ...process.env, RUST_LOG: "info", NO_COLOR: "1" } });
    children.push(child);
    started.stop = () => new Promise((resolve) => { child.once("exit", resolve); child.kill("SIGTERM"); });
    await until(`${name} answers`, () => headOf(started.url).then(() => true, () => child.exitCode !== null), 30_000);
    assert.equal(child.exitCode, null, readFileSync(started.log, "utf8"));
  };
  started.says = () => readFileSync(started.log, "utf8");
  await started.start();
  return started;
}

/** A peer between a follower and a sequencer, which changes the text messages that go to the follower. */
async function proxy(target, change) {
  const server = createServer((client) => {
    const { hostname, port } = new URL(target);
    const upstream = connect(Number(port), hostname);
    client.pipe(upstream);
    let [waiting, opened] = [Buffer.alloc(0), false];
    upstream.on("data", (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      if (!opened) {
        const end = waiting.indexOf("\r\n\r\n");
        if (end < 0) return;
        client.write(waiting.subarray(0, end + 4));
        [waiting, opened] = [waiting.subarray(end + 4), true];
      }
      // Frames of RFC 6455 as a server sends them: without a mask.
      while (waiting.length >= 2) {
        const short = waiting[1];
        const header = short < 126 ? 2 : short === 126 ? 4 : 10;
        if (waiting.length < header) return;
        const length = short < 126 ? short : short === 126 ? waiting.readUInt16BE(2) : Number(waiting.readBigUInt64BE(2));
        if (waiting.length < header + length) return;
        client.write(waiting.subarray(0, header));
        client.write(change(waiting.subarray(header, header + length)));
        waiting = waiting.subarray(header + length);
      }
    });
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `ws://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

before(async () => {
  const first = await freePorts(SEATS * 4);
  const base = (kind) => String(first + kind * SEATS);
  node = await devnet(["--data-dir", folder.path, "--sequencers", String(SEATS), "--processes", "--l1-port", String(await freePort()), "--batch-age-s",
    String(BATCH_AGE_S), "--heartbeat-ms", "500", "--rpc-port", base(0), "--explorer-port", base(1), "--metrics-port", base(2), "--peer-port", base(3)],
  { timeoutMs: 120_000 });
  seats = node.table.rollups.map((rollup) => ({ url: rollup.rpc, config: rollup.node_config, pid: rollup.process }));
  await executed(seats[3].url, 3);
}, { timeout: 180_000 });

after(async () => {
  for (const child of children) child.kill("SIGKILL");
  await node?.stop();
  folder.remove();
});

/** Asks the follower for each block as soon as a sequencer has it; answers the longest wait. */
async function freshness(fed, from, blocks) {
  const waits = [];
  for (let number = await headOf(from.url) + 1; waits.length < blocks; number++) {
    await executed(from.url, number);
    const since = performance.now();
    await until(`block ${number} at the follower`, async () => (await headOf(fed.url)) >= number, 20_000);
    waits.push(performance.now() - since);
    assert.equal(await hashAt(fed.url, number), await hashAt(from.url, number));
  }
  return Math.max(...waits);
}

let fed;
test("a follower has blocks within a second of the sequencers, before L1, and goes on with another peer", { timeout: 120_000 }, async () => {
  const gone = seats[3];
  fed = await follower("fed", [ws(gone), ws(seats[1])]);
  await executed(fed.url, await headOf(seats[0].url));
  const worst = await freshness(fed, seats[0], 6);
  assert.ok(worst < FRESH_MS, `${worst} ms`);
  assert.equal(await rpc(fed.url, "rollup_getBatch", [{ block: `0x${(await headOf(fed.url)).toString(16)}` }]), null, "L1 does not have it yet");
  // A transaction given to it is ordered, comes back, and is certified.
  const signer = privateKeyToAccount(node.table.accounts[5].key);
  const wallet = createWalletClient({ account: signer, transport: http(fed.url) });
  const raw = await wallet.account.signTransaction({ to: signer.address, value: 1n, nonce: 0, gas: 21_000n, maxFeePerGas: 10_000_000_000n,
    maxPriorityFeePerGas: 1n, type: "eip1559", chainId: node.table.rollups[0].chain_id });
  const hash = await rpc(fed.url, "eth_sendRawTransaction", [raw]);
  const receipt = await until("its receipt", () => rpc(fed.url, "eth_getTransactionReceipt", [hash]), 20_000);
  assert.equal((await rpc(seats[0].url, "eth_getTransactionReceipt", [hash])).blockHash, receipt.blockHash);
  process.kill(gone.pid, "SIGKILL");
  const after = await freshness(fed, seats[0], 4);
  assert.match(fed.says(), /a peer of the feed is left for the next/);
  console.log(`# worst wait for a block ${Math.round(worst)} ms, after the peer was killed ${Math.round(after)} ms`);
  fed.transaction = hash;
});

test("a light client proves a block and a transaction from the follower's answers, and nothing from tampered ones", { timeout: 60_000 }, async () => {
  const config = readFileSync(seats[0].config, "utf8");
  const [chain, l1] = ["chain", "l1_rpc"].map((key) => new RegExp(`^${key} = "(.*)"$`, "m").exec(config)[1]);
  const check = (of, url = fed.url, ...more) => command(SLUICE, ["certificate", "check", of, "--rollup-rpc", url, "--l1-rpc", l1, "--chain", chain, ...more]);
  const { blockNumber } = await rpc(fed.url, "eth_getTransactionReceipt", [fed.transaction]);
  for (const of of [String(Number(blockNumber)), fed.transaction]) {
    const { code, stdout, stderr } = await check(of, fed.url, "--json");
    assert.equal(code, 0, stderr);
    const proven = JSON.parse(stdout);
    assert.equal(proven.height, Number(blockNumber));
    assert.ok(proven.signers.length * 3 > proven.seats * 2 && proven.seats === SEATS, stdout);
    assert.equal(await hashAt(seats[0].url, proven.result_block), proven.result_hash);
  }
  const human = await check(fed.transaction);
  assert.match(human.stdout, new RegExp(`transaction +${fed.transaction}`));
  // The same answer with another signature, and with another block in it.
  const answer = await rpc(fed.url, "rollup_getCertificate", [blockNumber]);
  const flip = (hex) => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");
  const lies = [
    { ...answer, certificate: { ...answer.certificate, proof: flip(answer.certificate.proof) } },
    { ...answer, ordered: [flip(answer.ordered[0]), ...answer.ordered.slice(1)] },
    null,
  ];
  for (const lie of lies) {
    const { createServer: httpServer } = await import("node:http");
    const liar = httpServer((request, response) => {
      request.resume();
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 0, result: lie }));
    });
    await new Promise((resolve) => liar.listen(0, "127.0.0.1", resolve));
    const { code, stderr, stdout } = await check(String(Number(blockNumber)), `http://127.0.0.1:${liar.address().port}`);
    liar.close();
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.match(stderr, /^error: .*(not proven|rollup_getCertificate)/);
  }
});

test("a peer that changes a byte gives nothing; L1 gives what peers do not, and from there a good peer goes on", { timeout: 120_000 }, async () => {
  // In what the sequencer pushes, the certificate's last digit before its quote.
  let lying = true;
  let tampered = 0;
  const liar = await proxy(ws(seats[1]), (chunk) => {
    if (!lying) return chunk;
    const text = chunk.toString("latin1");
    const changed = text.replace(/("proof":"0x[0-9a-f]*)([0-9a-f])"/g, (_, before, last) => {
      tampered += 1;
      return `${before}${last === "0" ? "1" : "0"}"`;
    });
    return Buffer.from(changed, "latin1");
  });
  const misled = await follower("misled", [liar.url]);
  const alone = await follower("alone", null);
  // Of block 1, or of a later one if L1 was quicker than the peer.
  await until("the liar is left", () => tampered > 0 && /the certificate of its block \d+ is worth nothing/.test(misled.says()), 20_000);
  // Both have blocks in the end: from L1.
  for (const { url } of [misled, alone]) {
    const certificates = async (upto) => Promise.all(Array.from({ length: upto }, (_, i) => rpc(url, "rollup_getCertificate", [`0x${(i + 1).toString(16)}`])));
    const number = await until("blocks from L1", async () => (await headOf(url)) || null, 40_000);
    assert.equal(await hashAt(url, number), await hashAt(seats[0].url, number));
    // L1 does not tell of certificates; the liar would have.
    assert.ok((await certificates(number)).every((certificate) => certificate === null), "nothing was taken from the liar");
  }
  assert.match(misled.says(), /L1 holds blocks that no peer gives/);
  lying = false;
  await until("it follows its peer again", async () => (await headOf(misled.url)) >= (await headOf(seats[1].url)), 30_000);
  assert.ok((await freshness(misled, seats[0], 3)) < FRESH_MS);
  assert.ok(await rpc(misled.url, "rollup_getCertificate", ["latest"]));
  liar.close();

  // One that had L1 only takes the feed up when it is told to; it serves others from there.
  await alone.stop();
  writeFileSync(alone.config, `${readFileSync(alone.config, "utf8")}\n[feed]\npeers = ["${ws(misled)}"]\nstall_ms = ${STALL_MS}\n`);
  await alone.start();
  await until("it follows a follower", async () => (await headOf(alone.url)) >= (await headOf(seats[0].url)), 30_000);
  await freshness(alone, seats[0], 3);
  // L1 confirms what they executed.
  for (const { url } of [fed, misled, alone]) {
    const head = await headOf(url);
    await until("L1 has caught up", async () => Number((await rpc(url, "eth_getBlockByNumber", ["safe", false])).number) >= head, 40_000);
  }
});
