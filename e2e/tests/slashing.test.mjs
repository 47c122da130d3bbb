// A sequencer that really contradicts itself: with its seat's own keys, over the connections that nodes have. The others notice, L1 takes
// its stake, whoever brought the evidence is paid, and the chain goes on without it and loses nothing.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createPublicClient, http, parseEventLogs } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { artifact, command, devnet, freePorts, LIAR, rpc, sluice, temporaryFolder, until } from "../harness.mjs";

const SEATS = 4;
/** Seats are numbered as they were locked, and the devnet's first node is first. */
const FIRST_SEAT = 1;
const ALL_BPS = 10_000n;
/** As the contract counts them. */
const [OPEN, SLASHED] = [1, 4];
const CONFLICTING_NOTARIZE = 0, CONFLICTING_FINALIZE = 1, NULLIFY_FINALIZE = 2;
/** Index of the seat that brings evidence first in epoch 0; the others follow in their order. Source: docs/spec/sequencers.md. */
const FIRST_ACCUSER = 1;
const WAIT_MAX_MS = 90_000;

const blockOf = (url, number) => rpc(url, "eth_getBlockByNumber", [number, false]);
const numberOf = async (url, tag) => Number((await blockOf(url, tag)).number);

/** A key of L1, EIP-2537, as the network has it: the x coordinate, c1 first, and flags. */
function compressed(key) {
  const P = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn;
  const coordinate = (name) => BigInt(key[`${name}_a`] + key[`${name}_b`].slice(2));
  const [x0, x1, y0, y1] = ["x_c0", "x_c1", "y_c0", "y_c1"].map(coordinate);
  const isLarger = (y1 === 0n ? y0 : y1) > (P - 1n) / 2n;
  const flags = (1n << 383n) | (isLarger ? 1n << 381n : 0n);
  return "0x" + [x1 | flags, x0].map((number) => number.toString(16).padStart(96, "0")).join("");
}

const LIES = [
  { lie: "notarize", offence: CONFLICTING_NOTARIZE },
  { lie: "finalize", offence: CONFLICTING_FINALIZE },
  // One alone has both votes, and is the last whose turn it is to bring them to L1.
  { lie: "nullify-finalize", offence: NULLIFY_FINALIZE, toOne: true },
];
/** RPC, explorer, metrics and connections of every seat, and L1. */
const PORTS = SEATS * 4 + 1;
/** Asked for at once, because nodes take them later than the next devnet asks. */
const PORTS_FROM = await freePorts(LIES.length * PORTS);

// At the same time: most of it is waiting.
describe("who lies loses its stake, and nobody else anything", { concurrency: true }, () => {
  for (const [place, { lie, offence, toOne }] of LIES.entries()) {
    test(`${lie}${toOne ? ", to one" : ""}`, { timeout: 300_000 }, async () => {
      const folder = temporaryFolder();
      const port = (kind) => String(PORTS_FROM + place * PORTS + kind * SEATS);
      const node = await devnet(["--data-dir", folder.path, "--sequencers", String(SEATS), "--processes", "--l1-port", port(4),
        "--rpc-port", port(0), "--explorer-port", port(1), "--metrics-port", port(2), "--peer-port", port(3)], { timeoutMs: 180_000 });
      const { rpc: l1Url, chain_id: l1Chain } = node.table.l1;
      const l1 = createPublicClient({ transport: http(l1Url) });
      const seen = new Map(); // transaction -> block hash, as somebody outside saw them
      let sending = true;
      try {
        const registry = readFileSync(node.rollup.chain_config, "utf8").match(/registry = "(0x[0-9a-fA-F]{40})"/)[1];
        const { abi } = artifact("Sequencers");
        const read = (functionName, args = []) => l1.readContract({ address: registry, abi, functionName, args });
        const slasher = await read("slasher");
        const ofSlasher = (functionName) => l1.readContract({ address: slasher, abi: artifact("Slasher").abi, functionName });
        const token = await read("token");
        const balance = (address) => l1.readContract({ address: token, abi: artifact("TestToken").abi, functionName: "balanceOf", args: [address] });

        // The committee, as everybody can read it.
        const epoch = await read("epochAt", [(await l1.getBlock()).timestamp]);
        const seats = await Promise.all((await read("committeeSeats", [epoch])).map(async (id) => {
          const [p2pKey, blsKey] = await read("keysOf", [id, epoch]);
          return { id, p2pKey, blsKey, ...(await read("contactOf", [id])) };
        }));
        const [, second, third, last] = seats.map((_, rank) => seats[(FIRST_ACCUSER + rank) % SEATS]);
        // Not the first node, with which a devnet ends.
        const liar = second.id === FIRST_SEAT ? third : second;
        const others = seats.filter((seat) => seat !== liar);
        const killed = node.table.rollups[liar.id - FIRST_SEAT];
        const honest = node.table.rollups.filter((rollup) => rollup !== killed).map((rollup) => rollup.rpc);
        const committee = join(folder.path, "committee.json");
        writeFileSync(committee, JSON.stringify({
          epoch, l1_chain_id: l1Chain, sequencers: registry,
          members: seats.map((seat) => ({ network_key: seat.p2pKey, vote_key: compressed(seat.blsKey), address: seat.networkAddress })),
        }));

        // A client, with one transaction at a time.
        const send = async () => {
          const account = privateKeyToAccount(node.table.accounts[8].key);
          for (let nonce = 0; sending; nonce++) {
            const raw = await account.signTransaction({ to: account.address, value: 1n, nonce, gas: 21_000n, maxFeePerGas: 10_000_000_000n,
              maxPriorityFeePerGas: 1n, type: "eip1559", chainId: node.rollup.chain_id });
            const url = honest[nonce % honest.length];
            const hash = await rpc(url, "eth_sendRawTransaction", [raw]);
            const receipt = await until("it is in a block", () => rpc(url, "eth_getTransactionReceipt", [hash]), WAIT_MAX_MS);
            seen.set(hash, receipt.blockHash);
          }
        };
        // Kept until it is asked for: what ends the test first is what it reports.
        const client = send().then(() => null, (error) => error);
        await until("some transactions", () => seen.size >= 5, WAIT_MAX_MS);

        assert.equal((await read("seatOf", [liar.id])).state, OPEN);
        assert.equal((await read("committee", [epoch])).ejected, 0n);
        const treasury = (await ofSlasher("treasury")).toLowerCase();
        const rest = /^0x0*$/.test(treasury) ? await ofSlasher("BURNED") : treasury;
        const accounts = [registry, rest, ...others.map(({ poster }) => poster)];
        const before = await Promise.all(accounts.map(balance));

        process.kill(killed.process, "SIGKILL");
        const started = performance.now();
        const hearer = toOne ? last : null;
        const { code, stdout, stderr } = await command(LIAR, ["--keys", join(folder.path, `seat-${liar.id - FIRST_SEAT}.json`), "--password-file",
          join(folder.path, "password"), "--committee", committee, "--lie", lie, ...(hearer ? ["--only", hearer.p2pKey] : [])]);
        assert.equal(code, 0, `${stdout}\n${stderr}`);
        assert.match(stdout, new RegExp(`^told ${hearer ? 1 : SEATS - 1} seats two votes of view \\d+ .*\nall of them have hung up$`));

        // Exactly the stake, exactly once, and the reporter's share of it.
        await until("it is slashed", async () => (await read("seatOf", [liar.id])).state === SLASHED, WAIT_MAX_MS);
        const after = performance.now() - started;
        const price = await read("seatPriceTokens");
        const reward = price * BigInt(await ofSlasher("reporterShareBps")) / ALL_BPS;
        const logs = await l1.getLogs({ address: slasher, fromBlock: 0n });
        const events = parseEventLogs({ abi: artifact("Slasher").abi, logs });
        assert.equal(events.length, 1);
        const { eventName, args } = events[0];
        const reporter = others.find(({ poster }) => poster === args.reporter);
        assert.ok(reporter, `${args.reporter} is an honest seat's account`);
        assert.deepEqual({ eventName, ...args }, { eventName: "Slashed", seat: liar.id, epoch, offence, reporter: reporter.poster, rewardTokens: reward });
        if (hearer) assert.notEqual(reporter.id, hearer.id, "another brought the evidence, which it had from the one who was told");
        assert.ok(reward > 0n && reward < price);
        const changes = (await Promise.all(accounts.map(balance))).map((tokens, account) => tokens - before[account]);
        assert.deepEqual(changes, [-price, price - reward, ...others.map((seat) => (seat === reporter ? reward : 0n))]);
        assert.equal((await read("committee", [epoch])).ejected, 1n << BigInt(seats.indexOf(liar)));
        const status = await sluice("stake", "status", "--chain", node.rollup.chain_config, "--l1-rpc", l1Url, "--operator", (await read("seatOf", [liar.id])).operator);
        assert.match(status, new RegExp(`seat ${liar.id}\\b.*slashed`));
        for (const { id } of others) assert.equal((await read("seatOf", [id])).state, OPEN, `seat ${id}`);

        // The chain goes on without it, and L1 takes what it decides.
        const from = await numberOf(honest[0], "latest");
        const count = seen.size;
        await until("blocks of the three", async () => (await numberOf(honest[0], "latest")) > from + 2 * SEATS, WAIT_MAX_MS);
        await until("L1 has batches with them", async () => (await numberOf(honest[0], "safe")) > from, WAIT_MAX_MS);
        await until("transactions go on", () => seen.size > count, WAIT_MAX_MS);
        sending = false;
        assert.equal(await client, null);
        const head = await numberOf(honest[0], "latest");
        const hashes = [];
        for (const url of honest) {
          await until("all are there", async () => (await numberOf(url, "latest")) >= head, WAIT_MAX_MS);
          hashes.push((await blockOf(url, `0x${head.toString(16)}`)).hash);
          for (const [hash, blockHash] of seen) assert.equal((await rpc(url, "eth_getTransactionReceipt", [hash]))?.blockHash, blockHash, `${hash} at ${url}`);
        }
        assert.equal(new Set(hashes).size, 1, `one chain: ${hashes}`);
        console.log(`# ${lie}: slashed ${Math.round(after)} ms after its node was killed, reported by seat ${reporter.id}; ${seen.size} transactions, none lost; head ${head}`);
      } catch (error) {
        console.log(`# ${node.log()}`);
        throw error;
      } finally {
        sending = false;
        await node.stop();
        folder.remove();
      }
    });
  }
});
