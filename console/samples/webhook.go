package samples

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/internal/sender"
)

// Hook is a delivery to the webhook of a flow, as its sender makes it. Samples take the secret from the environment.
type Hook struct {
	URL    string
	Body   string
	Header [][2]string // names and values, besides Content-Type and what proves the delivery
	Spec   sender.Spec // how the sender proves it, with its defaults
}

// The ways in which a sample proves a delivery.
const (
	proofNone  = "none"
	proofToken = "token"
	proofBasic = "basic"
	proofHMAC  = "hmac"
)

// signing is what a sample does to prove a delivery.
type signing struct {
	kind      string
	header    string // with the proof; of proofToken: empty if param has it
	param     string
	prefix    string   // before a token
	hash      string   // sha256
	encoding  string   // of the signature: hex, base64 or base64url
	key       string   // encoding of the secret: text, hex, base64, or whsec
	signed    []string // texts and placeholders: {id}, {ts}, {body}
	value     []string // of the header, likewise, with {sig}
	tsHeader  string   // empty: none
	idHeader  string   // empty: none
	millis    bool     // the time is in milliseconds
	timestamp bool     // a time is signed
}

// Hook samples are in these languages.
var hookLanguages = [][3]string{ // read only
	{"hook-curl", "curl", "For sh, bash and zsh, with openssl. WEBHOOK_SECRET holds the secret."},
	{"hook-node", "JavaScript", "Node 20 or later, as a module. WEBHOOK_SECRET holds the secret."},
	{"hook-python", "Python", "Python 3.8 or later, nothing to install. WEBHOOK_SECRET holds the secret."},
	{"hook-go", "Go", "Go 1.21 or later, nothing to install. WEBHOOK_SECRET holds the secret."},
}

// OfHook returns a delivery in each language. why says why there are no samples; empty: there are.
func OfHook(h Hook) (all []Sample, why string) {
	s, why := signingOf(&h.Spec)
	if why != "" {
		return nil, why
	}
	if s.idHeader != "" {
		h.Header = slices.DeleteFunc(slices.Clone(h.Header), func(x [2]string) bool { return strings.EqualFold(x[0], s.idHeader) })
	}
	for i, text := range []string{h.shell(s), h.node(s), h.python(s), h.golang(s)} {
		note := hookLanguages[i][2]
		if s.kind == proofNone {
			note, _, _ = strings.Cut(note, " WEBHOOK_SECRET")
		}
		all = append(all, Sample{ID: hookLanguages[i][0], Title: hookLanguages[i][1], Note: note, Text: text})
	}
	return all, ""
}

// signingOf returns how a sample proves a delivery; why says that it cannot.
func signingOf(v *sender.Spec) (s signing, why string) {
	switch v.Scheme {
	case "none":
		return signing{kind: proofNone}, ""
	case "basic":
		return signing{kind: proofBasic, header: v.User}, ""
	case "token":
		return tokenOf(v)
	case "standard-webhooks":
		return signing{
			kind: proofHMAC, header: "webhook-signature", hash: "sha256", encoding: "base64", key: "whsec", timestamp: true,
			signed: []string{"{id}", ".", "{ts}", ".", "{body}"}, value: []string{"v1,", "{sig}"}, tsHeader: "webhook-timestamp", idHeader: "webhook-id",
		}, ""
	case "hmac":
		return hmacOf(v)
	}
	return s, "This sender signs with a private key that only it has. Record a delivery and redeliver it, or try the flow with its event."
}

func tokenOf(v *sender.Spec) (s signing, why string) {
	s = signing{kind: proofToken, prefix: v.Prefix, param: v.Param}
	switch {
	case v.Signature != "":
		return s, "The token is a part of the body or of another place that a sample does not fill in: send a body that has it."
	case v.Param == "" && len(v.Header) == 0:
		s.header, s.prefix = "Authorization", "Bearer "
	case v.Param == "":
		s.header = v.Header[0]
	}
	return s, ""
}

func hmacOf(v *sender.Spec) (s signing, why string) {
	const cannot = "What this sender signs is more than the body and the time, which the samples do not compute. Record a delivery and redeliver it, or try the flow with its event."
	s = signing{kind: proofHMAC, hash: v.Algorithm, encoding: v.Encoding, key: v.SecretEncoding}
	if s.key == "" {
		s.key = "text"
	}
	if len(v.Header) == 0 || v.Signature != "" || v.AlgorithmFrom != "" || v.TimestampFormat == "rfc3339" || !slices.Contains([]string{"sha256", "sha1", "sha512", "sha384"}, v.Algorithm) {
		return s, cannot
	}
	s.header, s.millis = v.Header[0], v.TimestampFormat == "unix_ms"
	s.signed = pieces(strings.ReplaceAll(v.Signed, "{timestamp}", "{ts}"))
	format := v.Format
	if format == "" {
		format = "{signature}"
	}
	s.value = pieces(strings.NewReplacer("{timestamp}", "{ts}", "{signature}", "{sig}").Replace(v.Prefix + format))
	s.timestamp = slices.Contains(s.signed, "{ts}") || slices.Contains(s.value, "{ts}")
	if s.timestamp && !slices.Contains(s.value, "{ts}") {
		s.tsHeader = strings.TrimSuffix(strings.TrimPrefix(v.Timestamp, "{header:"), "}")
		if !strings.HasPrefix(v.Timestamp, "{header:") {
			return s, cannot
		}
	}
	for _, p := range append(slices.Clone(s.signed), s.value...) {
		if strings.HasPrefix(p, "{") && !slices.Contains([]string{"{body}", "{ts}", "{sig}"}, p) {
			return s, cannot
		}
	}
	if id, ok := strings.CutPrefix(v.ID, "{header:"); ok {
		s.idHeader = strings.TrimSuffix(id, "}")
	}
	return s, ""
}

// pieces splits a template into texts and placeholders.
func pieces(template string) (all []string) {
	for template != "" {
		at := strings.IndexByte(template, '{')
		end := strings.IndexByte(template, '}')
		switch {
		case at < 0 || end < at:
			return append(all, template)
		case at > 0:
			all = append(all, template[:at])
		}
		all = append(all, template[at:end+1])
		template = template[end+1:]
	}
	return all
}

// join writes the pieces as an expression: quote writes a text, names has the variables.
func join(all []string, with string, quote func(string) string, names map[string]string) string {
	parts := make([]string, len(all))
	for i, p := range all {
		if name, known := names[p]; known {
			parts[i] = name
		} else {
			parts[i] = quote(p)
		}
	}
	return strings.Join(parts, with)
}

// headers returns the headers of the request as expressions of a language, without the proof.
func (h *Hook) headers(s signing, quote func(string) string, names map[string]string) (all [][2]string) {
	all = append(all, [2]string{quote("Content-Type"), quote("application/json")})
	for _, x := range h.Header {
		all = append(all, [2]string{quote(x[0]), quote(x[1])})
	}
	if s.idHeader != "" {
		all = append(all, [2]string{quote(s.idHeader), names["{id}"]})
	}
	if s.tsHeader != "" {
		all = append(all, [2]string{quote(s.tsHeader), names["{ts}"]})
	}
	return all
}

// url returns the URL as an expression: a token may be one of its parameters.
func (h *Hook) url(s signing, quote func(string) string, add func(url, param string) string) string {
	if s.kind != proofToken || s.param == "" {
		return quote(h.URL)
	}
	mark := "?"
	if strings.Contains(h.URL, "?") {
		mark = "&"
	}
	return add(h.URL+mark+url.QueryEscape(s.param)+"=", s.param)
}

// shellVars are the variables of the sample for the shell.
var shellVars = map[string]string{"{body}": `"$body"`, "{ts}": `"$ts"`, "{id}": `"$id"`, "{sig}": `"$sig"`} // read only

func (h *Hook) shell(s signing) string {
	var b strings.Builder
	fmt.Fprintf(&b, "body=%s\n", Shell(h.Body))
	h.shellVariables(&b, s)
	const percent = `"$(printf %s "$WEBHOOK_SECRET" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%')"` // each byte as %xx
	target := h.url(s, Shell, func(u, _ string) string { return Shell(u) + percent })
	fmt.Fprintf(&b, "curl -sS -X POST %s", target)
	for _, x := range append([][2]string{{"Content-Type", "application/json"}}, h.Header...) {
		fmt.Fprintf(&b, " \\\n  -H %s", Shell(x[0]+": "+x[1]))
	}
	for _, x := range [][2]string{{s.idHeader, "{id}"}, {s.tsHeader, "{ts}"}} {
		if x[0] != "" {
			fmt.Fprintf(&b, " \\\n  -H %s%s", Shell(x[0]+": "), shellVars[x[1]])
		}
	}
	switch {
	case s.kind == proofHMAC:
		fmt.Fprintf(&b, " \\\n  -H %s%s", Shell(s.header+": "), join(s.value, "", Shell, shellVars))
	case s.kind == proofToken && s.param == "":
		fmt.Fprintf(&b, " \\\n  -H %s\"$WEBHOOK_SECRET\"", Shell(s.header+": "+s.prefix))
	case s.kind == proofBasic:
		fmt.Fprintf(&b, " \\\n  -u %s\"$WEBHOOK_SECRET\"", Shell(s.header+":"))
	}
	b.WriteString(" \\\n  --data-raw \"$body\"\n")
	return b.String()
}

// shellVariables writes the id, the time and the signature.
func (h *Hook) shellVariables(b *strings.Builder, s signing) {
	if s.idHeader != "" {
		b.WriteString("id=$(openssl rand -hex 16)\n")
	}
	if s.timestamp {
		b.WriteString("ts=$(date +%s)" + map[bool]string{true: "000"}[s.millis] + "\n")
	}
	if s.kind != proofHMAC {
		return
	}
	hexOf := map[string]string{
		"text":   `printf %s "$WEBHOOK_SECRET"`,
		"whsec":  `printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A`,
		"base64": `printf %s "$WEBHOOK_SECRET" | openssl base64 -d -A`,
	}[s.key] + " | od -An -v -tx1 | tr -d ' \\n'"
	if s.key == "hex" {
		hexOf = `printf %s "$WEBHOOK_SECRET"`
	}
	fmt.Fprintf(b, "key=$(%s)\n", hexOf)
	encode := map[string]string{"hex": "od -An -v -tx1 | tr -d ' \\n'", "base64": "openssl base64 -A", "base64url": "openssl base64 -A | tr -d = | tr '+/' '-_'"}[s.encoding]
	fmt.Fprintf(b, "sig=$(printf %%s %s | openssl dgst -%s -mac HMAC -macopt \"hexkey:$key\" -binary | %s)\n", join(s.signed, "", Shell, shellVars), s.hash, encode)
}

var scriptVars = map[string]string{"{body}": "body", "{ts}": "ts", "{id}": "id", "{sig}": "sig"} // read only

func (h *Hook) node(s signing) string {
	var b strings.Builder
	if s.kind == proofHMAC || s.idHeader != "" {
		b.WriteString("import { createHmac, randomUUID } from 'node:crypto'\n\n")
	}
	fmt.Fprintf(&b, "const body = %s\n", double(h.Body))
	if s.kind != proofNone {
		b.WriteString("const secret = process.env.WEBHOOK_SECRET\n")
	}
	if s.idHeader != "" {
		b.WriteString("const id = randomUUID()\n")
	}
	if s.timestamp {
		b.WriteString("const ts = String(" + map[bool]string{true: "Date.now()", false: "Math.floor(Date.now() / 1000)"}[s.millis] + ")\n")
	}
	if s.kind == proofHMAC {
		key := map[string]string{"text": "secret", "hex": "Buffer.from(secret, 'hex')", "base64": "Buffer.from(secret, 'base64')", "whsec": "Buffer.from(secret.replace('whsec_', ''), 'base64')"}[s.key]
		fmt.Fprintf(&b, "const sig = createHmac('%s', %s).update(%s).digest('%s')\n", s.hash, key, join(s.signed, " + ", double, scriptVars), s.encoding)
	}
	target := h.url(s, double, func(u, _ string) string { return double(u) + " + encodeURIComponent(secret)" })
	fmt.Fprintf(&b, "\nconst response = await fetch(%s, {\n  method: 'POST',\n  headers: {\n", target)
	for _, x := range append(h.headers(s, double, scriptVars), h.proof(s, double, scriptVars, " + ", "Buffer.from("+double(s.header+":")+" + secret).toString('base64')")...) {
		fmt.Fprintf(&b, "    %s: %s,\n", x[0], x[1])
	}
	b.WriteString("  },\n  body,\n})\nconsole.log(response.status, await response.text())\n")
	return b.String()
}

// proof returns the header with the proof as expressions; nil: it is not in a header. basic is the expression of the credentials.
func (h *Hook) proof(s signing, quote func(string) string, names map[string]string, plus, basic string) [][2]string {
	switch {
	case s.kind == proofHMAC:
		return [][2]string{{quote(s.header), join(s.value, plus, quote, names)}}
	case s.kind == proofToken && s.param == "" && s.prefix != "":
		return [][2]string{{quote(s.header), quote(s.prefix) + plus + "secret"}}
	case s.kind == proofToken && s.param == "":
		return [][2]string{{quote(s.header), "secret"}}
	case s.kind == proofBasic:
		return [][2]string{{quote("Authorization"), quote("Basic ") + plus + basic}}
	}
	return nil
}

func (h *Hook) python(s signing) string {
	var b strings.Builder
	b.WriteString("import base64, hashlib, hmac, os, time, urllib.error, urllib.parse, urllib.request, uuid\n\n")
	fmt.Fprintf(&b, "body = %s\n", double(h.Body))
	if s.kind != proofNone {
		b.WriteString("secret = os.environ[\"WEBHOOK_SECRET\"]\n")
	}
	if s.idHeader != "" {
		b.WriteString("id = str(uuid.uuid4())\n")
	}
	if s.timestamp {
		b.WriteString("ts = str(int(time.time()" + map[bool]string{true: " * 1000"}[s.millis] + "))\n")
	}
	if s.kind == proofHMAC {
		key := map[string]string{"text": "secret.encode()", "hex": "bytes.fromhex(secret)", "base64": "base64.b64decode(secret)", "whsec": `base64.b64decode(secret.replace("whsec_", ""))`}[s.key]
		fmt.Fprintf(&b, "mac = hmac.new(%s, (%s).encode(), hashlib.%s)\n", key, join(s.signed, " + ", double, scriptVars), s.hash)
		b.WriteString("sig = " + map[string]string{"hex": "mac.hexdigest()", "base64": "base64.b64encode(mac.digest()).decode()", "base64url": `base64.urlsafe_b64encode(mac.digest()).decode().rstrip("=")`}[s.encoding] + "\n")
	}
	target := h.url(s, double, func(u, _ string) string { return double(u) + ` + urllib.parse.quote(secret, safe="")` })
	fmt.Fprintf(&b, "\nrequest = urllib.request.Request(\n    %s,\n    data=body.encode(),\n    headers={\n", target)
	for _, x := range append(h.headers(s, double, scriptVars), h.proof(s, double, scriptVars, " + ", "base64.b64encode(("+double(s.header+":")+" + secret).encode()).decode()")...) {
		fmt.Fprintf(&b, "        %s: %s,\n", x[0], x[1])
	}
	b.WriteString("    },\n)\ntry:\n    with urllib.request.urlopen(request, timeout=65) as response:\n        print(response.status, response.read().decode())\nexcept urllib.error.HTTPError as failure:\n    print(failure.code, failure.read().decode())\n")
	return b.String()
}

func (h *Hook) golang(s signing) string {
	imports := []string{"fmt", "io", "net/http", "strings"}
	var b strings.Builder
	fmt.Fprintf(&b, "func main() {\n\tbody := %s\n", strconv.Quote(h.Body))
	if s.kind != proofNone {
		imports = append(imports, "os")
		b.WriteString("\tsecret := os.Getenv(\"WEBHOOK_SECRET\")\n")
	}
	if s.idHeader != "" {
		imports = append(imports, "crypto/rand", "encoding/hex")
		b.WriteString("\traw := make([]byte, 16)\n\tif _, err := rand.Read(raw); err != nil {\n\t\tpanic(err)\n\t}\n\tid := hex.EncodeToString(raw)\n")
	}
	if s.timestamp {
		imports = append(imports, "time")
		b.WriteString("\tts := fmt.Sprint(time.Now()." + map[bool]string{true: "UnixMilli()", false: "Unix()"}[s.millis] + ")\n")
	}
	imports = append(imports, h.goSignature(&b, s)...)
	target := h.url(s, strconv.Quote, func(u, _ string) string {
		imports = append(imports, "net/url")
		return strconv.Quote(u) + " + url.QueryEscape(secret)"
	})
	fmt.Fprintf(&b, "\trequest, err := http.NewRequest(\"POST\", %s, strings.NewReader(body))\n\tif err != nil {\n\t\tpanic(err)\n\t}\n", target)
	if s.kind == proofBasic {
		fmt.Fprintf(&b, "\trequest.SetBasicAuth(%s, secret)\n", strconv.Quote(s.header))
	}
	all := h.headers(s, strconv.Quote, scriptVars)
	if s.kind != proofBasic {
		all = append(all, h.proof(s, strconv.Quote, scriptVars, " + ", "")...)
	}
	for _, x := range all {
		fmt.Fprintf(&b, "\trequest.Header.Set(%s, %s)\n", x[0], x[1])
	}
	b.WriteString("\tresponse, err := http.DefaultClient.Do(request)\n\tif err != nil {\n\t\tpanic(err)\n\t}\n\tdefer response.Body.Close()\n\ttext, err := io.ReadAll(response.Body)\n\tfmt.Println(response.StatusCode, string(text), err)\n}\n")
	slices.Sort(imports)
	return "package main\n\nimport (\n\t\"" + strings.Join(slices.Compact(imports), "\"\n\t\"") + "\"\n)\n\n" + b.String()
}

// goSignature writes the signature, and returns the packages that it needs.
func (h *Hook) goSignature(b *strings.Builder, s signing) []string {
	if s.kind != proofHMAC {
		return nil
	}
	imports := []string{"crypto/hmac"}
	switch s.key {
	case "text":
		b.WriteString("\tkey := []byte(secret)\n")
	case "hex":
		imports = append(imports, "encoding/hex")
		b.WriteString("\tkey, err := hex.DecodeString(secret)\n\tif err != nil {\n\t\tpanic(err)\n\t}\n")
	default:
		imports = append(imports, "encoding/base64")
		text := map[string]string{"base64": "secret", "whsec": `strings.TrimPrefix(secret, "whsec_")`}[s.key]
		fmt.Fprintf(b, "\tkey, err := base64.StdEncoding.DecodeString(%s)\n\tif err != nil {\n\t\tpanic(err)\n\t}\n", text)
	}
	function := map[string]string{"sha256": "sha256.New", "sha1": "sha1.New", "sha512": "sha512.New", "sha384": "sha512.New384"}[s.hash]
	imports = append(imports, "crypto/"+map[string]string{"sha384": "sha512"}[s.hash])
	if s.hash != "sha384" {
		imports[len(imports)-1] = "crypto/" + s.hash
	}
	fmt.Fprintf(b, "\tmac := hmac.New(%s, key)\n\tmac.Write([]byte(%s))\n", function, join(s.signed, " + ", strconv.Quote, scriptVars))
	switch s.encoding {
	case "hex":
		imports = append(imports, "encoding/hex")
		b.WriteString("\tsig := hex.EncodeToString(mac.Sum(nil))\n")
	case "base64":
		imports = append(imports, "encoding/base64")
		b.WriteString("\tsig := base64.StdEncoding.EncodeToString(mac.Sum(nil))\n")
	default:
		imports = append(imports, "encoding/base64")
		b.WriteString("\tsig := base64.RawURLEncoding.EncodeToString(mac.Sum(nil))\n")
	}
	return imports
}
