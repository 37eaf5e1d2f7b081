// Writes an OpenAPI 3.1 document as 3.0, for the openapi-generator that the npm registry has (5.0, which reads no 3.1).
//   older.mjs IN OUT
import { readFileSync, writeFileSync } from "node:fs";

function older(v) {
  if (Array.isArray(v)) return v.map(older);
  if (v === null || typeof v !== "object") return v;
  const o = Object.fromEntries(Object.entries(v).map(([name, value]) => [name, older(value)]));
  if (Array.isArray(o.type)) {
    const types = o.type.filter((t) => t !== "null");
    o.nullable = true;
    o.type = types[0];
  }
  if ("const" in o && typeof o.const !== "object") {
    o.enum = [o.const];
    delete o.const;
  }
  const either = o.oneOf ?? o.anyOf;
  if (either?.every((s) => s.enum)) { // one of some constants
    o.enum = either.flatMap((s) => s.enum);
    delete o.oneOf;
  } else if (either?.every((s) => s.type && s.type !== "object")) { // several types, which it cannot write
    delete o.oneOf;
    delete o.anyOf;
  }
  return o;
}

const document = older(JSON.parse(readFileSync(process.argv[2], "utf8")));
document.openapi = "3.0.3";
delete document.info.summary;
delete document.info.license;
writeFileSync(process.argv[3], JSON.stringify(document));
