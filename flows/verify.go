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
}

const defaultTolerance = 5 * time.Minute

// verifyParams are the parameters of trigger.webhook.verify, for all schemes.
var verifyParams = []Param{
	{Name: "scheme", Type: TypeEnum, Required: true, Enum: verifySchemes, Summary: "How the sender signs."},
	{Name: "secret", Type: TypeStrings, Names: ResourceSecret, Required: true, Summary: "The name of a stored secret, or of several while one replaces another."},
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
}

// verifySchemes are the ways in which webhook senders authenticate.
var verifySchemes = []string{"standard-webhooks", "github", "stripe", "slack", "shopify", "twilio", "hmac", "basic", "token"}

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
	"token":             {"header", "param", "id_header"},
}

func (c *compiler) verify(a *Args, w *Webhook) {
	v := &Verify{
		Scheme: a.String("scheme"), Secrets: a.Strings("secret"), Tolerance: defaultTolerance, IDHeader: a.String("id_header"),
		Header: a.String("header"), Param: a.String("param"), Algorithm: "sha256", Encoding: "hex", Prefix: a.String("prefix"),
		TimestampHeader: a.String("timestamp_header"), User: a.String("user"), URL: a.String("url"), VerifyToken: a.String("verify_token"),
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
