package steps

const scriptExample = `script: |
  const parts = item.name.trim().split(/\s+/);
  return { id: item.id, first: parts[0], last: parts.slice(1).join(" ") };`

const scriptDoc = `The code is the body of a function in strict mode. It reads ` + "`item`, `event`, `vars`, `index`" + ` and ` + "`steps.NAME`" + `, where the
name of the step stands in the code; a variable of your own has another name than these.

| it returns | output |
|---|---|
| an array | one for each element |
| nothing (` + "`undefined`" + `) | none |
| anything else | that one |

Values travel as JSON: a date becomes text, ` + "`NaN`" + ` null. The local time is UTC. ` + "`toLocaleString`" + ` and the like fail when they are given a locale or options such
as ` + "`timeZone`" + `: there are none, and ` + "`Intl`" + ` is not there.

**Numbers.** JavaScript holds whole numbers exactly up to 9,007,199,254,740,991. Larger ones arrive as BigInt, and a BigInt becomes
a whole number again, so an id that passes through stays exact; ` + "`item.id + 1n`" + ` adds one to such an id, ` + "`String(item.id)`" + ` is its
text. Decimals are floats: ` + "`1.10`" + ` comes back as 1.1.

**Beside the language** there are:

| | |
|---|---|
| ` + "`console.log`, `info`, `debug`, `warn`, `error`" + ` | a line in the record of the run, as a ` + "`log`" + ` step writes: at most 100 of 2,000 bytes; objects are its values, whose members ` + "`redact`" + ` masks |
| ` + "`TextEncoder`, `TextDecoder`, `atob`, `btoa`" + ` | bytes, base64 and every charset of the WHATWG Encoding standard |
| ` + "`URL`, `URLSearchParams`" + ` | absolute URLs by RFC 3986: unlike a browser they do not correct what is wrong, or convert international host names |
| ` + "`hash(algorithm, data, encoding)`, `hmac(algorithm, key, data, encoding)`" + ` | as the [functions of that name](functions.md), at once; data are texts or bytes. There is no ` + "`crypto.subtle`" + `, whose functions are promises |

**Isolation.** There is no network, no file, no timer and no ` + "`import`" + `. Promises are refused. Each item is evaluated in an engine of
its own, without state from others. A run that resumes evaluates the script again, so it should not depend on the clock or
on random numbers.

**Limits.** A script that exceeds its time or memory fails the step. A worker evaluates scripts in separate processes, which it kills
when a script does not end; one evaluation takes about half a millisecond. This protects others from mistakes; it is not a defence
against malicious authors.`
