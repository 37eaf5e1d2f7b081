package sender_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/sender"
)

// Each kind of wrong proof is explained by the word of the description and the secret that it is about, without the secret
// and the right signature.
func TestExplain(t *testing.T) {
	t.Parallel()
	const body = "{\"n\": 1}\n"
	now := time.Unix(at, 0)
	mac := func(text string) string { return hexOf(macOf(sha256.New, keyText, text)) }
	stripe, plain := sender.Spec{Scheme: "stripe"}, sender.Spec{Scheme: "hmac", Header: []string{"X-Sig"}}
	url := sender.Spec{Scheme: "hmac", Header: []string{"X-Sig"}, Signed: "{url}{body}"}
	standard, token := sender.Spec{Scheme: "standard-webhooks"}, sender.Spec{Scheme: "token", Header: []string{"Authorization"}}
	basic, coded := sender.Spec{Scheme: "basic", User: "ann"}, plain
	coded.SecretEncoding = "base64"
	published := func(id, ts, signed string) map[string]string {
		return map[string]string{"webhook-id": id, "webhook-timestamp": ts, "webhook-signature": "v1," + b64(macOf(sha256.New, keyText, signed))}
	}
	login := func(text string) map[string]string {
		return map[string]string{"Authorization": "Basic " + b64([]byte(text))}
	}
	sig := func(text string) map[string]string { return map[string]string{"X-Sig": text} }
	for name, c := range map[string]struct {
		verify  sender.Spec
		header  map[string]string
		secrets []string
		want    sender.Finding
	}{
		"no header":             {plain, nil, nil, sender.Finding{Word: "header", Secret: -1, Text: "the header X-Sig is missing"}},
		"no signature":          {plain, sig("zzz"), nil, sender.Finding{Word: "encoding", Secret: -1, Text: "the header X-Sig is not hex"}},
		"no prefix":             {sender.Spec{Scheme: "github"}, map[string]string{"X-Hub-Signature-256": mac(body)}, nil, sender.Finding{Word: "prefix", Secret: -1, Text: `the header X-Hub-Signature-256 does not begin with "sha256="`}},
		"another format":        {stripe, map[string]string{"Stripe-Signature": mac(body)}, nil, sender.Finding{Word: "format", Secret: -1, Text: "the header Stripe-Signature is not written as the format says"}},
		"no time":               {stripe, map[string]string{"Stripe-Signature": "v1=" + mac(body)}, nil, sender.Finding{Word: "timestamp", Secret: -1, Text: "the time is missing"}},
		"too old":               {stripe, map[string]string{"Stripe-Signature": "t=1699999000,v1=" + mac("1699999000."+body)}, nil, sender.Finding{Word: "tolerance", Secret: -1, Text: "its time is 16m40s ago, 5m0s are allowed"}},
		"in the future":         {stripe, map[string]string{"Stripe-Signature": "t=1700001000,v1=" + mac("1700001000."+body)}, nil, sender.Finding{Word: "tolerance", Secret: -1, Text: "its time is 16m40s ahead, 5m0s are allowed"}},
		"body alone":            {stripe, map[string]string{"Stripe-Signature": "t=1700000000,v1=" + mac(body)}, nil, sender.Finding{Word: "signed", Text: "the sender signs the body alone"}},
		"blanks":                {plain, sig(mac(body)), []string{"other", keyText + "\n"}, sender.Finding{Word: "secret", Secret: 1, Text: "the stored secret has blanks or a line end around it"}},
		"quotes":                {plain, sig(mac(body)), []string{`"` + keyText + `"`}, sender.Finding{Word: "secret", Text: "the stored secret has quotes around it"}},
		"not decoded":           {plain, sig(mac(body)), []string{b64([]byte(keyText))}, sender.Finding{Word: "secret_encoding", Text: "the key is the secret read as base64"}},
		"decoded":               {coded, sig(hexOf(macOf(sha256.New, b64([]byte(keyText)), body))), []string{b64([]byte(keyText))}, sender.Finding{Word: "secret_encoding", Text: "the key is the secret read as text"}},
		"a key that is none":    {coded, sig(mac(body)), nil, sender.Finding{Word: "secret", Text: "it is not base64"}},
		"another hash":          {plain, sig(hexOf(macOf(sha1.New, keyText, body))), nil, sender.Finding{Word: "algorithm", Text: "the sender signs with sha1"}},
		"another encoding":      {sender.Spec{Scheme: "hmac", Header: []string{"X-Sig"}, Encoding: "base64"}, sig(mac(body)), nil, sender.Finding{Word: "encoding", Text: "the signature is written as hex"}},
		"a line end more":       {plain, sig(mac(strings.TrimSpace(body))), nil, sender.Finding{Word: "signed", Text: "a line end was added to the body, or the sender signed it without"}},
		"a line end less":       {plain, sig(mac(body + "\n")), nil, sender.Finding{Word: "signed", Text: "a line end was removed from the body"}},
		"other line ends":       {plain, sig(mac("{\"n\": 1}\r\n")), nil, sender.Finding{Word: "signed", Text: "the body was changed from CR LF to LF on its way"}},
		"JSON with blanks":      {plain, sig(mac(`{"n":1}`)), nil, sender.Finding{Word: "signed", Text: "blanks were added to the JSON of the body on its way"}},
		"another URL":           {url, sig(mac("http://x.org/a" + body)), nil, sender.Finding{Word: "url", Text: "the sender called http, and signed that"}},
		"another body":          {plain, sig(mac("{}")), nil, sender.Finding{Word: "secret", Secret: -1, Text: "the secret is another one, or what is signed was changed on its way"}},
		"standard, no id":       {standard, map[string]string{"webhook-timestamp": then, "webhook-signature": "v1,x"}, nil, sender.Finding{Word: "scheme", Secret: -1, Text: "the header webhook-id is missing"}},
		"standard, text secret": {standard, published("m", then, "m."+then+"."+body), []string{keyText[:24]}, sender.Finding{Word: "secret", Text: "a secret is not of the scheme's form"}},
		"standard, old":         {standard, published("m", "1699999000", "m.1699999000."+body), []string{"whsec_" + b64([]byte(keyText))}, sender.Finding{Word: "tolerance", Secret: -1, Text: "its time is 16m40s ago, 5m0s are allowed"}},
		"no token":              {token, nil, nil, sender.Finding{Word: "header", Secret: -1, Text: "the header Authorization is missing"}},
		"a token with Bearer":   {token, map[string]string{"Authorization": "Bearer " + keyText}, nil, sender.Finding{Word: "prefix", Text: `the sender writes "Bearer " before the token`}},
		"a token with blanks":   {token, map[string]string{"Authorization": keyText}, []string{keyText + "\n"}, sender.Finding{Word: "secret", Text: "the stored secret has blanks or a line end around it"}},
		"no login":              {basic, nil, nil, sender.Finding{Word: "user", Secret: -1, Text: "the header Authorization has no user name and password"}},
		"another user":          {basic, login("bob:" + keyText), nil, sender.Finding{Word: "user", Secret: -1, Text: "the user name is another one"}},
		"another password":      {basic, login("ann:x"), nil, sender.Finding{Word: "secret", Secret: -1, Text: "the user name is right, the password is not"}},
		"another topic": {
			sender.Spec{Scheme: "hmac", Header: []string{"X-Sig"}, Expect: map[string][]string{"header:X-Topic": {"a"}}}, sig(mac(body)), nil,
			sender.Finding{Word: "expect", Secret: -1, Text: "header:X-Topic is not a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sender.Compile(&c.verify)
			if err != nil {
				t.Fatal(err)
			}
			d := &sender.Delivery{Method: "POST", Header: http.Header{}, Body: []byte(body), URLs: []string{"https://x.org/a"}, Now: now}
			for k, v := range c.header {
				d.Header.Set(k, v)
			}
			if c.secrets == nil {
				c.secrets = []string{keyText}
			}
			why := s.Verify(t.Context(), d, c.secrets, nil)
			if why == nil {
				t.Fatal("it is proved")
			}
			got := s.Explain(t.Context(), d, c.secrets, why)
			if diff := cmp.Diff([]sender.Finding{c.want}, got); diff != "" {
				t.Errorf("%v (-want +got):\n%s", why, diff)
			}
			for _, f := range got {
				if strings.Contains(f.Text, keyText) || strings.Contains(f.Text, mac(body)) {
					t.Errorf("it tells a secret: %s", f.Text)
				}
			}
		})
	}
}
