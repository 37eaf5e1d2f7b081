/** A request that got no success. `status` is 0 when there was no answer, and 202 with code `waiting` when the run goes on. */
export class PenstockError extends Error {
  override readonly name = "PenstockError";
  /** HTTP status; 0: no answer came. */
  readonly status: number;
  /** Stable, for programs: `bad_parameter`; `timeout` and `unreachable` for status 0. */
  readonly code: string;
  /** The wrong parameter. */
  readonly parameter?: string;
  /** The failed step of the flow. */
  readonly step?: string;
  /** Id of the run, if one began. */
  readonly runId?: string;
  /** Seconds after which the server wants to be asked again. */
  readonly retryAfter?: number;
  /** Id of the request in the server's log. */
  readonly requestId?: string;
  /** The answer as received. */
  readonly body: string;

  constructor(message: string, about: ErrorDetails, cause?: unknown) {
    super(message, { cause });
    this.status = about.status;
    this.code = about.code;
    this.parameter = about.parameter;
    this.step = about.step;
    this.runId = about.runId;
    this.retryAfter = about.retryAfter;
    this.requestId = about.requestId;
    this.body = about.body ?? "";
  }
}

export interface ErrorDetails {
  status: number;
  code: string;
  parameter?: string;
  step?: string;
  runId?: string;
  retryAfter?: number;
  requestId?: string;
  body?: string;
}

/** Of the credentials one kind is used, the first that is set of `token`, `key`, `clientId` and `user`. */
export interface ClientConfig {
  /** Base URL of the server: `https://penstock.example.org`. */
  url: string;
  /** An access token. */
  token?: string;
  /** An API key; each request is signed. */
  key?: string;
  secret?: string;
  /** An API client; tokens are fetched, kept, and fetched again when they have ended. */
  clientId?: string;
  clientSecret?: string;
  /** Of the tokens of an API client; by default all that are granted to it. */
  scopes?: string[];
  /** Basic. */
  user?: string;
  password?: string;
  /**
   * Milliseconds for one attempt; default 75,000. It must exceed the limit of the slowest flow, 60 s at most. Attempts that send files have no
   * such limit, and of an answer that is a file it is the time until it begins.
   */
  timeout?: number;
  /** Attempts after the first; default 3. */
  retries?: number;
  /** Longest pause between attempts in milliseconds; default 30,000. A longer `Retry-After` ends the call. */
  maxWait?: number;
  /** Default: the global one. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  /** Ends the call. */
  signal?: AbortSignal;
  /** Instead of a random key. Calls of one operation with the same key and the same request are one run, for 24 hours. */
  idempotencyKey?: string;
  headers?: Record<string, string>;
}

/** An answer whose form the API does not describe. */
export interface RawAnswer {
  status: number;
  headers: Headers;
  body: Uint8Array;
}

/** An answer that is a file, read while it arrives: `await new Response(answer.body).blob()` has all of it. */
export interface FileAnswer {
  /** 204: there is none. */
  status: number;
  headers: Headers;
  body: ReadableStream<Uint8Array>;
}

/**
 * A body that is a file. The type of a Blob is its Content-Type, which otherwise is that of the operation or in `headers`. A call with a stream
 * is sent once; with an API key it is read into memory before.
 */
export type FileBody = Blob | ReadableStream<Uint8Array>;

type ParamValue = string | number | boolean | ReadonlyArray<string | number | boolean>;

/** One logical call of an operation. */
interface OperationCall {
  method: string;
  /** Texts, and names of parameters, which alternate. */
  path: string[];
  params?: object;
  query?: string[];
  /** Of the query: lists whose elements are parameters of their own. */
  explode?: string[];
  header?: string[];
  body?: unknown;
  /** Of the body, if it is not JSON. */
  media?: string;
  keyed: boolean;
  public: boolean;
}

/** What is sent at each attempt. */
interface Prepared {
  method: string;
  target: string;
  headers: Record<string, string>;
  body?: string | FileBody;
  public: boolean;
  /** The answer is a file, which is not read. */
  file: boolean;
  signal?: AbortSignal;
}

/** Sends requests of the operations. */
class Caller {
  readonly #config: ClientConfig;
  readonly #base: string;
  #token: { text: string; until: number } | undefined;
  #fetching: Promise<string> | undefined;

  constructor(config: ClientConfig) {
    const base = new URL(config.url);
    if (!/^https?:$/.test(base.protocol) || base.search || base.username) throw new TypeError("url must be an http or https URL without user and query");
    this.#config = { ...config };
    this.#base = config.url.replace(/\/+$/, "");
  }

  /** Returns the decoded answer; undefined for an empty one. */
  async json<T>(call: OperationCall, options: CallOptions): Promise<T> {
    return (await this.#page<T>(call, options, queryOf(call))).body;
  }

  async raw(call: OperationCall, options: CallOptions): Promise<RawAnswer> {
    const { response, body } = await this.#send(await this.#prepare(call, options, queryOf(call)));
    return { status: response.status, headers: response.headers, body };
  }

  async file(call: OperationCall, options: CallOptions): Promise<FileAnswer> {
    const request = await this.#prepare(call, options, queryOf(call));
    const { response } = await this.#send({ ...request, file: true, headers: { ...request.headers, Accept: "*/*" } });
    return { status: response.status, headers: response.headers, body: response.body ?? new Blob([]).stream() };
  }

  /** Yields the items of all pages, each fetched when it is needed. */
  async *pages<P, T>(call: OperationCall, options: CallOptions, items: (page: P) => T[]): AsyncGenerator<T, void, undefined> {
    for (let query: string | undefined = queryOf(call); query !== undefined; ) {
      const page: { body: P; next?: string } = await this.#page<P>(call, options, query);
      yield* items(page.body);
      if (page.next === query) throw new PenstockError("the link to the next page leads nowhere", { status: 200, code: "bad_answer" });
      query = page.next;
    }
  }

  async #page<T>(call: OperationCall, options: CallOptions, query: string): Promise<{ body: T; next?: string }> {
    const { response, body } = await this.#send(await this.#prepare(call, options, query));
    return { body: (body.length === 0 ? undefined : parse(body)) as T, next: nextQuery(response.headers.get("Link")) };
  }

  async #prepare(call: OperationCall, options: CallOptions, query: string): Promise<Prepared> {
    const headers: Record<string, string> = { Accept: "application/json" };
    for (const name of call.header ?? []) {
      const value = own(call.params, name);
      if (value !== undefined) headers[name] = paramText(value);
    }
    if (call.keyed) headers["Idempotency-Key"] = options.idempotencyKey ?? crypto.randomUUID();
    let { body, type } = encode(call);
    if (type) headers["Content-Type"] = type;
    if (body instanceof ReadableStream && !call.public && !this.#config.token && this.#config.key) body = await new Response(body).blob(); // which is signed
    return {
      method: call.method, target: pathOf(call) + (query && "?" + query), headers: { ...headers, ...options.headers }, body,
      public: call.public, file: false, signal: options.signal,
    };
  }

  /** Repeats an attempt that the server had no room for, or that did not reach it. */
  async #send(request: Prepared): Promise<{ response: Response; body: Uint8Array }> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#attempt(request);
      } catch (err) {
        const wait = repeatable(request) && !(request.body instanceof ReadableStream) && attempt < (this.#config.retries ?? 3) ? this.#pause(err, attempt) : undefined;
        if (wait === undefined || request.signal?.aborted) throw err;
        await sleep(wait, request.signal);
      }
    }
  }

  /** Sends a request once, and once more with a new token if the one of the API client is not accepted. */
  async #attempt(request: Prepared): Promise<{ response: Response; body: Uint8Array }> {
    for (let renewed = false; ; renewed = true) {
      const credentials = request.public ? {} : await this.#authorize(request);
      const answer = await this.#exchange(request.method, request.target, { ...request.headers, ...credentials }, request.body, request.signal, request.file);
      const { response, body } = answer;
      if (response.ok && response.status !== 202) return answer;
      const ended = response.status === 401 || (response.status === 403 && response.headers.get("WWW-Authenticate")?.includes('error="invalid_token"'));
      if (renewed || !ended || request.body instanceof ReadableStream || !this.#asClient || request.public) throw errorOf(response, body);
      if (credentials["Authorization"] === "Bearer " + this.#token?.text) this.#token = undefined; // else another call has a new one
    }
  }

  async #exchange(method: string, target: string, headers: Record<string, string>, body?: string | FileBody, signal?: AbortSignal, file = false) {
    const limit = new AbortController();
    const sendsFile = body !== undefined && typeof body !== "string";
    const timer = sendsFile ? undefined : setTimeout(() => limit.abort(), this.#config.timeout ?? 75_000);
    try {
      const send = this.#config.fetch ?? fetch;
      const init = { method, headers, body, redirect: "manual", duplex: "half", signal: signal ? AbortSignal.any([signal, limit.signal]) : limit.signal };
      const response = await send(this.#base + target, init as RequestInit); // duplex is not in every version of its type
      const leave = file && response.ok && response.status !== 202;
      return { response, body: leave ? new Uint8Array() : new Uint8Array(await response.arrayBuffer()) };
    } catch (err) {
      if (signal?.aborted) throw signal.reason;
      const late = limit.signal.aborted;
      throw new PenstockError("call server: " + (late ? "no answer in time" : "it cannot be reached"), { status: 0, code: late ? "timeout" : "unreachable" }, err);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Milliseconds before the next attempt: at least `Retry-After`, which is never shortened, else 250, 500 and so on with jitter. */
  #pause(err: unknown, attempt: number): number | undefined {
    if (!(err instanceof PenstockError)) return undefined;
    const most = this.#config.maxWait ?? 30_000;
    const backoff = Math.min(250 * 2 ** attempt, most) * (0.5 + Math.random() / 2);
    if (err.status === 0) return backoff;
    const after = (err.retryAfter ?? 0) * 1000;
    return temporary.has(err) && after <= most ? after + backoff : undefined;
  }

  get #asClient(): boolean {
    return !this.#config.token && !this.#config.key && !!this.#config.clientId;
  }

  async #authorize(request: Prepared): Promise<Record<string, string>> {
    const c = this.#config;
    if (c.token) return { Authorization: "Bearer " + c.token };
    if (c.key) return { "Penstock-Key": c.key, "Penstock-Signature": await signature(request.method, new URL(this.#base).pathname.replace(/\/+$/, "") + request.target, await new Response(request.body ?? "").arrayBuffer(), c.key, c.secret ?? "") };
    if (c.clientId) return { Authorization: "Bearer " + (await abortable(this.#clientToken(), request.signal)) };
    if (c.user) return { Authorization: basic(c.user, c.password ?? "") };
    return {};
  }

  /** A token for the client credentials (RFC 6749, section 4.4). Concurrent calls share one request. */
  #clientToken(): Promise<string> {
    if (this.#token && Date.now() < this.#token.until) return Promise.resolve(this.#token.text);
    this.#fetching ??= this.#fetchToken().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetchToken(): Promise<string> {
    const c = this.#config;
    const form = new URLSearchParams({ grant_type: "client_credentials", ...(c.scopes && { scope: c.scopes.join(" ") }) });
    const headers = {
      "Content-Type": "application/x-www-form-urlencoded", Accept: "application/json",
      Authorization: basic(encodeURIComponent(c.clientId!), encodeURIComponent(c.clientSecret ?? "")),
    };
    const from = Date.now();
    const { response, body } = await this.#exchange("POST", "/oauth2/token", headers, form.toString());
    if (!response.ok) throw errorOf(response, body);
    const made = parse(body) as { access_token?: string; expires_in?: number };
    if (typeof made.access_token !== "string") throw new PenstockError("the token endpoint's answer has no access_token", { status: response.status, code: "bad_answer" });
    const life = (made.expires_in ?? 0) * 1000;
    this.#token = { text: made.access_token, until: from + life - Math.min(10_000, life / 10) };
    return made.access_token;
  }
}

/** The body of a request, with its content type. */
function encode(call: OperationCall): { body?: string | FileBody; type?: string } {
  if (call.body === undefined) return {};
  if (call.media === undefined) return { body: JSON.stringify(call.body), type: "application/json" };
  if (call.body instanceof URLSearchParams) return { body: call.body.toString(), type: call.media };
  if (call.body instanceof ReadableStream) return { body: call.body, type: call.media };
  if (call.body instanceof Blob) return { body: call.body, type: call.body.type || call.media };
  return encodeForm(call.body as object);
}

/** A form (RFC 7578): Blobs are files, texts are fields, and other values are JSON, which FormData cannot say. */
function encodeForm(fields: object): { body: Blob; type: string } {
  const boundary = crypto.randomUUID();
  const quoted = (text: string) => text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\r/g, "%0D").replace(/\n/g, "%0A");
  const parts: Array<string | Blob> = [];
  const add = (name: string, value: unknown) => {
    parts.push(`--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"`);
    if (value instanceof Blob) {
      const file = "name" in value && typeof value.name === "string" ? value.name : "file";
      parts.push(`; filename="${quoted(file)}"\r\nContent-Type: ${value.type || "application/octet-stream"}\r\n\r\n`, value, "\r\n");
    } else if (typeof value === "string") parts.push("\r\n\r\n", value, "\r\n");
    else parts.push("\r\nContent-Type: application/json\r\n\r\n", JSON.stringify(value), "\r\n");
  };
  for (const [name, value] of Object.entries(fields)) {
    if (Array.isArray(value) && value.length > 0 && value.every((one) => one instanceof Blob)) for (const file of value) add(name, file);
    else if (value !== undefined) add(name, value);
  }
  parts.push(`--${boundary}--\r\n`);
  return { body: new Blob(parts), type: `multipart/form-data; boundary=${boundary}` };
}

/** A repeated POST or PATCH is one run only with a key. */
function repeatable(request: Prepared): boolean {
  return request.headers["Idempotency-Key"] !== undefined || (request.method !== "POST" && request.method !== "PATCH");
}

/** Errors after which the server asks to come again. */
const temporary = new WeakSet<PenstockError>();

/** Reads a problem (RFC 9457), or an error of a token endpoint (RFC 6749). */
function errorOf(response: Response, body: Uint8Array): PenstockError {
  const text = new TextDecoder().decode(body);
  let problem: Record<string, unknown> = {};
  try {
    problem = Object(JSON.parse(text));
  } catch {
    // a flow may answer in any form
  }
  const word = (name: string) => (Object.hasOwn(problem, name) && typeof problem[name] === "string" ? (problem[name] as string) : undefined);
  const header = (name: string) => response.headers.get(name) ?? undefined;
  const waiting = response.status === 202;
  const step = word("step");
  const about: ErrorDetails = {
    status: response.status, code: waiting ? "waiting" : (word("code") ?? word("error") ?? ""), parameter: word("parameter"), step,
    runId: word("run_id") ?? header("Penstock-Run-Id"), retryAfter: retryAfter(header("Retry-After")), requestId: header("X-Request-Id"), body: text,
  };
  const why = waiting ? "the run goes on" : (word("detail") ?? word("error_description") ?? "the server does not say why");
  const err = new PenstockError(`${response.status}: ${step ? `step ${step}: ` : ""}${why}${about.runId ? ` (run ${about.runId})` : ""}`, about);
  const again = response.status === 429 || response.status === 503; // a run that failed so is final
  if (again && header("Idempotent-Replayed") !== "true" && (!about.runId || about.retryAfter)) temporary.add(err);
  return err;
}

/** Reads seconds or a date (RFC 9110, section 10.2.3). */
function retryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - Date.now()) / 1000);
}

/** The query of the next page (RFC 8288). The rest of the link is not used: credentials go to no other address. */
function nextQuery(links: string | null): string | undefined {
  for (const link of (links ?? "").split(", <")) {
    const end = link.indexOf(">");
    if (end >= 0 && link.slice(end).includes('rel="next"')) return new URL(link.slice(0, end).replace(/^</, ""), "http://localhost").search.slice(1);
  }
  return undefined;
}

function own(params: object | undefined, name: string): ParamValue | undefined {
  return params !== undefined && Object.hasOwn(params, name) ? ((params as Record<string, ParamValue | undefined>)[name] ?? undefined) : undefined;
}

function paramText(value: ParamValue): string {
  return Array.isArray(value) ? value.join(",") : String(value);
}

/** The path with its parameters. A value that would make it another path is an error. */
function pathOf(call: OperationCall): string {
  const part = (name: string) => {
    const text = encodeURIComponent(paramText(own(call.params, name) ?? ""));
    if (text === "" || text === "." || text === "..") throw new TypeError(`parameter ${name}: ${JSON.stringify(text)} cannot be a part of a path`);
    return text;
  };
  return call.path.map((text, i) => (i % 2 === 0 ? text : part(text))).join("");
}

function queryOf(call: OperationCall): string {
  const query = new URLSearchParams();
  for (const name of call.query ?? []) {
    const value = own(call.params, name);
    if (Array.isArray(value) && call.explode?.includes(name)) for (const one of value) query.append(name, paramText(one));
    else if (value !== undefined) query.set(name, paramText(value));
  }
  return query.toString();
}

function parse(body: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(body));
}

function basic(user: string, password: string): string {
  return "Basic " + btoa(String.fromCharCode(...new TextEncoder().encode(user + ":" + password)));
}

/** An HMAC-SHA256 over the signature base of RFC 9421, with a new nonce for each attempt. */
async function signature(method: string, target: string, body: ArrayBuffer, key: string, secret: string): Promise<string> {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const digest = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", body))));
  const ts = Math.floor(Date.now() / 1000);
  const nonce = crypto.randomUUID();
  const base = `"@method": ${method}\n"@request-target": ${target}\n"content-digest": sha-256=:${digest}:\n"@signature-params": ("@method" "@request-target" "content-digest");created=${ts};nonce="${nonce}";keyid="${key}"`;
  const secretKey = await crypto.subtle.importKey("raw", bytes(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const sum = new Uint8Array(await crypto.subtle.sign("HMAC", secretKey, bytes(base)));
  return `t=${ts},n=${nonce},v2=${Array.from(sum, (b) => b.toString(16).padStart(2, "0")).join("")}`;
}

/** Rejects when the signal comes before the promise's end. */
function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Waits, and rejects when the signal comes first. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
