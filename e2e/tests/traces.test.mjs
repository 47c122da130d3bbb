// Traces as anvil gives them, of the same transactions of the same accounts.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { encodeDeployData, encodeFunctionData } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { ANVIL, artifact, devnet, freePort, rpc, until } from "../harness.mjs";

const FEE_VAULT = "0x5100000000000000000000000000000000000003";
const STORER = "60003560005500"; // slot 0 := first word
const REVERTER = "602a60005260206000fd"; // reverts with 42
/** Init code that returns this code. */
const deploys = (code) => `0x60${(code.length / 2).toString(16).padStart(2, "0")}600c60003960${(code.length / 2).toString(16).padStart(2, "0")}6000f3${code}`;
const address = (hex) => hex.slice(2).toLowerCase();

test("traces are those of anvil", { timeout: 180_000 }, async () => {
  const port = await freePort();
  const chainId = 901;
  const anvil = spawn(ANVIL, ["--port", String(port), "--chain-id", String(chainId), "--hardfork", "osaka", "--steps-tracing", "--silent"], { stdio: "ignore" });
  const node = await devnet();
  try {
    const theirs = `http://127.0.0.1:${port}`;
    const ours = node.rollup.rpc;
    await until("anvil answers", () => rpc(theirs, "eth_chainId").catch(() => null));
    const account = privateKeyToAccount(node.table.accounts[0].key);
    let nonce = 0;
    const both = async (tx) => {
      const raw = await account.signTransaction({ type: "eip1559", chainId, nonce: nonce++, gas: 1_000_000n, maxFeePerGas: 10_000_000_000n,
        maxPriorityFeePerGas: 1n, ...tx });
      return Promise.all([ours, theirs].map(async (url) => {
        const hash = await rpc(url, "eth_sendRawTransaction", [raw]);
        return until("a receipt", () => rpc(url, "eth_getTransactionReceipt", [hash]));
      }));
    };
    const trace = (receipt, options) => Promise.all([ours, theirs].map((url) => rpc(url, "debug_traceTransaction", [receipt.transactionHash, options])));
    const [storer] = await both({ data: deploys(STORER) });
    const [reverter] = await both({ data: deploys(REVERTER) });
    // Stores 7 with the one, then asks the other in a static call.
    const asker = `60076000526000600060206000600073${address(storer.contractAddress)}5af150600060006000600073${address(reverter.contractAddress)}5afa5000`;
    const [asks] = await both({ data: deploys(asker) });
    const { abi, bytecode } = artifact("TestToken");
    const [token] = await both({ data: encodeDeployData({ abi, bytecode: bytecode.object, args: ["Token", "T", 18] }), gas: 3_000_000n });
    const mint = encodeFunctionData({ abi, functionName: "mint", args: [account.address, 5n] });
    const receipts = [storer, asks,
      (await both({ to: asks.contractAddress, data: "0xa9059cbb0000" }))[0],
      (await both({ to: storer.contractAddress, data: `0x${"09".padStart(64, "0")}` }))[0],
      (await both({ to: storer.contractAddress, data: `0x${"00".padStart(64, "0")}` }))[0],
      (await both({ to: reverter.contractAddress, value: 0n }))[0],
      (await both({ to: token.contractAddress, data: mint }))[0],
      (await both({ to: "0x0000000000000000000000000000000000000004", data: "0x0102" }))[0],
      (await both({ to: node.table.accounts[1].address, value: 5n }))[0]];
    for (const [index, receipt] of receipts.entries()) {
      const at = `transaction ${index}`;
      for (const options of [{ tracer: "callTracer" }, { tracer: "callTracer", tracerConfig: { withLog: true } },
        { tracer: "callTracer", tracerConfig: { onlyTopCall: true } }, { tracer: "4byteTracer" }]) {
        const [our, their] = await trace(receipt, options);
        if (our.type) {
          // The outermost frame had the transaction's gas, as go-ethereum says; anvil leaves out what the transaction cost before.
          const { gas } = await rpc(ours, "eth_getTransactionByHash", [receipt.transactionHash]);
          assert.equal(our.gas, gas, at);
          their.gas = gas;
        }
        // The index of a log in its transaction is beyond the shape that all clients share.
        const same = (value) => JSON.parse(JSON.stringify(value, (key, inner) => (key === "index" ? undefined : inner)).toLowerCase());
        assert.deepEqual(same(our), same(their), `${at}, ${JSON.stringify(options)}`);
      }
      const [our, their] = await trace(receipt, { enableMemory: true });
      assert.deepEqual([our.gas, our.failed], [their.gas, their.failed], at);
      const step = ({ pc, op, gas, gasCost, depth, stack, memory }) => ({ pc, op, gas, gasCost, depth, stack, memory: (memory ?? []).map((word) => word.replace("0x", "")) });
      assert.deepEqual(our.structLogs.map(step), their.structLogs.map(step), at);
      // Balances differ, since fees do, which go to a vault here.
      for (const diffMode of [false, true]) {
        const [mine, other] = await trace(receipt, { tracer: "prestateTracer", tracerConfig: { diffMode } });
        const facts = (state) => Object.fromEntries(Object.entries(state).flatMap(([whose, { nonce, code, storage }]) =>
          (whose !== FEE_VAULT && (nonce || code || storage) ? [[whose.toLowerCase(), { nonce, code, storage }]] : [])));
        const [one, two] = [mine, other].map((state) => (diffMode ? [facts(state.pre), facts(state.post)] : facts(state)));
        assert.deepEqual(one, two, `${at}, prestate ${diffMode}`);
      }
    }
  } finally {
    anvil.kill("SIGKILL");
    await node.stop();
  }
});
