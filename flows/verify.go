package flows

import (
	"slices"
	"strings"
	"time"
)

// Verify is the authentication of a webhook's sender.
type Verify struct {
	Scheme    string
	Secrets   []string      // names of stored secrets; several during a rotation
	Tolerance time.Duration // maximum age of the signed time
	IDHeader  string        // header with the delivery's id; empty: the scheme defines it, or there is none

	Header          string // of hmac and token: header with the proof; empty: Authorization
	Param           string // of token: query parameter with the proof, instead of a header
	Algorithm       string // of hmac: sha1, sha256, sha512
	Encoding        string // of hmac: hex, base64
	Prefix          string // of hmac: prefix of the signature
	TimestampHeader string // of hmac: header with the time, signed before the body with a dot between; empty: only the body is signed
	User            string // of basic
	URL             string // of twilio: the URL that was called; empty: as the server determines it
	VerifyToken     string // name of the secret for Meta's handshake; empty: none

	Origins []string  // of none and token: origins whose pages may send; empty: a page's origin is not looked at, and pages cannot read answers
	Open    *Unsigned // of none: what bounds senders that prove nothing; nil: the sender proves itself
}

const defaultTolerance = 5 * time.Minute

// verifyParams are the parameters of trigger.webhook.verify, for all schemes.
var verifyParams = []Param{
	{Name: "scheme", Type: TypeEnum, Required: true, Inline: true, Enum: verifySchemes, Summary: "How the sender signs; `none` for senders that cannot: anybody may send then."},
	{Name: "secret", Type: TypeStrings, Names: ResourceSecret, Summary: "The name of a stored secret, or of several while one replaces another. Every scheme but `none` needs it."},
	{Name: "tolerance", Type: TypeDuration, Default: "5m", Summary: "How far the signed time may be off, where a scheme signs one."},
	{Name: "id_header", Type: TypeString, Summary: "The header with the id of a delivery: equal ones are one run. Schemes of products have one by default."},
	{Name: "header", Type: TypeString, Summary: "`hmac`, `token`: the header with the signature or the token."},
	{Name: "param", Type: TypeString, Summary: "`token`: the query parameter with the token, for senders that can set no header."},
	{Name: "algorithm", Type: TypeEnum, Enum: []string{"sha256", "sha1", "sha512"}, Default: "sha256", Summary: "`hmac`: the hash."},
	{Name: "encoding", Type: TypeEnum, Enum: []string{"hex", "base64"}, Default: "hex", Summary: "`hmac`: how the signature is written."},
	{Name: "prefix", Type: TypeString, Summary: "`hmac`: the text before the signature, such as `sha256=`."},
	{Name: "timestamp_header", Type: TypeString, Summary: "`hmac`: the header with the Unix time; time, a dot and the body are signed."},
	{Name: "user", Type: TypeString, Summary: "`basic`: the user name."},
	{Name: "url", Type: TypeString, Summary: "`twilio`: the called URL, if it is not the issuer's."},
	{Name: "verify_token", Type: TypeString, Names: ResourceSecret, Summary: "`github`, `hmac`: the name of the secret that Meta sends when it subscribes (`hub.verify_token`)."},
	{Name: "origins", Type: TypeStrings, Summary: "`none`, `token`: the origins whose pages may send, such as `https://www.example.org`; they may read the answer (CORS). A browser names the page's origin, and one of another is refused."},
	{Name: "limit", Type: TypeString, Default: "10/m", Summary: "`none`: how many requests an address may send, such as `10/m`, `1/s` or `100/h`."},
	{Name: "max_body", Type: TypeInt, Default: "65536", Summary: "`none`: the maximum size of a body in bytes."},
	{Name: "honeypot", Type: TypeString, Summary: "`none`: a field that people do not see and leave empty. A body that fills it is answered as others are, and starts no run."},
	{Name: "honeypot_location", Type: TypeString, Summary: "`none`: the address to which such a body is redirected (303), the one of the flow's `respond`; without it the answer is 200."},
}

// verifySchemes are the ways in which webhook senders authenticate.
var verifySchemes = []string{"standard-webhooks", "github", "stripe", "slack", "shopify", "twilio", "hmac", "basic", "token", schemeNone}

// verifyTakes are the parameters of each scheme, besides scheme and secret.
var verifyTakes = map[string][]string{
	"standard-webhooks": {"tolerance"},
	"github":            {"verify_token"},
	"stripe":            {"tolerance"},
	"slack":             {"tolerance"},
	"shopify":           {},
	"twilio":            {"url"},
	"hmac":              {"header", "algorithm", "encoding", "prefix", "timestamp_header", "tolerance", "id_header", "verify_token"},
	"basic":             {"user", "id_header"},
	"token":             {"header", "param", "id_header", "origins"},
	schemeNone:          {"id_header", "origins", "limit", "max_body", "honeypot", "honeypot_location"},
}

func (c *compiler) verify(a *Args, w *Webhook) {
	v := &Verify{
		Scheme: a.String("scheme"), Secrets: a.Strings("secret"), Tolerance: defaultTolerance, IDHeader: a.String("id_header"),
		Header: a.String("header"), Param: a.String("param"), Algorithm: "sha256", Encoding: "hex", Prefix: a.String("prefix"),
		TimestampHeader: a.String("timestamp_header"), User: a.String("user"), URL: a.String("url"), VerifyToken: a.String("verify_token"), Origins: a.Strings("origins"),
	}
	if a.Has("tolerance") {
		v.Tolerance = a.Duration("tolerance")
	}
	if a.Has("algorithm") {
		v.Algorithm = a.String("algorithm")
	}
	if a.Has("encoding") {
		v.Encoding = a.String("encoding")
	}
	c.checkVerify(a, v)
	c.openTo(a, v)
	if v.Scheme == "token" && slices.Contains(w.Headers, strings.ToLower(v.Header)) || slices.Contains(w.Params, v.Param) {
		c.add(a.place, "", "verify: expressions cannot read the header or parameter with the token")
	}
	w.Verify = v
}

// checkVerify checks the parameters against the scheme.
func (c *compiler) checkVerify(a *Args, v *Verify) {
	takes, known := verifyTakes[v.Scheme]
	if !known {
		return // already reported
	}
	switch given := a.Has("secret"); {
	case given && v.Scheme == schemeNone:
		c.add(a.places["secret"], "", "verify: the scheme none has no secret")
	case !given && v.Scheme != schemeNone:
		c.add(a.place, "", "verify: the scheme %s needs secret", v.Scheme)
	}
	for _, p := range verifyParams[2:] {
		if at, given := a.places[p.Name]; given && !slices.Contains(takes, p.Name) {
			c.add(at, "", "verify: the scheme %s does not take %s", v.Scheme, p.Name)
		}
	}
	missing := func(name string) { c.add(a.place, "", "verify: the scheme %s needs %s", v.Scheme, name) }
	switch {
	case v.Scheme == "hmac" && v.Header == "":
		missing("header")
	case v.Scheme == "basic" && v.User == "":
		missing("user")
	case v.Header != "" && v.Param != "":
		c.add(a.places["param"], "keep one of them", "verify: header and param exclude each other")
	}
	for _, name := range []string{"header", "timestamp_header", "id_header"} {
		if value := a.String(name); a.Has(name) && !headerForm.MatchString(value) {
			c.add(a.places[name], "", "verify: %q cannot be a header", value)
		}
	}
	if a.Has("param") && !paramForm.MatchString(v.Param) {
		c.add(a.places["param"], "", "verify: %q cannot be a query parameter", v.Param)
	}
}
