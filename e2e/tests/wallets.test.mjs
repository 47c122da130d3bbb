// A developer's tools work unchanged: cast, viem and ethers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createPublicClient, createWalletClient, defineChain, http, webSocket, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { ContractFactory, JsonRpcProvider, Wallet, parseUnits } from "ethers";
import { artifact, cast, devnet, rpc, until } from "../harness.mjs";

let node, rpcUrl, accounts;
const token = artifact("TestToken");

before(async () => {
  node = await devnet();
  rpcUrl = node.rollup.rpc;
  accounts = node.table.accounts;
});
after(async () => {
  const { code } = await node.stop();
  assert.equal(code, 0, `a clean stop ends with 0\n${node.log()}`);
});

test("devnet is ready within ten seconds", () => assert.ok(node.startMs < 10_000, `${node.startMs} ms`));

test("cast sends ETH, deploys and calls an ERC-20, reads logs", async () => {
  const key = ["--rpc-url", rpcUrl, "--private-key", accounts[1].key];
  const fresh = "0x00000000000000000000000000000000000000f1";
  const sent = JSON.parse(await cast("send", ...key, fresh, "--value", "1ether", "--json"));
  assert.equal(sent.status, "0x1");
  assert.equal(BigInt(sent.gasUsed), 21_000n);
  assert.equal(await cast("balance", "--rpc-url", rpcUrl, fresh), "1000000000000000000");
  const args = await cast("abi-encode", "f(string,string,uint8)", "Cast", "CST", "18");
  const deployed = JSON.parse(await cast("send", ...key, "--json", "--create", token.bytecode.object + args.slice(2)));
  const address = deployed.contractAddress;
  assert.equal(await cast("call", "--rpc-url", rpcUrl, address, "name()(string)"), '"Cast"');
  await cast("send", ...key, address, "mint(address,uint256)", accounts[2].address, "5");
  assert.equal(await cast("call", "--rpc-url", rpcUrl, address, "balanceOf(address)(uint256)", accounts[2].address), "5");
  const logs = JSON.parse(
    await cast("logs", "--rpc-url", rpcUrl, "--from-block", "0", "--address", address, "--json", "Transfer(address,address,uint256)"),
  );
  assert.equal(logs.length, 1);
});

test("viem sends, deploys, reads logs, waits, and subscribes over WebSocket", async () => {
  const chain = defineChain({
    id: node.rollup.chain_id,
    name: "sluice",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl], webSocket: [node.rollup.ws] } },
  });
  const account = privateKeyToAccount(accounts[3].key);
  const reader = createPublicClient({ chain, transport: http(), pollingInterval: 100 });
  const writer = createWalletClient({ chain, transport: http(), account });
  const socket = createPublicClient({ chain, transport: webSocket(node.rollup.ws, { reconnect: false }) });
  const heads = [];
  const logs = [];
  const stopHeads = socket.watchBlocks({ onBlock: (block) => heads.push(block.number), onError: (e) => heads.push(e) });
  const before = await reader.getBalance({ address: account.address });
  const hash = await writer.sendTransaction({ to: accounts[4].address, value: parseEther("0.5") });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, "success");
  const raw = await rpc(rpcUrl, "eth_getTransactionReceipt", [hash]);
  const spent = before - (await reader.getBalance({ address: account.address }));
  assert.equal(spent, parseEther("0.5") + receipt.gasUsed * receipt.effectiveGasPrice + BigInt(raw.l1Fee));
  const deployHash = await writer.deployContract({ abi: token.abi, bytecode: token.bytecode.object, args: ["Viem", "VIM", 6] });
  const { contractAddress } = await reader.waitForTransactionReceipt({ hash: deployHash });
  const stopLogs = socket.watchContractEvent({
    address: contractAddress,
    abi: token.abi,
    eventName: "Transfer",
    onLogs: (batch) => logs.push(...batch),
    onError: (e) => logs.push(e),
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { request } = await reader.simulateContract({
    address: contractAddress, abi: token.abi, functionName: "mint", args: [account.address, 7n], account,
  });
  await reader.waitForTransactionReceipt({ hash: await writer.writeContract(request) });
  assert.equal(await reader.readContract({ address: contractAddress, abi: token.abi, functionName: "balanceOf", args: [account.address] }), 7n);
  const past = await reader.getContractEvents({ address: contractAddress, abi: token.abi, eventName: "Transfer", fromBlock: 0n });
  assert.equal(past.length, 1);
  assert.equal(past[0].args.value, 7n);
  await until("a log over WebSocket", () => logs.length >= 1);
  await until("heads over WebSocket", () => heads.length >= 2);
  assert.ok(heads.every((head) => typeof head === "bigint"), String(heads));
  assert.equal(logs[0].args?.value, 7n, String(logs[0]));
  stopHeads();
  stopLogs();
  const connection = await socket.transport.getRpcClient();
  connection.close();
});

test("ethers sends, deploys and calls", async () => {
  // Blocks come faster than the 250 ms for which ethers would remember an answer.
  const provider = new JsonRpcProvider(rpcUrl, undefined, { pollingInterval: 100, cacheTimeout: -1 });
  const wallet = new Wallet(accounts[5].key, provider);
  const sent = await (await wallet.sendTransaction({ to: accounts[6].address, value: parseUnits("3", "gwei") })).wait();
  assert.equal(sent.status, 1);
  const contract = await new ContractFactory(token.abi, token.bytecode.object, wallet).deploy("Ethers", "ETS", 0);
  await contract.waitForDeployment();
  await (await contract.mint(wallet.address, 9n)).wait();
  assert.equal(await contract.balanceOf(wallet.address), 9n);
  await assert.rejects(contract.transfer(accounts[6].address, 10n), /revert|insufficient/i);
  provider.destroy();
});

test("finality is told rung by rung until L1 finalises", async () => {
  const block = await rpc(rpcUrl, "eth_getBlockByNumber", ["0x1", false]);
  const latest = await rpc(rpcUrl, "eth_getBlockByNumber", ["latest", false]);
  const hash = [...block.transactions, ...latest.transactions][0] ?? (await firstTransaction());
  const first = await rpc(rpcUrl, "rollup_getFinality", [hash]);
  assert.ok(["executed", "posted", "derived", "proven", "finalized"].includes(first.rung), JSON.stringify(first));
  await until("finalized", async () => (await rpc(rpcUrl, "rollup_getFinality", [hash])).rung === "finalized", 90_000);
  const finalized = await rpc(rpcUrl, "eth_getBlockByNumber", ["finalized", false]);
  assert.ok(BigInt(finalized.number) > 0n);
});

async function firstTransaction() {
  for (let number = 1; ; number++) {
    const block = await rpc(rpcUrl, "eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
    if (block.transactions.length > 0) return block.transactions[0];
  }
}
