// Defines what browsers and Node have beside the language, as far as it needs no promises, timers or network. host is a
// function of this process: host(name, ...texts) returns a text. Bytes travel as texts of characters from 0 to 255.
(function (host) {
  const { stringify, parse } = JSON;
  const { fromCharCode } = String;
  const call = (name, ...args) => host(name, ...args);

  const toBinary = (bytes) => {
    let text = "";
    for (let i = 0; i < bytes.length; i += 4096) text += fromCharCode(...bytes.subarray(i, i + 4096));
    return text;
  };
  const fromBinary = (text) => {
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  };
  const view = (data) =>
    data instanceof ArrayBuffer ? new Uint8Array(data)
    : ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : fromBinary(call("encode", String(data)));

  const show = (v) => (v instanceof Error ? String(v) : undefined);
  const line = (level) => (...args) => {
    const texts = [], values = [];
    const written = (_, v) => (typeof v === "bigint" ? String(v) : show(v) ?? v);
    for (const v of args) {
      try {
        const text = typeof v === "object" && v !== null ? show(v) : String(v);
        if (text === undefined) values.push(stringify(v, written) ?? "null");
        else texts.push(text);
      } catch { // a line of a log does not decide over the run
        texts.push("[a value that cannot be written]");
      }
    }
    call("log", level, texts.join(" "), values.length ? "[" + values.join() + "]" : "");
  };
  const console = { log: line("info"), info: line("info"), debug: line("debug"), warn: line("warn"), error: line("error") };

  class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(text = "") { return fromBinary(call("encode", String(text))); }
  }
  class TextDecoder {
    #fatal;
    constructor(label = "utf-8", { fatal = false } = {}) {
      this.encoding = call("charset", String(label));
      this.#fatal = fatal;
    }
    decode(data = new Uint8Array(), { stream = false } = {}) {
      if (stream) throw new TypeError("TextDecoder: stream is not there: decode all bytes at once");
      return call("decode", this.encoding, toBinary(view(data)), String(this.#fatal));
    }
  }

  const escape = (text) =>
    encodeURIComponent(text).replace(/[!'()~]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase()).replace(/%20/g, "+");
  const unescape = (text) => call("unescape", text);
  class URLSearchParams {
    #pairs = [];
    constructor(init = "") {
      if (typeof init === "object" && init !== null) {
        const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
        for (const [name, value] of pairs) this.append(name, value);
        return;
      }
      for (const pair of String(init).replace(/^\?/, "").split("&")) {
        if (pair === "") continue;
        const at = pair.indexOf("=");
        this.append(unescape(at < 0 ? pair : pair.slice(0, at)), unescape(at < 0 ? "" : pair.slice(at + 1)));
      }
    }
    get size() { return this.#pairs.length; }
    append(name, value) { this.#pairs.push([String(name), String(value)]); }
    delete(name) { this.#pairs = this.#pairs.filter((p) => p[0] !== String(name)); }
    get(name) { return this.getAll(name)[0] ?? null; }
    getAll(name) { return this.#pairs.filter((p) => p[0] === String(name)).map((p) => p[1]); }
    has(name) { return this.#pairs.some((p) => p[0] === String(name)); }
    set(name, value) {
      const first = this.#pairs.findIndex((p) => p[0] === String(name));
      if (first < 0) return this.append(name, value);
      this.#pairs = this.#pairs.filter((p, i) => i <= first || p[0] !== String(name));
      this.#pairs[first][1] = String(value);
    }
    sort() { this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); }
    forEach(f) { for (const [name, value] of this.#pairs) f(value, name, this); }
    keys() { return this.#pairs.map((p) => p[0]).values(); }
    values() { return this.#pairs.map((p) => p[1]).values(); }
    entries() { return this.#pairs.map((p) => [...p]).values(); }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#pairs.map(([name, value]) => escape(name) + "=" + escape(value)).join("&"); }
    toJSON() { return this.toString(); }
  }

  class URL {
    constructor(url, base) {
      Object.assign(this, parse(call("url", String(url), base === undefined ? "" : String(base))));
      const params = new URLSearchParams(this.query);
      delete this.query;
      Object.defineProperty(this, "searchParams", { value: params });
    }
    static canParse(url, base) {
      try { return !!new URL(url, base); } catch { return false; }
    }
    get host() { return this.hostname + (this.port && ":" + this.port); }
    get origin() { return this.protocol + "//" + this.host; }
    get search() { const text = this.searchParams.toString(); return text && "?" + text; }
    set search(text) {
      for (const name of [...this.searchParams.keys()]) this.searchParams.delete(name);
      for (const [name, value] of new URLSearchParams(text)) this.searchParams.append(name, value);
    }
    get href() {
      const user = this.username && this.username + (this.password && ":" + this.password) + "@";
      return this.protocol + "//" + user + this.host + this.pathname + this.search + this.hash;
    }
    toString() { return this.href; }
    toJSON() { return this.href; }
  }

  const atob = (text) => call("atob", String(text));
  const btoa = (text) => call("btoa", String(text));
  const hash = (algorithm, data, encoding = "hex") => call("hash", String(algorithm), toBinary(view(data)), String(encoding));
  const hmac = (algorithm, key, data, encoding = "hex") =>
    call("hmac", String(algorithm), toBinary(view(key)), toBinary(view(data)), String(encoding));
  for (const [name, value] of Object.entries({ console, TextEncoder, TextDecoder, URLSearchParams, URL, atob, btoa, hash, hmac }))
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
})
