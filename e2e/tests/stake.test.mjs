// Seats come and go on a real L1: a fifth sequencer registers, one of the first leaves, and committees hand over while clients send.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createPublicClient, createWalletClient, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { artifact, devnet, freePort, freePorts, rpc, SLUICE, sluice, temporaryFolder, until } from "../harness.mjs";

const SEATS = 4;
const EPOCH_S = 30;
/** Of the one that comes; nobody else's. */
const BENEFICIARY = "0x00000000000000000000000000000000000000b5";
/** Seats are numbered as they were locked, and the devnet's first node is first. */
const FIRST_SEAT = 1;
const HANDOVER_MAX_MS = 4 * EPOCH_S * 1_000;

const blockOf = (url, number) => rpc(url, "eth_getBlockByNumber", [number, false]);
const hex = (number) => `0x${number.toString(16)}`;

test("a seat comes, a seat goes, and the committees hand over", { timeout: 600_000 }, async () => {
  const folder = temporaryFolder();
  const first = await freePorts(SEATS * 4);
  const base = (kind) => String(first + kind * SEATS);
  const node = await devnet(["--data-dir", folder.path, "--sequencers", String(SEATS), "--processes", "--epoch-s", String(EPOCH_S),
    "--l1-port", String(await freePort()), "--rpc-port", base(0), "--explorer-port", base(1), "--metrics-port", base(2), "--peer-port", base(3)],
  { timeoutMs: 120_000 });
  const { rpc: l1Url, chain_id: l1Chain } = node.table.l1;
  const chainFile = node.rollup.chain_config;
  const l1 = createPublicClient({ transport: http(l1Url) });
  const log = join(folder.path, "fifth.log");
  let fifth = null;
  let sending = true;
  const included = [];
  try {
    const registry = readFileSync(chainFile, "utf8").match(/registry = "(0x[0-9a-fA-F]{40})"/)[1];
    const { abi } = artifact("Sequencers");
    const read = (functionName, args = []) => l1.readContract({ address: registry, abi, functionName, args });

    // Clients go on all the time, each with one transaction at a time.
    const send = async () => {
      const account = privateKeyToAccount(node.table.accounts[8].key);
      for (let nonce = 0; sending; nonce++) {
        const raw = await account.signTransaction({ to: account.address, value: 1n, nonce, gas: 21_000n, maxFeePerGas: 10_000_000_000n,
          maxPriorityFeePerGas: 1n, type: "eip1559", chainId: node.rollup.chain_id });
        const url = node.table.rollups[1 + (nonce % (SEATS - 1))].rpc;
        const hash = await rpc(url, "eth_sendRawTransaction", [raw]);
        await until("it is in a block", () => rpc(url, "eth_getTransactionReceipt", [hash]), HANDOVER_MAX_MS);
        included.push(hash);
      }
    };
    // Kept until it is asked for: what ends the test first is what it reports.
    const clients = send().then(() => null, (error) => error);

    // A new operator, as one would do it by hand.
    const operator = node.table.accounts[1];
    const wallet = createWalletClient({ account: privateKeyToAccount(operator.key), transport: http(l1Url) });
    const wait = async (hash) => assert.equal((await l1.waitForTransactionReceipt({ hash })).status, "success");
    const token = await read("token");
    const price = await read("seatPriceTokens");
    const request = { chain: null, account: wallet.account };
    await wait(await wallet.writeContract({ ...request, address: token, abi: artifact("TestToken").abi, functionName: "mint", args: [operator.address, price] }));
    const password = join(folder.path, "password");
    const keys = join(folder.path, "fifth.json");
    await sluice("keys", "new", "--out", keys, "--password-file", password);
    const registration = join(folder.path, "registration.json");
    writeFileSync(registration, await sluice("keys", "register", "--keys", keys, "--password-file", password, "--l1-chain-id", String(l1Chain),
      "--sequencers", registry, "--operator", operator.address));
    const posterKey = join(folder.path, "fifth.key");
    writeFileSync(posterKey, "0x" + "5e".repeat(32));
    const poster = privateKeyToAccount("0x" + "5e".repeat(32)).address;
    await wait(await wallet.sendTransaction({ ...request, to: poster, value: parseEther("10") }));
    const listen = `127.0.0.1:${await freePort()}`;
    await sluice("stake", "register", "--chain", chainFile, "--l1-rpc", l1Url, "--key", operator.key, "--registration", registration,
      "--network-address", listen, "--poster", poster);
    // And one of the first leaves.
    const leaver = { id: FIRST_SEAT, beneficiary: node.table.accounts[0].address.toLowerCase() };
    await sluice("stake", "unlock", "--chain", chainFile, "--l1-rpc", l1Url, "--key", node.table.accounts[0].key, "--seat", String(leaver.id));

    const rpcPort = await freePort();
    const config = readFileSync(join(folder.path, "node-1.toml"), "utf8")
      .replace(/^data_dir = .*$/m, `data_dir = "${join(folder.path, "l2-fifth")}"`)
      .replace(/^rpc_port = .*$/m, `rpc_port = ${rpcPort}`)
      .replace(/^explorer_port = .*$/m, "explorer_port = 0")
      .replace(/^metrics_port = .*$/m, "metrics_port = 0")
      .replace(/^sequencer_key_file = .*$/m, `sequencer_key_file = "${posterKey}"`)
      .replace(/^keys_file = .*$/m, `keys_file = "${keys}"`)
      .replace(/^listen = "127\.0\.0\.1:\d+"$/m, `listen = "${listen}"`)
      .replace(/^beneficiary = .*$/m, `beneficiary = "${BENEFICIARY}"`);
    const configFile = join(folder.path, "node-fifth.toml");
    writeFileSync(configFile, config);
    const output = openSync(log, "a");
    fifth = spawn(SLUICE, ["node", "--config", configFile], { stdio: ["ignore", output, output] });
    const fifthUrl = `http://127.0.0.1:${rpcPort}`;

    const stayed = node.table.rollups[2].rpc;
    const minersSince = async (from) => {
      const head = Number((await blockOf(stayed, "latest")).number);
      const miners = new Set();
      for (let number = from; number <= head; number++) miners.add((await blockOf(stayed, hex(number))).miner.toLowerCase());
      return miners;
    };
    const start = Date.now();
    await until("the new seat orders", async () => (await minersSince(Math.max(1, Number((await blockOf(stayed, "latest")).number) - 10))).has(BENEFICIARY), HANDOVER_MAX_MS);
    const after = Date.now() - start;
    const from = Number((await blockOf(stayed, "latest")).number);
    await until("a round of turns", async () => Number((await blockOf(stayed, "latest")).number) > from + 4 * SEATS, 60_000);
    const miners = await minersSince(from);
    assert.ok(!miners.has(leaver.beneficiary), "who left orders nothing");
    assert.equal(miners.size, SEATS, `four others order: ${[...miners]}`);

    // L1 takes the new committee's batches.
    await until("a batch of the new committee is posted and derived", async () => {
      const safe = Number((await blockOf(stayed, "safe")).number);
      return safe > from;
    }, HANDOVER_MAX_MS);
    // And the one after that, which nothing changes, takes over, too.
    const epoch = async () => Number(await read("epochAt", [(await l1.getBlock()).timestamp]));
    const running = await epoch();
    await until("another epoch", async () => (await epoch()) > running + 1, HANDOVER_MAX_MS);
    const later = Number((await blockOf(stayed, "latest")).number);
    await until("L1 still takes batches", async () => Number((await blockOf(stayed, "safe")).number) > later, HANDOVER_MAX_MS);

    // What seats did in an epoch is recorded on L1 by the nodes, and paid exactly, to a recipient of its own.
    const rewards = await read("rewards");
    const ofRewards = (functionName, args) => l1.readContract({ address: rewards, abi: artifact("Rewards").abi, functionName, args });
    const perBlock = await ofRewards("tokensPerBlock", []);
    const down = BigInt(await ofRewards("missedShareMaxBps", []));
    let paid = null;
    await until("an epoch is recorded", async () => {
      for (let number = Math.max(0, running - 2); number <= running; number++) {
        const counted = await rpc(stayed, "rollup_getRewards", [number]);
        if (!counted || (await ofRewards("payOf", [number])).root !== counted.root) continue;
        const up = counted.entries.map(({ entry }) => entry).find(({ producedCount, missedCount }) =>
          producedCount > 0 && BigInt(missedCount) * 10_000n <= BigInt(producedCount + missedCount) * down);
        if (up) paid = { number, ...up };
      }
      return paid;
    }, HANDOVER_MAX_MS);
    const { rewardRecipient } = await read("contactOf", [paid.seat]);
    const balance = () => l1.readContract({ address: token, abi: artifact("TestToken").abi, functionName: "balanceOf", args: [rewardRecipient] });
    const before = await balance();
    await sluice("stake", "claim", "--chain", chainFile, "--l1-rpc", l1Url, "--key", operator.key, "--seat", String(paid.seat), "--epoch", String(paid.number),
      "--rollup-rpc", stayed);
    assert.equal((await balance()) - before, perBlock * BigInt(paid.producedCount), `of seat ${paid.seat} in epoch ${paid.number}`);

    sending = false;
    assert.equal(await clients, null);
    assert.ok(included.length > 20, `only ${included.length} transactions`);
    const head = Number((await blockOf(stayed, "latest")).number);
    const hashes = [];
    for (const url of [fifthUrl, ...node.table.rollups.slice(1).map((rollup) => rollup.rpc)]) {
      await until("all are there", async () => Number((await blockOf(url, "latest")).number) >= head, 60_000);
      hashes.push((await blockOf(url, hex(head))).hash);
      for (const hash of included) assert.ok(await rpc(url, "eth_getTransactionReceipt", [hash]), `${hash} at ${url}`);
    }
    assert.equal(new Set(hashes).size, 1, `one chain: ${hashes}`);
    console.log(`# the new seat ordered ${after} ms after its node started, epochs of ${EPOCH_S} s; ${included.length} transactions, none lost; seat ${paid.seat} paid for ${paid.producedCount} blocks of epoch ${paid.number}`);
  } catch (error) {
    console.log(`# ${readFileSync(log, { encoding: "utf8", flag: "a+" }).slice(-4_000)}\n${node.log()}`);
    throw error;
  } finally {
    sending = false;
    fifth?.kill("SIGKILL");
    await node.stop();
    folder.remove();
  }
});
