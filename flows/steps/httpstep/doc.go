package httpstep

const example = `name: find
http:
  get: ${ $vars.crm }/constituents/${ .id | @uri }
  query: {fields: [id, email]}
  connection: crm
  expect: [200, 404]
timeout: 8s
retry: {attempts: 3, on: [timeout, 429, 5xx]}`

const doc = `The resulting item is the response:

| member | holds |
|---|---|
| ` + "`status`" + ` | the status, a number |
| ` + "`headers`" + ` | names in lower case; several values of one name are joined with ` + "`, `" + `, and ` + "`set-cookie`" + ` is a list |
| ` + "`body`" + ` | the body as ` + "`parse`" + ` reads it; null when there is none |

A status that ` + "`expect`" + ` does not list is a failure: its message shows the method, the URL without its query, the
status and the beginning of a text body. ` + "`retry.on`" + ` may name statuses, ` + "`timeout`" + ` and ` + "`network`" + `; a
` + "`Retry-After`" + ` of the response is honoured.

**Time.** The response may take as long as the step's ` + "`timeout`" + `. Connecting has limits of its own, 5 s and 5 s more for
TLS, so that an unreachable host is detected; getting a token for a connection has 10 s.

**URL.** The result of a program is inserted into the URL unchanged: escape it with ` + "`@uri`" + `, as in the example, or use
` + "`query`" + `, which escapes its values.

A URL that begins with ` + "`/`" + ` continues the ` + "`base`" + ` of a [connection](connections.md) of the step, such as the ` + "`instance_url`" + ` that Salesforce
gives with a token.

**Effect.** GET, HEAD and OPTIONS read; PUT and DELETE are idempotent; POST and PATCH happen once. Other methods go by IANA's registry: PROPFIND,
QUERY, REPORT and SEARCH read, COPY, MKCOL, MOVE and the like are idempotent, and one that is not registered happens once. Requests that write carry
` + "`Idempotency-Key: <run>.<step>.<item>`" + `, the same in every attempt, unless the flow sets one;
` + "`idempotency_header`" + ` gives the header another name.

**Parsing.** ` + "`json`" + ` keeps numbers exact. ` + "`csv`" + ` takes names from the first row and gives a list of objects of texts.
` + "`xml`" + ` gives ` + "`{root: …}`" + `: an element is its text, or null, or an object of its attributes (` + "`@name`" + `), its children (a
list where a name comes twice) and its own text (` + "`#text`" + `); namespace prefixes are dropped, except where
children have one name in two namespaces: ` + "`p:name`" + `. One child is not a list:
` + "`[.body.orders.order] | flatten`" + ` always gives one.

**Redirects.** They are followed for GET and HEAD. On a redirect to another host, port or scheme every header that might be a
credential is removed, and a connection adds its credential for its allowed hosts only.

**Networks.** Loopback, private and other special addresses are refused, in every notation, also after a redirect
or from the resolution of a name, unless Penstock runs with ` + "`--allow-private-networks`" + `. With ` + "`proxy`" + ` they apply to the address of the proxy; it resolves the names of the
servers, and its own rules say what can be reached. Requests for the tokens of a connection do not go through it.

**Host.** A header ` + "`Host`" + ` names another host than the URL, for a virtual host behind an address. TLS still
verifies that of the URL, and a connection must allow both.

**Secrets.** ` + "`secret(\"name\")`" + ` in ` + "`query`, `headers`, `json`, `form`, `multipart` or `raw`" + ` is the value of a stored secret. A response or error that has
it, or a secret of the connection, is put out [with ` + "`***`" + ` in its place](connections.md#what-comes-back).

**Keep the item.** ` + "`as: crm`" + ` beside ` + "`http`" + ` makes the response the member ` + "`crm`" + ` of the item, instead of the item: ` + "`.crm.body`" + `.

**Pages.** ` + "`retry`" + ` sends the request for the page that failed again, not those before it, and counts the attempts of each page.

` + "```yaml" + `
http:
  get: https://api.example.org/people
  paginate: {next_url: .body.next_link, items: ".body.value[]"}
` + "```" + `

A cursor in the body, for GraphQL; ` + "`effect: read`" + ` says that the POST changes nothing:

` + "```yaml" + `
http:
  post: https://api.example.org/graphql
  json: {query: "query($after: String) { … }", variables: {after: null}}
  paginate:
    cursor: {from: ".body.data.people.pageInfo | select(.hasNextPage) | .endCursor", body: .variables.after}
    items: .body.data.people.nodes[]
effect: read
` + "```" + `
`
