// Money goes in, moves, and comes out, to the wei. What L1 forces in is executed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createPublicClient, createWalletClient, defineChain, encodeDeployData, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { artifact, devnet, rpc, sluice, until } from "../harness.mjs";

let node, l1, l2, l1Chain, l2Chain, accounts, contracts;
const token = artifact("TestToken");
const alice = () => privateKeyToAccount(accounts[7].key);
const writer = (chain, account) => createWalletClient({ chain, transport: http(), account });
const chain = (id, url) =>
  defineChain({ id, name: `c${id}`, nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [url] } } });
const json = (text) => JSON.parse(text);

before(async () => {
  node = await devnet();
  ({ accounts, contracts } = node.table);
  l1Chain = chain(node.table.l1.chain_id, node.table.l1.rpc);
  l2Chain = chain(node.rollup.chain_id, node.rollup.rpc);
  l1 = createPublicClient({ chain: l1Chain, transport: http(), pollingInterval: 100 });
  l2 = createPublicClient({ chain: l2Chain, transport: http(), pollingInterval: 100 });
});
after(async () => {
  const { code } = await node.stop();
  assert.equal(code, 0, node.log());
});

const both = () => ["--rollup-rpc", node.rollup.rpc, "--l1-rpc", node.table.l1.rpc];

/** Claims once the withdrawal's batch is final. */
async function claim(l2Hash, key) {
  await until(
    "proven",
    async () => ["proven", "finalized"].includes((await rpc(node.rollup.rpc, "rollup_getFinality", [l2Hash])).rung),
    90_000,
  );
  return json(await sluice("bridge", "claim", ...both(), "--key", key, "--tx", l2Hash, "--json"));
}

test("ETH: deposit, transfer, withdraw, claim, to the wei", async () => {
  const to = "0x00000000000000000000000000000000000e7401";
  const amount = parseEther("1.000000000000000001");
  await sluice("bridge", "deposit", ...both(), "--key", accounts[7].key, "--to", to, "--amount", amount.toString(), "--json");
  await until("deposit on L2", async () => (await l2.getBalance({ address: to })) === amount);

  const before = await l2.getBalance({ address: alice().address });
  const bob = "0x00000000000000000000000000000000000e7402";
  const hash = await writer(l2Chain, alice()).sendTransaction({ to: bob, value: 5n });
  const receipt = await l2.waitForTransactionReceipt({ hash });
  const raw = await rpc(node.rollup.rpc, "eth_getTransactionReceipt", [hash]);
  const fee = receipt.gasUsed * receipt.effectiveGasPrice + BigInt(raw.l1Fee);
  assert.equal(await l2.getBalance({ address: bob }), 5n);
  assert.equal(await l2.getBalance({ address: alice().address }), before - 5n - fee);

  const out = "0x00000000000000000000000000000000000e7403";
  const withdrawal = json(
    await sluice("bridge", "withdraw", ...both(), "--key", accounts[7].key, "--to", out, "--amount", "123456789", "--json"),
  );
  const escrow = await l1.getBalance({ address: contracts.bridge });
  await claim(withdrawal.l2_tx, accounts[8].key);
  assert.equal(await l1.getBalance({ address: out }), 123456789n);
  assert.equal(await l1.getBalance({ address: contracts.bridge }), escrow - 123456789n);
  await assert.rejects(claim(withdrawal.l2_tx, accounts[8].key), /claimed/i, "each leaf once");
});

test("ERC-20: deposit, transfer, withdraw, claim, to the unit", async () => {
  const l1Writer = writer(l1Chain, alice());
  const deploy = await l1.waitForTransactionReceipt({
    hash: await l1Writer.sendTransaction({ data: encodeDeployData({ abi: token.abi, bytecode: token.bytecode.object, args: ["Six", "SIX", 6] }) }),
  });
  const l1Token = deploy.contractAddress;
  const call = (client, address, functionName, args = []) => client.readContract({ address, abi: token.abi, functionName, args });
  await l1.waitForTransactionReceipt({
    hash: await l1Writer.writeContract({ address: l1Token, abi: token.abi, functionName: "mint", args: [alice().address, 1_000_001n] }),
  });
  const deposit = json(
    await sluice("bridge", "deposit", ...both(), "--key", accounts[7].key, "--to", alice().address, "--token", l1Token, "--amount", "1000001", "--json"),
  );
  const l2Token = deposit.l2_token;
  await until("tokens on L2", async () => (await l2.getCode({ address: l2Token })) && (await call(l2, l2Token, "balanceOf", [alice().address])) === 1_000_001n);
  assert.equal(await call(l2, l2Token, "decimals"), 6);
  assert.equal(await call(l2, l2Token, "symbol"), "SIX");
  const bob = privateKeyToAccount(accounts[8].key);
  const l2Writer = writer(l2Chain, alice());
  await l2.waitForTransactionReceipt({
    hash: await l2Writer.writeContract({ address: l2Token, abi: token.abi, functionName: "transfer", args: [bob.address, 400_000n] }),
  });
  const withdrawal = json(
    await sluice("bridge", "withdraw", ...both(), "--key", accounts[8].key, "--to", bob.address, "--token", l2Token, "--amount", "400000", "--json"),
  );
  assert.equal(await call(l2, l2Token, "totalSupply"), 600_001n);
  await claim(withdrawal.l2_tx, accounts[8].key);
  assert.equal(await call(l1, l1Token, "balanceOf", [bob.address]), 400_000n);
  assert.equal(await call(l1, l1Token, "balanceOf", [contracts.bridge]), 600_001n);
});

test("a forced transaction executes although the pool never saw it", async () => {
  const carol = privateKeyToAccount(accounts[9].key);
  const to = "0x00000000000000000000000000000000000f0c3d";
  const request = await l2.prepareTransactionRequest({ account: carol, chain: l2Chain, to, value: 77n });
  const raw = await carol.signTransaction(request);
  const inbox = artifact("Inbox");
  const receipt = await l1.waitForTransactionReceipt({
    hash: await writer(l1Chain, alice()).writeContract({
      address: contracts.inbox, abi: inbox.abi, functionName: "forceTransaction", args: [raw],
      value: 0n,
    }),
  });
  assert.equal(receipt.status, "success");
  await until("forced transaction on L2", async () => (await l2.getBalance({ address: to })) === 77n);
});

test("an arbitrary call from an L1 account arrives as a deposit transaction", async () => {
  const inbox = artifact("Inbox");
  const target = "0x00000000000000000000000000000000000ca11e";
  await l1.waitForTransactionReceipt({
    hash: await writer(l1Chain, alice()).writeContract({
      address: contracts.inbox, abi: inbox.abi, functionName: "deposit", args: [target, 9n, 100_000n, "0x1234"], value: 10n,
    }),
  });
  await until("message on L2", async () => (await l2.getBalance({ address: target })) === 9n);
});
