// Calls the operations of flows with the client of `penstock client generate`.
import { CallOptions, PenstockClient, PenstockError } from "./shop";

const url = process.env.PENSTOCK_URL!;

function fail(what: string, ...about: unknown[]): never {
  throw new Error(what + " " + JSON.stringify(about));
}

async function refused(call: Promise<unknown>): Promise<PenstockError> {
  try {
    fail("it succeeded", await call);
  } catch (err) {
    if (err instanceof PenstockError) return err;
    throw err;
  }
}

async function answers(client: PenstockClient) {
  const page = await client.peopleList({ state: "CO", page_size: 10, tags: ["a", "b"], words: ["a,b", "c,d"] });
  const names: string[] = page.items.map((person) => person.name);
  const read = await client.peopleRead({ id: 7 });
  const id: number = read.id as number;
  const missing = await refused(client.peopleRead({ id: 404 }));
  const written = await client.peopleWrite({ id: 7, "X-Source": "a test" }, { name: "Zoë", score: null });
  const taken = await refused(client.peopleWrite({ id: 7 }, { name: "taken" }));
  const order = await client.ordersTakeRun({}, { order: "A1", lines: [{ sku: "a" }, { sku: "b", count: 2 }] });
  if (taken.step === undefined || taken.runId === undefined || taken.requestId === undefined || !taken.message.includes("the name is taken")) fail("error", taken);
  return { names, id, missing: missing.code, written: written.name, taken: taken.status, lines: order.output[0]!.lines };
}

async function others(client: PenstockClient) {
  const all: string[] = [];
  for await (const person of client.peopleListAll({ page_size: 1, order_by: "-name" })) all.push(person.name);
  if (all.join() !== "Cid,Bob,Ann") fail("pages", all);
  const bad = await refused(client.peopleRead({ id: -1 }));
  if (bad.code !== "bad_parameter" || bad.parameter !== "id") fail("parameter", bad);
  const removed = await client.peopleRemove({ id: 3 });
  if (new TextDecoder().decode(removed.body) !== '{"removed":3}') fail("raw answer", removed);
  const event = { order: 1, lines: [{ sku: "a" }] };
  const runs = await Promise.all(["k1", "k1", undefined].map((idempotencyKey) => client.ordersTakeRun({}, event, { idempotencyKey })));
  if (runs[0]!.run_id !== runs[1]!.run_id || runs[0]!.run_id === runs[2]!.run_id) fail("keys", runs);
}

/** Files go to the server in a form or as a body, and come back as they were. */
async function files(client: PenstockClient) {
  const content = new Uint8Array(3 << 20).map((_, i) => i % 251);
  const same = (got: Uint8Array) => Buffer.compare(got, content) === 0;
  const document = new File([content], 'a "b".pdf', { type: "application/pdf" });
  const got = await client.documentsUpload({ title: "A", pages: 2, document, more: [new Blob(["b"]), new Blob(["c"])] });
  if (got.title !== "A" || got.pages !== 2 || got.size !== content.length || got.name !== 'a "b".pdf' || got.type !== "application/pdf" || got.more !== 2) fail("upload", got);
  for (const body of [document, document.stream()]) {
    const echoed = await client.documentsEcho({ id: 7 }, body, { headers: body === document ? {} : { "Content-Type": "application/pdf" } });
    if (!same(new Uint8Array(await new Response(echoed.body).arrayBuffer()))) fail("echo");
    if (echoed.headers.get("X-Id") !== "7" || echoed.headers.get("Content-Type") !== "application/pdf") fail("headers of the echo", [...echoed.headers]);
  }
  const missing = await refused(client.documentsEcho({ id: -1.5 }, document) as Promise<unknown>);
  if (missing.code !== "bad_parameter") fail("a failed download", missing);
}

async function signedFiles(client: PenstockClient) {
  const form = await client.documentsNoteForm({ text: "x", n: 1 });
  const file = await client.documentsNoteFile(new Blob(['{"a":1}'], { type: "application/json" }).stream(), { headers: { "Content-Type": "application/json" } });
  if (JSON.stringify([form.got, file.got]) !== '[{"n":1,"text":"x"},{"a":1}]') fail("signed files", form, file);
}

/** A server in memory, which answers with these statuses, and says what it got. */
function scripted(answers: Array<[number, Record<string, string>, string?] | "away" | "never">) {
  const got: Request[] = [];
  const fake: typeof fetch = async (input, init) => {
    const request = new Request(input as string, { ...init, redirect: "manual" });
    const answer = answers[got.length] ?? fail("a request too many", request.url);
    got.push(request);
    if (answer === "away") throw new TypeError("connection refused");
    if (answer === "never") return new Promise((_, reject) => init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason)));
    return new Response(answer[2] ?? "{}", { status: answer[0], headers: answer[1] });
  };
  return { got, fake };
}

async function retries() {
  const alive = setInterval(() => {}, 1000); // a call without a connection does not keep the process
  const event = { order: 1, lines: [] };
  const run = (answers: Parameters<typeof scripted>[0], config: object = { token: "t" }, options: CallOptions = {}) => {
    const server = scripted(answers);
    const client = new PenstockClient({ url: "https://penstock.example.org/base/", fetch: server.fake, ...config });
    return { ...server, call: client.ordersTakeRun({}, event, options) };
  };
  const again = run([[429, { "Retry-After": "1" }], "away", [503, {}], [200, {}, '{"success":true,"run_id":"r","output":[]}']], { key: "k", secret: "s" });
  const begin = performance.now();
  if ((await again.call).run_id !== "r" || performance.now() - begin < 1000) fail("retries");
  const headers = (name: string) => new Set(again.got.map((r) => r.headers.get(name)));
  if (headers("Idempotency-Key").size !== 1 || headers("Penstock-Signature").size !== 4 || again.got[0]!.url !== "https://penstock.example.org/base/v1/flows/611/runs") fail("headers");

  for (const answer of [[503, { "Retry-After": "31" }], [503, { "Penstock-Run-Id": "r1" }], [429, { "Retry-After": "1", "Idempotent-Replayed": "true" }], [500, {}], [307, { Location: "https://evil.example.org/" }], [202, {}]] as Array<[number, Record<string, string>]>) {
    const once = run([answer]);
    const err = await refused(once.call);
    if (err.status !== answer[0] || once.got.length !== 1) fail("retried", answer);
  }

  const token = (name: string): [number, Record<string, string>, string] => [200, {}, JSON.stringify({ access_token: name, expires_in: 300 })];
  const renewed = run([token("t1"), [403, { "WWW-Authenticate": 'Bearer error="invalid_token"' }], token("t2"), [200, {}]], { clientId: "i", clientSecret: "s" });
  await renewed.call;
  if (renewed.got.map((r) => r.headers.get("Authorization")).join() !== "Basic aTpz,Bearer t1,Basic aTpz,Bearer t2") fail("tokens");
  const unknown = run([token("t1"), [401, {}], token("t2"), [401, {}]], { clientId: "i", clientSecret: "s" });
  if ((await refused(unknown.call)).status !== 401) fail("a token that is never known");

  const late = await refused(run(["never"], { token: "t", timeout: 20, retries: 0 }).call);
  if (late.code !== "timeout") fail("timeout", late);
  for (const answer of ["never", [429, { "Retry-After": "20" }]] as const) {
    const stop = new AbortController();
    const aborted = run([answer as "never"], { token: "t" }, { signal: stop.signal }).call;
    setTimeout(() => stop.abort(new Error("enough")), 20);
    await aborted.then(() => fail("it was not aborted"), (err: Error) => err.message === "enough" || fail("abort", err.message));
  }
  clearInterval(alive);
}

async function main() {
  const { PENSTOCK_KEY, PENSTOCK_SECRET, PENSTOCK_CLIENT, PENSTOCK_CLIENT_SECRET, PENSTOCK_TOKEN } = process.env;
  const ways = [{ token: PENSTOCK_TOKEN }, { user: "developer", password: process.env.PENSTOCK_PASSWORD }, { clientId: PENSTOCK_CLIENT, clientSecret: PENSTOCK_CLIENT_SECRET }];
  const all = [];
  for (const way of ways) {
    const client = new PenstockClient({ url: url + "/", ...way });
    all.push(JSON.stringify(await answers(client)));
    await others(client);
    await files(client);
  }
  const signed = new PenstockClient({ url, key: PENSTOCK_KEY, secret: PENSTOCK_SECRET });
  if ((await signed.peopleRead({ id: 7 })).id !== 7 || (await signed.ordersTakeRun({ source: "ä b&c" }, { order: 1, lines: [{ sku: "ü" }] })).output[0]!.lines !== 1) fail("signature");
  await signedFiles(signed);
  const nobody = new PenstockClient({ url });
  if ((await nobody.peopleStatus()).length !== 1 || (await refused(nobody.peopleRead({ id: 7 }))).status !== 401) fail("nobody");
  if (new Set(all).size !== 1) fail("the ways differ", all);
  await retries();
  console.log(all[0]);
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
