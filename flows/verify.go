package flows

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/sender"
)

// Verify is the authentication of a webhook's sender.
type Verify struct {
	Scheme      string
	Secrets     []string // names of stored secrets; several during a rotation; none: the sender's published keys are enough
	URL         string   // the URL that was called, for senders that sign it; empty: as the server determines it
	VerifyToken string   // name of the secret that a question about the URL has; empty: none

	Sender *sender.Scheme // verifies deliveries

	Origins []string  // of none and token: origins whose pages may send; empty: a page's origin is not looked at, and pages cannot read answers
	Open    *Unsigned // of none: what bounds senders that prove nothing; nil: the sender proves itself
}

// hashAlgorithms and jwtAlgorithms are the values of the word algorithm.
var (
	hashAlgorithms = []string{"sha256", "sha1", "sha512", "sha384", "md5"}
	jwtAlgorithms  = []string{"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512"}
)

// verifyParams are the parameters of trigger.webhook.verify, for all schemes: the words of sender.Spec.
var verifyParams = []Param{
	{Name: "scheme", Type: TypeEnum, Required: true, Inline: true, Enum: sender.Names(), Takes: wordsOfSchemes(), Summary: "How the sender signs: a [sender](senders.md) by name, or one of the first eight with the words below; `none` for senders that cannot: anybody may send then."},
	{Name: "secret", Type: TypeStrings, Names: ResourceSecret, Summary: "The name of a stored secret, or of several while one replaces another. It is left out only where the sender publishes its keys, and with `none`."},
	{Name: "tolerance", Type: TypeDuration, Default: "5m", Summary: "How far the signed time may be off, where a scheme signs one."},
	{Name: "id_header", Type: TypeString, Summary: "The header with the id of a delivery: equal ones are one run. Schemes of products have one by default."},
	{Name: "header", Type: TypeStrings, Summary: "The header with the signature or the token, or several of which one has it."},
	{Name: "param", Type: TypeString, Summary: "The query parameter with it, for senders that can set no header."},
	{Name: "signature", Type: TypeString, Summary: "Where else it is, such as `{member:signature.value}`."},
	{Name: "prefix", Type: TypeString, Summary: "The text before it, such as `sha256=`."},
	{Name: "format", Type: TypeString, Summary: "How a header with several values is written, such as `t={timestamp},v1={signature}`; the separator is `,` or `;`."},
	{Name: "encoding", Type: TypeEnum, Enum: []string{"hex", "base64", "base64url"}, Default: "hex", Summary: "How the signature is written."},
	{Name: "algorithm", Type: TypeEnum, Enum: slices.Concat(hashAlgorithms, jwtAlgorithms), Default: "sha256", Summary: "The hash; of a `jwt` its algorithm, RS256 by default."},
	{Name: "padding", Type: TypeEnum, Enum: []string{"pkcs1v15", "pss"}, Default: "pkcs1v15", Summary: "`rsa`: the padding."},
	{Name: "secret_encoding", Type: TypeEnum, Enum: []string{"text", "hex", "base64", "base64url"}, Default: "text", Summary: "`hmac`: how the key is written in the secret."},
	{Name: "signed", Type: TypeString, Default: "{body}, or {timestamp}.{body}", Summary: "What is signed, such as `v0:{timestamp}:{body}`; see [placeholders](webhooks.md#a-sender-of-your-own)."},
	{Name: "body_hash_param", Type: TypeString, Summary: "The query parameter with the SHA-256 of a body that is no form, where `{form}` is signed."},
	{Name: "timestamp_header", Type: TypeString, Summary: "The header with the time."},
	{Name: "timestamp", Type: TypeString, Summary: "Where else the time is, such as `{member:sent_at}`."},
	{Name: "timestamp_format", Type: TypeEnum, Enum: []string{"unix", "unix_ms", "rfc3339"}, Default: "unix", Summary: "How the time is written."},
	{Name: "id", Type: TypeString, Summary: "The id of a delivery, if it is no header, such as `{member:event.id}`."},
	{Name: "user", Type: TypeString, Summary: "`basic`: the user name."},
	{Name: "url", Type: TypeString, Summary: "The called URL, where it is signed, if it is not the issuer's."},
	{Name: "jwks", Type: TypeString, Summary: "`jwt`: the https URL of the sender's public keys; without it the secret is the key."},
	{Name: "audience", Type: TypeString, Summary: "`jwt`: the claim `aud`."},
	{Name: "body_claim", Type: TypeString, Summary: "`jwt`: the claim with the SHA-256 of the body."},
	{Name: "certificate_url", Type: TypeString, Summary: "`rsa`, `ecdsa`: where the URL of the sender's certificate is, such as `{header:X-Cert-Url}`."},
	{Name: "hosts", Type: TypeStrings, Summary: "The hosts of `certificate_url` and `visit`; `*` is a part of one label."},
	{Name: "expect", Type: TypeLiteral, Summary: "Values that a proved delivery must have as well, such as `{\"member:TopicArn\": …}` or `{\"claim:email\": …}`."},
	{Name: "verify_token", Type: TypeString, Names: ResourceSecret, Summary: "The name of the secret that the sender sends when it asks about the URL, as Meta does (`hub.verify_token`)."},
	{Name: "origins", Type: TypeStrings, Summary: "`none`, `token`: the origins whose pages may send, such as `https://www.example.org`; they may read the answer (CORS). A browser names the page's origin, and one of another is refused."},
	{Name: "limit", Type: TypeString, Default: "10/m", Summary: "`none`: how many requests an address may send, such as `10/m`, `1/s` or `100/h`."},
	{Name: "max_body", Type: TypeInt, Default: "65536", Summary: "`none`: the maximum size of a body in bytes."},
	{Name: "honeypot", Type: TypeString, Summary: "`none`: a field that people do not see and leave empty. A body that fills it is answered as others are, and starts no run."},
	{Name: "honeypot_location", Type: TypeString, Summary: "`none`: the address to which such a body is redirected (303), the one of the flow's `respond`; without it the answer is 200."},
	{Name: "challenge", Type: TypeList, Single: true, Fields: challengeParams, Summary: "Questions that the sender asks about the URL."},
}

// challengeParams are the words of sender.ChallengeSpec.
var challengeParams = []Param{
	{Name: "method", Type: TypeEnum, Enum: []string{"POST", "GET", "OPTIONS"}, Default: "POST", Summary: "The method of the question."},
	{Name: "when", Type: TypeString, Required: true, Summary: "The request is the question if this is there, such as `{member:challenge}`."},
	{Name: "is", Type: TypeString, Summary: "The value that `when` has; any by default."},
	{Name: "proof", Type: TypeEnum, Enum: []string{"signature", "verify_token", "none"}, Default: "signature", Summary: "What proves the question: what proves a delivery, the token, or nothing."},
	{Name: "token", Type: TypeString, Summary: "Where the token is, such as `{param:token}`; `verify_token` names the secret."},
	{Name: "text", Type: TypeString, Summary: "The answer, as text."},
	{Name: "json", Type: TypeLiteral, Summary: "The answer, as a JSON object; its texts are templates, with `{hmac:member:NAME}` for a signature."},
	{Name: "headers", Type: TypeLiteral, Summary: "Headers of the answer."},
	{Name: "visit", Type: TypeString, Summary: "The URL that is called to confirm, of one of `hosts`."},
}

func (c *compiler) verify(a *Args, w *Webhook) {
	w.Verify = &Verify{Scheme: a.String("scheme"), Secrets: a.Strings("secret"), URL: a.String("url"), VerifyToken: a.String("verify_token"), Origins: a.Strings("origins")}
	takes, known := sender.Takes(w.Verify.Scheme)
	if !known {
		c.requireSecret(a)
		return // the scheme is already reported
	}
	c.checkVerify(a, slices.Concat(takes, openWords[w.Verify.Scheme]))
	c.openTo(a, w.Verify)
	if header := a.Strings("header"); w.Verify.Scheme == "token" && slices.ContainsFunc(header, func(h string) bool { return slices.Contains(w.Headers, strings.ToLower(h)) }) ||
		slices.Contains(w.Params, a.String("param")) {
		c.Add(mistake.CredentialRead, a.place, "", "verify: expressions cannot read the header or parameter with the token")
	}
	scheme, err := sender.Compile(c.spec(a))
	if err != nil {
		c.addFieldError(a, err)
	}
	if w.Verify.Sender = scheme; scheme != nil && scheme.NeedsSecret() {
		c.requireSecret(a)
	}
}

// Accepts reports whether deliveries may come with a method.
func (w *Webhook) Accepts(method string) bool {
	return slices.Contains(w.Methods, method) || len(w.Methods) == 0 && method == http.MethodPost
}

func (c *compiler) checkMethods(a *Args, w *Webhook) {
	for _, m := range w.Methods {
		if m != http.MethodPost && m != http.MethodGet {
			c.Add(mistake.UnknownValue, a.places["methods"], "", "methods: %q is neither POST nor GET", m)
		}
	}
	if w.Accepts(http.MethodGet) && w.Verify != nil && w.Verify.Scheme == "basic" {
		c.Add(mistake.IncompatibleSettings, a.places["methods"], "use token", "methods: a browser sends a remembered password with every GET, also with one of another page")
	}
}

func (c *compiler) requireSecret(a *Args) {
	if _, given := a.places["secret"]; !given {
		c.Add(mistake.RequiredKey, a.place, "", "secret is missing")
	}
}

// addFieldError reports a mistake in the description at the word that it is in.
func (c *compiler) addFieldError(a *Args, err error) {
	var field *sender.FieldError
	at := a.place
	if errors.As(err, &field) && field.Field != "" {
		if place, given := a.places[field.Field]; given {
			at = place
		}
	}
	c.Add(mistake.Of(err, mistake.BadValue), at, "", "verify: %v", err)
}

// checkVerify checks the parameters against the scheme.
func (c *compiler) checkVerify(a *Args, takes []string) {
	for _, p := range verifyParams[2:] {
		if at, given := a.places[p.Name]; given && !slices.Contains(takes, p.Name) {
			c.Add(mistake.MeaninglessKey, at, "", "verify: the scheme %s does not take %s", a.String("scheme"), p.Name)
		}
	}
	if a.Has("header") && a.Has("param") {
		c.Add(mistake.ExclusiveKeys, a.places["param"], "keep one of them", "verify: header and param exclude each other")
	}
	for _, name := range []string{"timestamp_header", "id_header"} {
		c.checkHeader(a, name, a.String(name))
	}
	for _, h := range a.Strings("header") {
		c.checkHeader(a, "header", h)
	}
	if param := a.String("param"); a.Has("param") && !paramForm.MatchString(param) {
		c.Add(mistake.BadName, a.places["param"], "", "verify: %q cannot be a query parameter", param)
	}
}

func (c *compiler) checkHeader(a *Args, name, value string) {
	if a.Has(name) && !headerForm.MatchString(value) {
		c.Add(mistake.BadHeader, a.places[name], "", "verify: %q cannot be a header", value)
	}
}

// spec returns the description that the parameters make.
func (c *compiler) spec(a *Args) *sender.Spec {
	return &sender.Spec{
		Scheme: a.String("scheme"), Tolerance: a.Duration("tolerance"), IDHeader: a.String("id_header"), ID: a.String("id"),
		Header: a.Strings("header"), Param: a.String("param"), Signature: a.String("signature"), Prefix: a.String("prefix"), Format: a.String("format"),
		Encoding: a.String("encoding"), Algorithm: a.String("algorithm"), Padding: a.String("padding"), SecretEncoding: a.String("secret_encoding"),
		Signed: a.String("signed"), BodyHashParam: a.String("body_hash_param"),
		TimestampHeader: a.String("timestamp_header"), Timestamp: a.String("timestamp"), TimestampFormat: a.String("timestamp_format"),
		User: a.String("user"), URL: a.String("url"), VerifyToken: a.String("verify_token"),
		JWKS: a.String("jwks"), Audience: a.String("audience"), BodyClaim: a.String("body_claim"), CertificateURL: a.String("certificate_url"), Hosts: a.Strings("hosts"),
		Expect: c.expected(a), Challenge: c.challenges(a),
	}
}

// expected reads the allowed values of expect: one text or several.
func (c *compiler) expected(a *Args) map[string][]string {
	if !a.Has("expect") {
		return nil
	}
	object, ok := a.Literal("expect").(map[string]any)
	if !ok {
		c.Add(mistake.WrongType, a.places["expect"], "", "expect: expected a mapping")
	}
	all := make(map[string][]string, len(object))
	for name, value := range object {
		list, several := value.([]any)
		if !several {
			list = []any{value}
		}
		for _, v := range list {
			text, ok := v.(string)
			if !ok || text == "" {
				c.Add(mistake.WrongType, a.places["expect"], "put quotes around it", "expect: the value of %s must be a text, or a list of texts", name)
				continue
			}
			all[name] = append(all[name], text)
		}
	}
	return all
}

func (c *compiler) challenges(a *Args) []sender.ChallengeSpec {
	var all []sender.ChallengeSpec
	for _, q := range a.List("challenge") {
		object, _ := q.Literal("json").(map[string]any)
		if q.Has("json") && object == nil {
			c.Add(mistake.WrongType, q.places["json"], "", "json: expected a mapping")
		}
		headers := map[string]string{}
		given, _ := q.Literal("headers").(map[string]any)
		for name, value := range given {
			text, ok := value.(string)
			if !ok {
				c.Add(mistake.WrongType, q.places["headers"], "", "headers: the value of %s must be a text", name)
			}
			headers[name] = text
		}
		all = append(all, sender.ChallengeSpec{
			Method: q.String("method"), When: q.String("when"), Is: q.String("is"), Proof: q.String("proof"), Token: q.String("token"),
			Text: q.String("text"), JSON: object, Headers: headers, Visit: q.String("visit"),
		})
	}
	return all
}

// schemeNone is the scheme of senders that prove nothing.
const schemeNone = "none"

// openWords are the words of the schemes that pages of other sites may use, besides those of sender.Takes. Read only.
var openWords = map[string][]string{schemeNone: {"origins", "limit", "max_body", "honeypot", "honeypot_location"}, "token": {"origins"}}

// wordsOfSchemes returns the words beside scheme that each scheme takes.
func wordsOfSchemes() map[string][]string {
	all := map[string][]string{}
	for _, scheme := range sender.Names() {
		takes, _ := sender.Takes(scheme) // it knows its names
		all[scheme] = slices.Concat(takes, openWords[scheme])
		if scheme != schemeNone {
			all[scheme] = append(all[scheme], "secret")
		}
	}
	return all
}

// Unsigned bounds the senders of a webhook that anybody may call.
type Unsigned struct {
	Limit            string // rate of each address, as limits.ParseRate reads it
	MaxBody          int    // bytes
	Honeypot         string // member of the event that must be empty; empty: none
	HoneypotLocation string // Location of the answer to who filled it; empty: 200
}

// openRate is the form of Unsigned.Limit.
var openRate = regexp.MustCompile(`^[1-9][0-9]{0,3}/[smh]$`)

// openTo reads what bounds senders without a proof, and the origins.
func (c *compiler) openTo(a *Args, v *Verify) {
	for _, origin := range v.Origins {
		if !IsOrigin(origin) {
			c.Add(mistake.BadURL, a.places["origins"], "", "verify: %q is no origin, such as https://www.example.org", origin)
		}
	}
	if v.Scheme != schemeNone {
		return
	}
	if at, given := a.places["secret"]; given {
		c.Add(mistake.MeaninglessKey, at, "", "verify: the scheme none has no secret")
	}
	o := &Unsigned{Limit: "10/m", MaxBody: 64 << 10, Honeypot: a.String("honeypot"), HoneypotLocation: a.String("honeypot_location")}
	if a.Has("limit") {
		o.Limit = a.String("limit")
	}
	if a.Has("max_body") {
		o.MaxBody = a.Int("max_body")
	}
	switch {
	case !openRate.MatchString(o.Limit):
		c.Add(mistake.BadValue, a.places["limit"], "", "verify: %q is not a rate: write 10/m, 1/s or 100/h", o.Limit)
	case o.MaxBody < 1:
		c.Add(mistake.BadSize, a.places["max_body"], "", "verify: max_body: expected at least 1 byte")
	case a.Has("honeypot") && o.Honeypot == "":
		c.Add(mistake.BadName, a.places["honeypot"], "", "verify: honeypot: expected the name of a field")
	case a.Has("honeypot_location") && o.Honeypot == "":
		c.Add(mistake.DependentKey, a.places["honeypot_location"], "", "verify: honeypot_location needs honeypot")
	case a.Has("honeypot_location") && !isLocation(o.HoneypotLocation):
		c.Add(mistake.BadURL, a.places["honeypot_location"], "", "verify: honeypot_location: expected an http or https URL, or a path")
	}
	v.Open = o
}

// IsOrigin reports whether a text is an origin as browsers send it: a scheme, a host and an optional port.
func IsOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && text == u.Scheme+"://"+u.Host
}

// isLocation reports whether a text may be a Location.
func isLocation(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.String() == text && (u.Scheme == "" && u.Host == "" && strings.HasPrefix(text, "/") || (u.Scheme == "http" || u.Scheme == "https") && u.Host != "")
}
