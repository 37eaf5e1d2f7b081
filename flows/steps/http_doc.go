package steps

const httpExample = `name: find
http:
  get: ${ $vars.crm }/constituents/${ .id | @uri }
  query: {fields: [id, email]}
  connection: crm
  expect: [200, 404]
timeout: 8s
retry: {attempts: 3, on: [timeout, 429, 5xx]}`

const httpDoc = `The item that comes out is the answer:

| member | holds |
|---|---|
| ` + "`status`" + ` | the status, a number |
| ` + "`headers`" + ` | names in lower case; several values of one name are joined with ` + "`, `" + ` |
| ` + "`body`" + ` | what ` + "`parse`" + ` makes of it; null when there is none |

A status that ` + "`expect`" + ` does not list is a failure: its message shows the method, the URL without its query, the
status and the beginning of a text body. ` + "`retry.on`" + ` may name statuses, ` + "`timeout`" + ` and ` + "`network`" + `; a
` + "`Retry-After`" + ` of the answer is kept to.

**Time.** The answer may take as long as the step's ` + "`timeout`" + ` says. Connecting has limits of its own, 5 s and 5 s more for
TLS, so that a host which is down is noticed; getting a token for a connection has 10 s.

**URL.** What a program puts into the URL stands there as it is: escape it with ` + "`@uri`" + `, as in the example, or use
` + "`query`" + `, which escapes by itself.

**Effect.** GET, HEAD and OPTIONS read; PUT and DELETE are idempotent; POST and PATCH happen once. Requests that write carry
` + "`Idempotency-Key: <run>.<step>.<item>`" + `, the same in every attempt, unless the flow sets one.

**Parsing.** ` + "`json`" + ` keeps numbers exact. ` + "`csv`" + ` takes the first row for names and gives a list of objects that hold text.
` + "`xml`" + ` gives ` + "`{root: …}`" + `: an element is its text, or null, or an object of its attributes (` + "`@name`" + `), its children (a
list where a name comes twice) and its own text (` + "`#text`" + `); namespace prefixes are dropped. One child is no list:
` + "`[.body.orders.order] | flatten`" + ` is one always.

**Redirects.** They are followed for GET and HEAD. On the way to another host, port or scheme every header that might be a
credential is dropped, and a connection adds its credential for its allowed hosts only.

**Networks.** Loopback, private and other special addresses are refused, however they are spelled and wherever a redirect
or a name leads, unless Penstock runs with ` + "`--allow-private-networks`" + `.

**Pages.**

` + "```yaml" + `
http:
  get: https://api.example.org/people
  paginate: {next_url: .body.next_link, items: ".body.value[]"}
` + "```" + `
`
