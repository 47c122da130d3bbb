// Starts the binary as a person would, and stops what it started.
import { spawn, execFile } from "node:child_process";
import { mkdtempSync, rmSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
export const SLUICE = process.env.SLUICE_BIN ?? join(here, "../target/debug/sluice");
/** A seat that lies. Not part of the binary. */
export const LIAR = process.env.SLUICE_LIAR_BIN ?? join(here, "../target/debug/sluice-liar");
const arch = { x64: "amd64", arm64: "arm64" }[process.arch];
const foundry = (tool) =>
  process.env[`SLUICE_${tool.toUpperCase()}`] ??
  join(here, `../contracts/node_modules/@foundry-rs/${tool}-${process.platform}-${arch}/bin/${tool}`);
export const CAST = foundry("cast");
export const ANVIL = foundry("anvil");

/** A port nobody listens on at this moment. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** The first of some ports in a row that nobody listens on at this moment. */
export async function freePorts(count) {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const listens = Array.from({ length: count }, (_, i) => new Promise((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(first + i, "127.0.0.1", () => server.close(() => resolve(true)));
    }));
    if ((await Promise.all(listens)).every(Boolean)) return first;
  }
}

export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), "sluice-e2e-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export const artifact = (name) => JSON.parse(readFileSync(join(here, `../contracts/artifacts/${name}.json`), "utf8"));

/** Ports that a restart can take again. */
export async function ports() {
  const names = ["l1-port", "rpc-port", "explorer-port", "metrics-port"];
  const values = [];
  while (values.length < names.length) {
    const port = await freePort();
    if (!values.includes(port)) values.push(port);
  }
  return names.flatMap((name, i) => [`--${name}`, String(values[i])]);
}

/** Starts `sluice devnet --json` and waits for its table. */
export async function devnet(args = [], { timeoutMs = 60_000, env = {} } = {}) {
  const extra = args.some((arg) => arg === "--rpc-port") ? [] : await ports();
  const child = spawn(SLUICE, ["devnet", "--json", ...args, ...extra], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, RUST_LOG: process.env.RUST_LOG ?? "warn", SLUICE_ANVIL: ANVIL, ...env },
  });
  let log = "";
  child.stderr.on("data", (chunk) => (log = (log + chunk).slice(-20_000)));
  const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  const node = { child, heads: null, exited, log: () => log, startMs: 0 };
  const start = Date.now();
  const table = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`devnet not ready after ${timeoutMs} ms\n${log}`)), timeoutMs);
    exited.then(({ code }) => reject(new Error(`devnet ended with ${code}\n${log}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const value = JSON.parse(line);
      if (value.heads) node.heads = value.heads;
      else {
        clearTimeout(timer);
        resolve(value);
      }
    });
  });
  node.startMs = Date.now() - start;
  node.table = table;
  node.rollup = table.rollups[0];
  node.stop = async () => {
    child.kill("SIGINT");
    return exited;
  };
  node.kill = async () => {
    child.kill("SIGKILL");
    return exited;
  };
  return node;
}

const run = promisify(execFile);

/** Runs a program to its end; the answer has stdout, stderr and the exit code. */
export async function command(program, args, { timeoutMs = 120_000, env = {} } = {}) {
  try {
    const { stdout, stderr } = await run(program, args, {
      timeout: timeoutMs,
      maxBuffer: 64 << 20,
      env: { ...process.env, ...env },
    });
    return { code: 0, stdout: stdout.trim(), stderr: stderr.trim() };
  } catch (error) {
    if (typeof error.code !== "number") throw error;
    return { code: error.code, stdout: error.stdout.trim(), stderr: error.stderr.trim() };
  }
}

export async function cast(...args) {
  const { code, stdout, stderr } = await command(CAST, args);
  if (code !== 0) throw new Error(`cast ${args.join(" ")}: ${stderr}`);
  return stdout;
}

export async function sluice(...args) {
  const { code, stdout, stderr } = await command(SLUICE, args);
  if (code !== 0) throw new Error(`sluice ${args.join(" ")}: ${stderr}`);
  return stdout;
}

export async function rpc(url, method, params = []) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = await answer.json();
  if (error) throw Object.assign(new Error(`${method}: ${error.message}`), error);
  return result;
}

/** Waits until `check` gives something true, and gives it back. */
export async function until(what, check, timeoutMs = 60_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
