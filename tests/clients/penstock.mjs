#!/usr/bin/env node
// Calls a flow with what Node brings along.
//
//   penstock.mjs check [name=value ...] <body     prints the check value
//   penstock.mjs run FLOW [name=value ...] <body  runs the flow at the SmartSYNC door: GET when the body is empty, else POST
//   penstock.mjs native FLOW <body                runs the flow at the native door, signed with HMAC
//
// From the environment: PENSTOCK_API_KEY, PENSTOCK_API_SECRET, for run and native also PENSTOCK_URL.
import { createHash, createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

const { PENSTOCK_URL: url, PENSTOCK_API_KEY: key, PENSTOCK_API_SECRET: secret } = process.env;
const now = () => String(Math.floor(Date.now() / 1000));

/** What is signed of a body: no line breaks, no white space around it. */
export function canonical(body) {
  return body.replace(/^[ \t\n\r\0\x0B]+|[ \t\n\r\0\x0B]+$/g, "").replace(/[\r\n]/g, "");
}

/** The check value of parameters and a canonical body ("": none). */
export function check(params, body) {
  const names = Object.keys(params).filter((name) => name !== "check").sort();
  const values = names.map((name) => params[name]);
  if (body !== "") values.push(body);
  return createHash("md5").update([...values, secret].join("|"), "utf8").digest("hex");
}

async function send(path, options) {
  const answer = await fetch(url + path, { signal: AbortSignal.timeout(75_000), ...options });
  process.stdout.write(await answer.text());
  process.exitCode = answer.ok ? 0 : 1;
}

async function run(flow, params, body) {
  const signed = { flow, key, ts: now(), ...params };
  const query = new URLSearchParams({ ...signed, check: check(signed, body) });
  const post = { method: "POST", headers: { "Content-Type": "application/json" }, body };
  await send(`/apis/execute.php?${query}`, body === "" ? {} : post);
}

async function native(flow, body) {
  const [t, n, path] = [now(), randomUUID(), `/v1/flows/${encodeURIComponent(flow)}/runs`];
  const digest = createHash("sha256").update(body).digest("base64");
  const base =
    `"@method": POST\n"@request-target": ${path}\n"content-digest": sha-256=:${digest}:\n` +
    `"@signature-params": ("@method" "@request-target" "content-digest");created=${t};nonce="${n}";keyid="${key}"`;
  const v2 = createHmac("sha256", secret).update(base).digest("hex");
  await send(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Penstock-Key": key, "Penstock-Signature": `t=${t},n=${n},v2=${v2}` },
    body,
  });
}

const [command, ...args] = process.argv.slice(2);
const input = readFileSync(0, "utf8");
const pairs = (list) => Object.fromEntries(list.map((p) => [p.slice(0, p.indexOf("=")), p.slice(p.indexOf("=") + 1)]));

switch (command) {
  case "check":
    console.log(check({ key, ...pairs(args) }, canonical(input)));
    break;
  case "run":
    await run(args[0], pairs(args.slice(1)), canonical(input));
    break;
  case "native":
    await native(args[0], input);
    break;
  default:
    console.error("penstock.mjs check|run|native, see the first lines of the file");
    process.exitCode = 2;
}
