package sender_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/sender"
)

// sent is a valid delivery, with the headers by which the tests make it invalid.
type sent struct {
	name   string
	verify sender.Spec
	secret string
	at     int64 // what the clock says; zero: 1700000000
	header map[string]string
	query  string
	body   string
	urls   []string
	id     string // the delivery's name

	signed    string // the header that carries the proof
	timed     string // the header with the time, when the scheme signs one
	tolerates bool   // it takes a time that is off by the tolerance
}

const (
	at   = 1700000000
	then = "1700000000"
)

func macOf(h func() hash.Hash, secret, text string) []byte {
	m := hmac.New(h, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
func b64(b []byte) string   { return base64.StdEncoding.EncodeToString(b) }

// slackCommand is the body of the example that Slack publishes.
const slackCommand = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"

// deliveries returns deliveries of all schemes. The first ones are from the documentation of the senders.
func deliveries() []sent {
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", ed25519.SeedSize)))
	public := "whpk_" + b64(private.Public().(ed25519.PublicKey))
	const body = `{"id":"evt_1","event_id":"Ev1","a":"é"}`
	tolerant := sender.Spec{Tolerance: 5 * time.Minute}
	with := func(v sender.Spec, change func(*sender.Spec)) sender.Spec { change(&v); return v }
	return []sent{
		{
			name: "standard-webhooks, as published", verify: with(tolerant, func(v *sender.Spec) { v.Scheme = "standard-webhooks" }),
			secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", at: 1614265330, body: `{"test": 2432232314}`, id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
			header: map[string]string{
				"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
				"webhook-signature": "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v2,xyz",
			}, signed: "webhook-signature", timed: "webhook-timestamp", tolerates: true,
		},
		{
			name: "github, as published", verify: sender.Spec{Scheme: "github"}, secret: "It's a Secret to Everybody", body: "Hello, World!", id: "d-1",
			header: map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", "X-GitHub-Delivery": "d-1"},
			signed: "X-Hub-Signature-256",
		},
		{
			name: "slack, as published", verify: with(tolerant, func(v *sender.Spec) { v.Scheme = "slack" }), secret: "8f742231b10e8888abcd99yyyzzz85a5", at: 1531420618,
			body:   slackCommand,
			header: map[string]string{"X-Slack-Request-Timestamp": "1531420618", "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
			id:     hexOf(sumOf("v0:1531420618:" + slackCommand)), signed: "X-Slack-Signature", timed: "X-Slack-Request-Timestamp", tolerates: true,
		},
		{
			name: "twilio, as published", verify: sender.Spec{Scheme: "twilio"}, secret: "12345", id: "t-1",
			body:   "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309",
			urls:   sender.URLs("https://mycompany.com/myapp.php?foo=1&bar=2"),
			header: map[string]string{"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "I-Twilio-Idempotency-Token": "t-1"}, signed: "X-Twilio-Signature",
		},
		{
			name: "standard-webhooks v1a", verify: with(tolerant, func(v *sender.Spec) { v.Scheme = "standard-webhooks" }), secret: public, body: body, id: "m",
			header: map[string]string{"svix-id": "m", "svix-timestamp": then, "svix-signature": "v1a," + b64(ed25519.Sign(private, []byte("m."+then+"."+body)))},
			signed: "svix-signature", timed: "svix-timestamp", tolerates: true,
		},
		{
			name: "stripe", verify: with(tolerant, func(v *sender.Spec) { v.Scheme = "stripe" }), secret: "whsec_x", body: body, id: "evt_1",
			header: map[string]string{"Stripe-Signature": "t=" + then + ",v1=00,v1=" + hexOf(macOf(sha256.New, "whsec_x", then+"."+body)) + ",v0=11"},
			signed: "Stripe-Signature",
		},
		{
			name: "slack event", verify: with(tolerant, func(v *sender.Spec) { v.Scheme = "slack" }), secret: "s", body: body, id: "Ev1",
			header: map[string]string{"X-Slack-Request-Timestamp": then, "X-Slack-Signature": "v0=" + hexOf(macOf(sha256.New, "s", "v0:"+then+":"+body))},
			signed: "X-Slack-Signature", timed: "X-Slack-Request-Timestamp", tolerates: true,
		},
		{
			name: "shopify", verify: sender.Spec{Scheme: "shopify"}, secret: "shh", body: body, id: "w-1",
			header: map[string]string{"X-Shopify-Hmac-Sha256": b64(macOf(sha256.New, "shh", body)), "X-Shopify-Webhook-Id": "w-1"}, signed: "X-Shopify-Hmac-Sha256",
		},
		{
			name: "twilio JSON", verify: sender.Spec{Scheme: "twilio"}, secret: "12345", body: body,
			id:    hexOf(sumOf("https://x.org:443/h?bodySHA256=" + hexOf(sumOf(body)))), // without an id of the sender, the hash of what is signed
			query: "bodySHA256=" + hexOf(sumOf(body)), urls: sender.URLs("https://x.org:443/h?bodySHA256=" + hexOf(sumOf(body))),
			header: map[string]string{"X-Twilio-Signature": b64(macOf(sha1.New, "12345", "https://x.org/h?bodySHA256="+hexOf(sumOf(body))))}, signed: "X-Twilio-Signature",
		},
		{
			name: "hmac", verify: sender.Spec{Scheme: "hmac", Header: []string{"X-Sig"}, Algorithm: "sha512", Encoding: "base64", Prefix: "v=", IDHeader: "X-Id"}, secret: "k", body: body, id: "7",
			header: map[string]string{"X-Sig": "v=" + b64(macOf(sha512.New, "k", body)), "X-Id": "7"}, signed: "X-Sig",
		},
		{
			name: "hmac with time", verify: with(tolerant, func(v *sender.Spec) {
				v.Scheme, v.Header, v.Algorithm, v.Encoding, v.TimestampHeader = "hmac", []string{"X-Sig"}, "sha1", "hex", "X-Time"
			}), secret: "k", body: body, id: hexOf(sumOf(then + "." + body)),
			header: map[string]string{"X-Sig": strings.ToUpper(hexOf(macOf(sha1.New, "k", then+"."+body))), "X-Time": then}, signed: "X-Sig", timed: "X-Time", tolerates: true,
		},
		{
			name: "basic", verify: sender.Spec{Scheme: "basic", User: "crm", IDHeader: "X-Id"}, secret: "pass:word", body: body, id: "9",
			header: map[string]string{"Authorization": "Basic " + b64([]byte("crm:pass:word")), "X-Id": "9"}, signed: "Authorization",
		},
		{
			name: "basic without padding", verify: sender.Spec{Scheme: "basic", User: "demo"}, secret: "p@55w0rd", body: body,
			header: map[string]string{"Authorization": "basic  ZGVtbzpwQDU1dzByZA"}, signed: "Authorization",
		},
		{
			name: "token as bearer", verify: sender.Spec{Scheme: "token"}, secret: "tok-1", body: body,
			header: map[string]string{"Authorization": "bearer \ttok-1"}, signed: "Authorization",
		},
		{
			name: "token in a header", verify: sender.Spec{Scheme: "token", Header: []string{"X-Token"}}, secret: "tok-1", body: body,
			header: map[string]string{"X-Token": "tok-1"}, signed: "X-Token",
		},
		{name: "token in the query", verify: sender.Spec{Scheme: "token", Param: "key"}, secret: "tok-1", body: body, query: "key=tok-1"},
	}
}

func sumOf(text string) []byte {
	s := sha256.Sum256([]byte(text))
	return s[:]
}

func (s *sent) delivery(t *testing.T) *sender.Delivery {
	t.Helper()
	query, err := url.ParseQuery(s.query)
	if err != nil {
		t.Fatal(err)
	}
	if s.at == 0 {
		s.at = at
	}
	d := &sender.Delivery{Header: http.Header{}, Query: query, Body: []byte(s.body), URLs: s.urls, Now: time.Unix(s.at, 0)}
	for name, value := range s.header {
		d.Header.Set(name, value)
	}
	return d
}

func TestSchemes(t *testing.T) {
	t.Parallel()
	for _, s := range deliveries() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			v, err := sender.Compile(&s.verify)
			if err != nil {
				t.Fatal(err)
			}
			fits := func(secrets []string, change func(*sender.Delivery)) error {
				d := s.delivery(t)
				if change != nil {
					change(d)
				}
				return v.Verify(context.Background(), d, secrets, nil)
			}
			good := []string{s.secret}
			if err := fits(good, nil); err != nil {
				t.Fatalf("refused: %v", err)
			}
			if id := v.ID(s.delivery(t)); id != s.id {
				t.Errorf("id %q, want %q", id, s.id)
			}
			other := "whsec_" + b64([]byte("another secret"))
			if err := fits([]string{other, s.secret}, nil); err != nil {
				t.Errorf("during a rotation: %v", err)
			}
			for name, err := range map[string]error{
				"another secret": fits([]string{other}, nil),
				"no secret":      fits(nil, nil),
				"no proof": fits(good, func(d *sender.Delivery) {
					d.Header.Del(s.signed)
					d.Query = nil
				}),
			} {
				if !errors.Is(err, sender.ErrWrong) && !errors.Is(err, sender.ErrUnsigned) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if s.signed != "" {
				for _, spoilt := range []string{"", "x", s.header[s.signed] + "x", "x" + s.header[s.signed], s.header[s.signed][:len(s.header[s.signed])-4]} {
					if err := fits(good, func(d *sender.Delivery) { d.Header.Set(s.signed, spoilt) }); err == nil && s.verify.Scheme != "stripe" && s.verify.Scheme != "standard-webhooks" {
						t.Errorf("the proof %q was accepted", spoilt)
					}
				}
			}
			if s.verify.Scheme != "basic" && s.verify.Scheme != "token" {
				if err := fits(good, func(d *sender.Delivery) { d.Body = append([]byte("%20&x=y"), d.Body...) }); err == nil {
					t.Error("another body was accepted")
				}
			}
			s.times(t, v)
		})
	}
}

// times checks the time window in both directions, and that the time is signed.
func (s *sent) times(t *testing.T, v *sender.Scheme) {
	t.Helper()
	if !s.tolerates && s.verify.Scheme != "stripe" {
		return
	}
	for off, want := range map[time.Duration]bool{5 * time.Minute: true, -5 * time.Minute: true, 5*time.Minute + time.Second: false, -5*time.Minute - time.Second: false} {
		d := s.delivery(t)
		d.Now = d.Now.Add(off)
		if err := v.Verify(context.Background(), d, []string{s.secret}, nil); (err == nil) != want {
			t.Errorf("%v off: %v", off, err)
		}
	}
	if s.timed == "" {
		return
	}
	for _, spoilt := range []string{"", "1", "soon", "99999999999999999999", "+" + s.header[s.timed]} {
		d := s.delivery(t)
		d.Header.Set(s.timed, spoilt)
		if err := v.Verify(context.Background(), d, []string{s.secret}, nil); err == nil {
			t.Errorf("the time %q was accepted", spoilt)
		}
	}
}

// A symmetric signature made with the public key, which is not secret, is rejected.
func TestAPublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	public := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	v, err := sender.Compile(&sender.Spec{Scheme: "standard-webhooks", Tolerance: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	d := &sender.Delivery{Header: http.Header{}, Body: []byte("{}"), Now: time.Unix(at, 0)}
	d.Header.Set("webhook-id", "m")
	d.Header.Set("webhook-timestamp", then)
	d.Header.Set("webhook-signature", "v1,"+b64(macOf(sha256.New, string(public), "m."+then+".{}")))
	if err := v.Verify(context.Background(), d, []string{"whpk_" + b64(public)}, nil); !errors.Is(err, sender.ErrWrong) {
		t.Errorf("verify: %v", err)
	}
	for _, secret := range []string{"whpk_AAAA", "whsec_!", "not base64"} {
		if err := v.Verify(context.Background(), d, []string{secret}, nil); !errors.Is(err, sender.ErrSecret) {
			t.Errorf("the secret %q: %v", secret, err)
		}
	}
}

func TestUnknownScheme(t *testing.T) {
	t.Parallel()
	if _, err := sender.Compile(&sender.Spec{Scheme: "hope"}); err == nil {
		t.Error("a verifier without a scheme was made")
	}
}

func TestSlackChallenge(t *testing.T) {
	t.Parallel()
	v, err := sender.Compile(&sender.Spec{Scheme: "slack"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(body string) (string, bool) {
		d := &sender.Delivery{Method: http.MethodPost, Body: []byte(body)}
		c := v.Challenge(d)
		if c == nil {
			return "", false
		}
		answer, err := c.Answer(d, nil)
		if err != nil {
			t.Error(err)
			return "", false
		}
		return string(answer.Body), true
	}
	if text, ok := ask(`{"type":"url_verification","challenge":"abc"}`); !ok || text != "abc" {
		t.Errorf("challenge %q %v", text, ok)
	}
	for _, body := range []string{`{"type":"event_callback","challenge":"abc"}`, `[]`, `a=b`, ``, `{"type":1}`} {
		if text, ok := ask(body); ok {
			t.Errorf("%s is a challenge: %q", body, text)
		}
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"https://x.org/h?a=b": "https://x.org/h?a=b https://x.org:443/h?a=b",
		"https://x.org:443/h": "https://x.org:443/h https://x.org/h",
		"http://x.org/h":      "http://x.org/h http://x.org:80/h",
		"https://x.org:8443/": "https://x.org:8443/",
		"::":                  "::",
	} {
		if got := strings.Join(sender.URLs(target), " "); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}
