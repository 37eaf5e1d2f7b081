package sender_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"hash/crc32"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/internal/sender"
)

const (
	keyText   = "a secret of 27 characters.."
	sentTo    = "https://penstock.example.org/hooks/flow?source=1"
	sentBody  = `{"id":"e-1","note":"é ☃","passcode":"a secret of 27 characters..","value":[{"clientState":"a secret of 27 characters.."},{"clientState":"a secret of 27 characters.."}]}`
	sentUnix  = "1795953600"
	sentTime  = "2026-11-29T12:00:00Z"
	sentNanos = "2026-11-29T12:00:00.123456789Z"
)

func hexMAC(h func() hash.Hash, text string) string { return hexOf(macOf(h, keyText, text)) }
func b64MAC(h func() hash.Hash, text string) string { return b64(macOf(h, keyText, text)) }

// computed are deliveries of senders without a library, signed here as their documentation says.
func computed() map[string]map[string]string {
	basic := "Basic " + b64([]byte("user:"+keyText))
	hub := map[string]string{"X-Hub-Signature": "sha256=" + hexMAC(sha256.New, sentBody)}
	hub256 := map[string]string{"X-Hub-Signature-256": "sha256=" + hexMAC(sha256.New, sentBody)}
	return map[string]map[string]string{
		"meta": hub256, "whatsapp": hub256, "bitbucket": hub, "bitbucket-server": hub, "jira": hub,
		"zendesk":       {"X-Zendesk-Webhook-Signature": b64MAC(sha256.New, sentTime+sentBody), "X-Zendesk-Webhook-Signature-Timestamp": sentTime},
		"calendly":      {"Calendly-Webhook-Signature": "t=" + sentUnix + ",v1=" + hexMAC(sha256.New, sentUnix+"."+sentBody)},
		"intercom":      {"X-Hub-Signature": "sha1=" + hexMAC(sha1.New, sentBody)},
		"typeform":      {"Typeform-Signature": "sha256=" + b64MAC(sha256.New, sentBody)},
		"xero":          {"X-Xero-Signature": b64MAC(sha256.New, sentBody)},
		"dropbox":       {"X-Dropbox-Signature": hexMAC(sha256.New, sentBody)},
		"gitlab":        {"X-Gitlab-Token": keyText},
		"trello":        {"X-Trello-Webhook": b64MAC(sha1.New, sentBody+sentTo)},
		"twitch":        {"Twitch-Eventsub-Message-Id": "m-1", "Twitch-Eventsub-Message-Timestamp": sentNanos, "Twitch-Eventsub-Message-Signature": "sha256=" + hexMAC(sha256.New, "m-1"+sentNanos+sentBody)},
		"telegram":      {"X-Telegram-Bot-Api-Secret-Token": keyText},
		"okta":          {"Authorization": keyText},
		"x":             {"X-Twitter-Webhooks-Signature": "sha256=" + b64MAC(sha256.New, sentBody)},
		"docusign":      {"X-DocuSign-Signature-1": b64(macOf(sha256.New, "another", sentBody)), "X-DocuSign-Signature-2": b64MAC(sha256.New, sentBody)},
		"gitea":         {"X-Gitea-Signature": hexMAC(sha256.New, sentBody)},
		"gogs":          {"X-Gogs-Signature": hexMAC(sha256.New, sentBody)},
		"azure-devops":  {"Authorization": basic},
		"sentry":        {"Sentry-Hook-Signature": hexMAC(sha256.New, sentBody)},
		"vercel":        {"X-Vercel-Signature": hexMAC(sha1.New, sentBody)},
		"circleci":      {"Circleci-Signature": "v1=" + hexMAC(sha256.New, sentBody)},
		"lemon-squeezy": {"X-Signature": hexMAC(sha256.New, sentBody)},
		"woocommerce":   {"X-WC-Webhook-Signature": b64MAC(sha256.New, sentBody)},
		"paystack":      {"X-Paystack-Signature": hexMAC(sha512.New, sentBody)},
		"cal-com":       {"X-Cal-Signature-256": hexMAC(sha256.New, sentBody)},
		"airtable":      {"X-Airtable-Content-MAC": "hmac-sha256=" + hexMAC(sha256.New, sentBody)},
		"netlify":       {"X-Webhook-Signature": signedJWT(jose.HS256, append([]byte(keyText), make([]byte, 37)...), map[string]any{"iss": "netlify", "sha256": hexOf(sumOf(sentBody))})},
		"salesforce":    {}, "docker-hub": {}, // the token is in the URL
		"microsoft-graph": {}, "figma": {}, // the token is in the body
	}
}

func sentDelivery(t testing.TB, headers map[string]string) *sender.Delivery {
	t.Helper()
	v := &vector{Method: http.MethodPost, URL: sentTo + "&token=" + "a+secret+of+27+characters..", Headers: headers, Body: sentBody, Now: 1795953600000}
	d := v.delivery(t)
	d.URLs = sender.URLs(sentTo)
	return d
}

// The senders without a library verify as their documentation says.
func TestSendersWithoutALibrary(t *testing.T) {
	t.Parallel()
	for name, headers := range computed() {
		secret := keyText
		if name == "airtable" {
			secret = b64([]byte(keyText))
		}
		s, err := sender.Compile(&sender.Spec{Scheme: name, User: "user"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Verify(t.Context(), sentDelivery(t, headers), []string{b64([]byte("another")), secret}, nil); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
		if err := s.Verify(t.Context(), sentDelivery(t, headers), []string{b64([]byte("another"))}, nil); err == nil {
			t.Errorf("%s is accepted with another secret", name)
		}
		if !s.Signs() {
			continue
		}
		other := sentDelivery(t, headers)
		other.Body = append(other.Body, ' ')
		if err := s.Verify(t.Context(), other, []string{secret}, nil); err == nil {
			t.Errorf("%s is accepted with another body", name)
		}
	}
}

// Each sender of the catalogue is checked by a library, computed here, or in a test of its own.
func TestEachSenderIsChecked(t *testing.T) {
	t.Parallel()
	own := map[string]bool{"paypal": true, "plaid": true}
	made := computed()
	for _, e := range sender.All() {
		_, isComputed := made[e.Name]
		if checks := e.Library != ""; !checks && !isComputed && !own[e.Name] || checks && isComputed {
			t.Errorf("%s: a library: %v, computed: %v", e.Name, checks, isComputed)
		}
	}
}

func signedJWT(algorithm jose.SignatureAlgorithm, key any, claims any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k1"))
	if err != nil {
		panic(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return text
}

// Plaid signs a JWT whose claim is the hash of the body; the secret is the public key.
func TestPlaid(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := json.Marshal(jose.JSONWebKey{Key: private.Public(), KeyID: "k1", Algorithm: "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sender.Compile(&sender.Spec{Scheme: "plaid"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		claims map[string]any
		fits   bool
	}{
		"now":          {map[string]any{"iat": 1795953600, "request_body_sha256": hexOf(sumOf(sentBody))}, true},
		"too old":      {map[string]any{"iat": 1795953600 - 301, "request_body_sha256": hexOf(sumOf(sentBody))}, false},
		"ahead":        {map[string]any{"iat": 1795953600 + 301, "request_body_sha256": hexOf(sumOf(sentBody))}, false},
		"another body": {map[string]any{"iat": 1795953600, "request_body_sha256": hexOf(sumOf("{}"))}, false},
		"no hash":      {map[string]any{"iat": 1795953600}, false},
	} {
		d := sentDelivery(t, map[string]string{"Plaid-Verification": signedJWT(jose.ES256, private, c.claims)})
		if err := s.Verify(t.Context(), d, []string{string(key)}, nil); (err == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
	forged := sentDelivery(t, map[string]string{"Plaid-Verification": signedJWT(jose.HS256, append(key, make([]byte, 64)...), map[string]any{"iat": 1795953600, "request_body_sha256": hexOf(sumOf(sentBody))})})
	if err := s.Verify(t.Context(), forged, []string{string(key)}, nil); err == nil {
		t.Error("the public key was accepted as the key of an HMAC")
	}
}

// PayPal signs id, time, the webhook's id and the CRC-32 of the body; its certificate comes from PayPal's host only.
func TestPayPal(t *testing.T) {
	t.Parallel()
	private, cert := newCertificate(t, time.Unix(1795953600, 0))
	signed := sha256.Sum256([]byte(fmt.Sprintf("t-1|%s|WH-1|%d", sentTime, crc32.ChecksumIEEE([]byte(sentBody)))))
	signature, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, signed[:])
	if err != nil {
		t.Fatal(err)
	}
	const target = "https://api.paypal.com/v1/notifications/certs/CERT-1"
	s, err := sender.Compile(&sender.Spec{Scheme: "paypal"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		url, webhook string
		at           time.Duration
		fits         bool
	}{
		"right":             {target, "WH-1", 0, true},
		"another webhook":   {target, "WH-2", 0, false},
		"another host":      {"https://api.paypal.com.evil.example/cert", "WH-1", 0, false},
		"http":              {"http://api.paypal.com/v1/notifications/certs/CERT-1", "WH-1", 0, false},
		"another port":      {"https://api.paypal.com:8443/v1/notifications/certs/CERT-1", "WH-1", 0, false},
		"a user":            {"https://api.paypal.com@evil.example/cert", "WH-1", 0, false},
		"ten minutes later": {target, "WH-1", 10 * time.Minute, false},
	} {
		d := sentDelivery(t, map[string]string{
			"Paypal-Transmission-Id": "t-1", "Paypal-Transmission-Time": sentTime, "Paypal-Transmission-Sig": base64.StdEncoding.EncodeToString(signature), "Paypal-Cert-Url": c.url,
		})
		d.Now = d.Now.Add(c.at)
		keys := documents{target: cert, c.url: cert}
		if err := s.Verify(t.Context(), d, []string{c.webhook}, keys); (err == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func newCertificate(t *testing.T, now time.Time) (*rsa.PrivateKey, string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	return private, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// A flow's own description may use every hash, and RSA with PSS.
func TestOwnDescriptions(t *testing.T) {
	t.Parallel()
	private, _ := newCertificate(t, time.Now())
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	sum := sha512.Sum384([]byte(sentBody))
	pss, err := rsa.SignPSS(rand.Reader, private, crypto.SHA384, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spec    sender.Spec
		headers map[string]string
		secret  string
	}{
		"md5": {sender.Spec{Scheme: "hmac", Header: []string{"X-Sig"}, Algorithm: "md5"}, map[string]string{"X-Sig": hexMAC(md5.New, sentBody)}, keyText},
		"pieces": {
			sender.Spec{Scheme: "hmac", Header: []string{"X-Sig"}, Format: "sha256={signature}, t={timestamp}", TimestampFormat: "unix_ms", Signed: "{body}{timestamp}"},
			map[string]string{"X-Sig": "sha256=" + hexMAC(sha256.New, sentBody+sentUnix+"000") + ", t=" + sentUnix + "000"}, keyText,
		},
		"pss": {sender.Spec{Scheme: "rsa", Header: []string{"X-Sig"}, Algorithm: "sha384", Padding: "pss", Encoding: "base64"}, map[string]string{"X-Sig": b64(pss)}, public},
	} {
		s, err := sender.Compile(&c.spec)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Verify(t.Context(), sentDelivery(t, c.headers), []string{c.secret}, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		other := sentDelivery(t, c.headers)
		other.Body = append(other.Body, ' ')
		if err := s.Verify(t.Context(), other, []string{c.secret}, nil); err == nil {
			t.Errorf("%s: another body was accepted", name)
		}
	}
}

// Mistakes in a description are found when it is compiled.
func TestMistakesInDescriptions(t *testing.T) {
	t.Parallel()
	header := []string{"X-Sig"}
	for name, c := range map[string]struct {
		spec  sender.Spec
		field string
	}{
		"no header":             {sender.Spec{Scheme: "hmac"}, ""},
		"unknown placeholder":   {sender.Spec{Scheme: "hmac", Header: header, Signed: "{boddy}"}, "signed"},
		"no end":                {sender.Spec{Scheme: "hmac", Header: header, Signed: "{body"}, "signed"},
		"the body is missing":   {sender.Spec{Scheme: "hmac", Header: header, Signed: "{method}"}, "signed"},
		"the time is unsigned":  {sender.Spec{Scheme: "hmac", Header: header, Signed: "{body}", TimestampHeader: "X-Time"}, "signed"},
		"no time":               {sender.Spec{Scheme: "hmac", Header: header, Signed: "{timestamp}{body}"}, "signed"},
		"format":                {sender.Spec{Scheme: "hmac", Header: header, Format: "t={time}"}, "format"},
		"jwks over http":        {sender.Spec{Scheme: "jwt", JWKS: "http://x.org/keys"}, "jwks"},
		"jwks with HMAC":        {sender.Spec{Scheme: "jwt", Algorithm: "HS256", JWKS: "https://x.org/keys"}, "jwks"},
		"hash of a jwt":         {sender.Spec{Scheme: "jwt", Algorithm: "sha256"}, "algorithm"},
		"certificate of anyone": {sender.Spec{Scheme: "rsa", Header: header, CertificateURL: "{header:X-Cert}"}, "certificate_url"},
		"claim without a JWT":   {sender.Spec{Scheme: "hmac", Header: header, Expect: map[string][]string{"claim:iss": {"x"}}}, "expect"},
		"question about what":   {sender.Spec{Scheme: "hmac", Header: header, Challenge: []sender.ChallengeSpec{{Text: "x"}}}, "challenge"},
		"unproved visit":        {sender.Spec{Scheme: "hmac", Header: header, Hosts: []string{"x.org"}, Challenge: []sender.ChallengeSpec{{When: "{member:a}", Visit: "{member:a}", Proof: "none"}}}, "challenge"},
		"secret in an answer":   {sender.Spec{Scheme: "hmac", Header: header, Challenge: []sender.ChallengeSpec{{When: "{member:a}", Text: "{secret}"}}}, "challenge"},
		"what it needs":         {sender.Spec{Scheme: "sns"}, ""},
	} {
		_, err := sender.Compile(&c.spec)
		mistake, ok := err.(*sender.FieldError) //nolint:errorlint // Compile returns it bare
		if !ok || mistake.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
}
