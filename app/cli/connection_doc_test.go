package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/store"
)

const connectionIntro = `# Connections and secrets

<!-- Written by go test ./app/cli -update. -->

A flow file holds no password. It names a **connection**, which holds what a step needs to reach a system, or a **secret**, which
is one value under a name. Both are encrypted in Redis, and their secret values are never shown again.

## Store one

In the console under Connections, or from a file, as an administrator:

` + "```sh" + `
penstock connection put crm --file crm.json     # or standard input, without a file
penstock connection list
printf %s "$WEBHOOK_SECRET" | penstock secret put github_webhook
` + "```" + `

Storing one under the same name replaces it: workers use the new one within two seconds, and flows stay unchanged. Settings are texts; numbers, ` + "`true`" + `
and ` + "`false`" + ` may be written without quotes.

An API with OAuth client credentials. The workers request tokens, share them and renew them:

` + "```json" + `
{"type": "oauth2_client", "hosts": ["api.crm.example.org"],
 "settings": {"client_id": "penstock", "client_secret": "…", "token_url": "https://login.crm.example.org/token", "scope": "people"}}
` + "```" + `

A key in a header, a database and a mail server:

` + "```json" + `
{"type": "api_key", "hosts": ["*.example.org"], "settings": {"name": "X-API-Key", "value": "…"}}
` + "```" + `

` + "```json" + `
{"type": "postgres", "settings": {"host": "db.example.org", "database": "donors", "username": "penstock", "password": "…"}}
` + "```" + `

` + "```json" + `
{"type": "smtp", "settings": {"host": "mail.example.org", "port": 587, "username": "penstock", "password": "…", "from": "Office <office@example.org>"}}
` + "```" + `

An SFTP server, and an object store. ` + "`host_key`" + ` is what ` + "`ssh-keyscan sftp.bank.example.org`" + ` prints, or its fingerprint, compared with what the server's operator says: a server is
never trusted because it answers. When it has another key, the error and the test of the connection show the fingerprint of that.

` + "```json" + `
{"type": "sftp", "settings": {"host": "sftp.bank.example.org", "username": "school-7", "password": "…", "host_key": "SHA256:uNiVztksCsDhcc0u9e8BrTUw7VyXWqTxZVJrCsjEbU0"}}
` + "```" + `

` + "```json" + `
{"type": "s3", "settings": {"endpoint": "https://s3.eu-central-1.amazonaws.com", "region": "eu-central-1", "access_key_id": "…", "secret_access_key": "…", "bucket": "exports"}}
` + "```" + `

Steps name it: ` + "`http: {get: …, connection: crm}`, `sql: {connection: donors, …}`, `email: {connection: mail, …}`, `sftp: {connection: bank, …}`" + `. A secret is named by
` + "`verify` of a webhook and by `hmac` and `jwt` of an `encode`" + ` step.

An ` + "`http`" + ` step may name several connections, ` + "`connection: [crm, client_certificate]`" + `: the request carries the credentials of all. A
signature is made after the others have changed the request. ` + "`connection: {choose: \"crm-${ .tenant }\", of: [crm-north, crm-south]}`" + `
takes one of those named, by an expression. Two connections that set the same header fail the step, which names both.

An API that wants several values, and Zoom's grant with its account:

` + "```json" + `
{"type": "api", "hosts": ["api.example.org"], "settings": {"headers": "X-Key: …\nX-Secret: …", "query": "customer: 17"}}
` + "```" + `

` + "```json" + `
{"type": "oauth2_client", "hosts": ["api.zoom.us"], "settings": {"client_id": "…", "client_secret": "…", "token_url": "https://zoom.us/oauth/token",
 "grant_type": "account_credentials", "token_params": "account_id: …"}}
` + "```" + `

**Hosts** are the servers that get the credential: ` + "`api.example.org`, `*.example.org`, `api.example.org:8443`" + `, all over TLS, or ` + "`http://crm.internal:8080`" + `
in a trusted network. Other hosts never get it, whatever the URL of a step.

## Kept elsewhere

` + "`from`" + ` names where the value of a setting is kept, such as Vault or a file that Kubernetes mounts: see [secrets from where they are kept](secrets.md).

` + "```json" + `
{"type": "bearer", "hosts": ["api.example.org"], "from": {"token": "vault://kv/penstock/crm#token"}}
` + "```" + `

## Test one

` + "`" + `penstock connection test crm` + "`" + `, ` + "`" + `POST /v1/connections/{name}/test` + "`" + ` and the console's button contact the server: a connection with hosts sends a GET with its credential to the URL
of its setting ` + "`" + `test` + "`" + `, or to one that is given; a database answers a ping; a mail server accepts the login, and gets no message; an SFTP server accepts the login; an object store is asked for the bucket or, without one, for the list of buckets. What is wrong is said in words: a name that does not exist, a
certificate that is not trusted, a server that does not accept connections or does not answer in time, a status. A worker contacts
the server, from the network in which runs are executed, and the answer names it: workers need --allow-private-networks for servers at private addresses, front doors do not. Without a worker, or
with workers of an earlier version alone, the answer says so at once. A worker makes at most four tests at a time, each within 15 s. Where workers are in several networks any of them may take the test: test from a flow then. What is asked, and the answer, are sealed
with the master key and kept for a minute at most: they are no tasks and no runs. A proxy is tested by a step that uses it.

` + "`" + `penstock connection show crm` + "`" + ` and the list say in ` + "`" + `used_by` + "`" + ` which flows name it in their current versions; so do the list of secrets and the console, before one is deleted.

## What the token's answer says

Salesforce and others give the address of the tenant with the token. ` + "`" + `base` + "`" + ` of an OAuth connection takes it from there, and a step continues it; ` + "`" + `hosts` + "`" + ` say where it may
lead. ` + "`" + `headers` + "`" + ` of the connection may have members of the answer, too:

` + "`" + `` + "`" + `` + "`" + `json
{"type": "oauth2_client", "hosts": ["*.my.salesforce.com"], "settings": {"client_id": "…", "client_secret": "…",
 "token_url": "https://example.my.salesforce.com/services/oauth2/token", "base": "{instance_url}/services/data/v60.0"}}
` + "`" + `` + "`" + `` + "`" + `

` + "`" + `` + "`" + `` + "`" + `yaml
http: {get: /sobjects/Contact/003xx, connection: salesforce}
` + "`" + `` + "`" + `` + "`" + `

## Signed requests

` + "`" + `hmac_request` + "`" + ` signs a request as its API defines it. ` + "`" + `sign` + "`" + `, ` + "`" + `headers` + "`" + ` and ` + "`" + `query` + "`" + ` are templates with these parts of the request in braces:

| part | is |
|---|---|
| ` + "`" + `{method}` + "`" + `, ` + "`" + `{host}` + "`" + `, ` + "`" + `{content_type}` + "`" + ` | ` + "`" + `POST` + "`" + `; the host with its port, if it has one; the header ` + "`" + `Content-Type` + "`" + ` |
| ` + "`" + `{path}` + "`" + `, ` + "`" + `{query}` + "`" + `, ` + "`" + `{target}` + "`" + ` | as they are sent: escaped, without ` + "`" + `?` + "`" + `; ` + "`" + `{target}` + "`" + ` is the path and, if there is one, ` + "`" + `?` + "`" + ` and the query |
| ` + "`" + `{body}` + "`" + ` | the body, of at most 32 MB |
| ` + "`" + `{body_sha256}` + "`" + `, ` + "`" + `{body_sha256_base64}` + "`" + `, ` + "`" + `{body_md5_base64}` + "`" + ` | its hash, in hexadecimal digits or base64 |
| ` + "`" + `{timestamp}` + "`" + `, ` + "`" + `{timestamp_ms}` + "`" + `, ` + "`" + `{time}` + "`" + `, ` + "`" + `{date}` + "`" + ` | the time in seconds or milliseconds since 1970, as ` + "`" + `2026-07-01T12:00:00Z` + "`" + `, as in the header ` + "`" + `Date` + "`" + ` |
| ` + "`" + `{nonce}` + "`" + ` | 26 random letters and digits, other ones in each request |
| ` + "`" + `{signature}` + "`" + ` | the signature, in ` + "`" + `headers` + "`" + ` and ` + "`" + `query` + "`" + ` only |

A line break in ` + "`" + `sign` + "`" + ` is signed. [Coinbase Exchange](https://docs.cdp.coinbase.com/exchange/rest-api/authentication), beside an ` + "`" + `api` + "`" + ` connection with ` + "`" + `CB-ACCESS-KEY` + "`" + ` and ` + "`" + `CB-ACCESS-PASSPHRASE` + "`" + `:

` + "`" + `` + "`" + `` + "`" + `json
{"type": "hmac_request", "hosts": ["api.exchange.coinbase.com"], "settings": {"key": "bXkga2V5", "key_encoding": "base64", "signature_encoding": "base64",
 "sign": "{timestamp}{method}{target}{body}", "headers": "CB-ACCESS-SIGN: {signature}\nCB-ACCESS-TIMESTAMP: {timestamp}"}}
` + "`" + `` + "`" + `` + "`" + `

[Binance](https://developers.binance.com/docs/binance-spot-api-docs/rest-api), whose signature is a parameter, beside an ` + "`" + `api_key` + "`" + ` connection with ` + "`" + `X-MBX-APIKEY` + "`" + `:

` + "`" + `` + "`" + `` + "`" + `json
{"type": "hmac_request", "hosts": ["api.binance.com"], "settings": {"key": "…", "sign": "{query}", "query": "timestamp: {timestamp_ms}\nsignature: {signature}"}}
` + "`" + `` + "`" + `` + "`" + `

[Azure Communication Services](https://learn.microsoft.com/en-us/azure/communication-services/tutorials/hmac-header-tutorial), which signs a hash of the body:

` + "`" + `` + "`" + `` + "`" + `json
{"type": "hmac_request", "hosts": ["*.communication.azure.com"], "settings": {"key": "bXkga2V5", "key_encoding": "base64", "signature_encoding": "base64",
 "sign": "{method}\n{target}\n{date};{host};{body_sha256_base64}",
 "headers": "x-ms-date: {date}\nx-ms-content-sha256: {body_sha256_base64}\nAuthorization: HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"}}
` + "`" + `` + "`" + `` + "`" + `

## A secret in a request

` + "```yaml" + `
http:
  post: https://api.example.org/orders
  headers: {x-api-key: '${ secret("shop") }'}
  json: {order: "${ .id }", pin: '${ secret("shop_pin") }'}
` + "```" + `

` + "`" + `secret("name")` + "`" + ` is the value of a stored secret. An expression may use it in ` + "`" + `query` + "`" + `, ` + "`" + `headers` + "`" + `, ` + "`" + `json` + "`" + `, ` + "`" + `form` + "`" + `, ` + "`" + `multipart` + "`" + ` and ` + "`" + `raw` + "`" + ` of an ` + "`" + `http` + "`" + `
step, and nowhere else: what is there is sent, and is no item. ` + "`" + `penstock flow validate` + "`" + ` reports any other place. The name is a literal text, so that it is known which
secrets a flow uses. A secret has no hosts: it goes to the host of the URL. A connection sends its credential to its own hosts only, so prefer one where
there is a type for it. In tests and rehearsals the value is ` + "`" + `the secret name` + "`" + `; ` + "`" + `secrets: {name: "7"}` + "`" + ` in a test gives another.

## What comes back

A server may send back what it was sent. In what a step puts out (bodies, headers, files), and in its errors, ` + "`" + `***` + "`" + ` stands for
every secret that the step has used: those of its connections, also tokens that they have requested, the members of a token's answer that they send in headers, and the
credentials of the header ` + "`" + `Authorization` + "`" + `; those of ` + "`" + `secret("name")` + "`" + `, and the texts that an expression makes of them, such as ` + "`" + `secret("name") | @base64` + "`" + `. They are found
in any case of letters, escaped for a URL, in JSON or in HTML, up to three times one over the other, and within a text in base64. Bytes are masked before they become base64.
The step itself sees the secrets: it follows a link to the next page that has a key in its query.

What is not found: base64 of base64, or with line breaks in it; hexadecimal digits, hashes, compressed bytes and other encodings. A later step that does not use the
secret shows it if its server sends it. A redirect to another host gets no header that has a secret; a step whose body has one fails there.

A secret of less than 6 bytes is not masked, because it may be an ordinary word. Nor are the passwords of databases, what is in files that ` + "`" + `sftp` + "`" + ` and ` + "`" + `s3` + "`" + ` steps get, and the headers ` + "`" + `Accept` + "`" + `,
` + "`" + `Accept-Language` + "`" + `, ` + "`" + `Content-Type` + "`" + ` and ` + "`" + `User-Agent` + "`" + ` of an ` + "`" + `api` + "`" + ` connection. All other settings that are marked *Secret* below are masked: what is no secret belongs into the step, not
into the connection.

## Types

`

// The page of connections is generated from their types, and its examples can be stored.
func TestConnectionReference(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(connectionIntro)
	for _, kind := range connect.Types(nil) {
		describeConnection(&b, &kind)
	}
	golden(t, filepath.Join("..", "..", "docs", "connections.md"), strings.TrimRight(b.String(), "\n")+"\n")
	examples := regexp.MustCompile("(?ms)^```json\n(.*?)^```").FindAllStringSubmatch(connectionIntro, -1)
	for _, example := range examples {
		var in struct {
			Type     string
			Hosts    []string
			Settings map[string]json.RawMessage
			From     map[string]string
		}
		if err := json.Unmarshal([]byte(example[1]), &in); err != nil {
			t.Errorf("%s: %v", example[1], err)
		}
		c := store.Connection{Type: in.Type, Hosts: in.Hosts, From: in.From}
		var err error
		if c.Settings, err = connect.Texts(in.Settings); err == nil {
			err = connect.Check(nil, &c)
		}
		if err != nil {
			t.Errorf("%s: %v", example[1], err)
		}
	}
	if len(examples) == 0 {
		t.Error("no example was found")
	}
}

func describeConnection(b *strings.Builder, kind *connect.Type) {
	fmt.Fprintf(b, "### %s\n\n%s", kind.Name, kind.Summary)
	if kind.Pinned {
		b.WriteString(" Needs `hosts`.")
	}
	b.WriteString("\n\n| setting | meaning |\n|---|---|\n")
	for _, f := range kind.Fields {
		text := f.Summary
		if len(f.Choices) > 0 {
			text += " One of `" + strings.Join(f.Choices, "`, `") + "`."
		}
		if f.Required {
			text += " Required."
		}
		if f.Default != "" {
			text += " Default: " + f.Default + "."
		}
		if f.Secret {
			text += " Secret."
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", f.Name, text)
	}
	b.WriteString("\n")
}
