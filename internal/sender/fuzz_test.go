package sender_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/sender"
)

// FuzzVerify checks that no delivery is accepted without the secret, and that no verifier panics.
func FuzzVerify(f *testing.F) {
	for _, s := range deliveries() {
		for _, proof := range s.header {
			f.Add(s.verify.Scheme, proof, then, s.body, s.query)
		}
	}
	f.Fuzz(func(t *testing.T, scheme, proof, ts, body, query string) {
		v, err := sender.Compile(&sender.Spec{
			Scheme: scheme, Tolerance: time.Hour, Header: []string{"X-Proof"}, Algorithm: "sha256", Encoding: "hex", TimestampHeader: "X-Time", User: "u",
		})
		if err != nil {
			return
		}
		params, _ := url.ParseQuery(query)
		d := &sender.Delivery{Header: http.Header{}, Query: params, Body: []byte(body), URLs: sender.URLs("https://x.org/?" + query), Now: time.Unix(at, 0)}
		for _, name := range []string{"X-Proof", "Webhook-Signature", "X-Hub-Signature-256", "Stripe-Signature", "X-Slack-Signature", "X-Shopify-Hmac-Sha256", "X-Twilio-Signature", "Authorization"} {
			d.Header.Set(name, proof)
		}
		for _, name := range []string{"X-Time", "Webhook-Timestamp", "X-Slack-Request-Timestamp", "Webhook-Id"} {
			d.Header.Set(name, ts)
		}
		if err := v.Verify(context.Background(), d, []string{"whsec_c2VjcmV0IHRoYXQgbm9ib2R5IGtub3dz"}, nil); err == nil {
			t.Errorf("%s let in %q", scheme, proof)
		}
		v.ID(d)
	})
}

// FuzzDescription checks that no description and no delivery makes the program panic, and that none is accepted without
// the secret.
func FuzzDescription(f *testing.F) {
	for _, e := range sender.All() {
		f.Add(e.Verify.Signed, e.Verify.Format, e.Verify.Timestamp, "t=1,v1=aa;h1=bb", `{"a":{"b":[1]}}`)
	}
	f.Add("{lines:a,b}{headers:X-Proof}{param:a}{member:a.*.b}", "v1={signature}", "{member:a}", "", "a=b&a=c")
	f.Fuzz(func(t *testing.T, signed, format, timestamp, proof, body string) {
		v, err := sender.Compile(&sender.Spec{Scheme: "hmac", Header: []string{"X-Proof"}, Signed: signed, Format: format, Timestamp: timestamp})
		if err != nil {
			return
		}
		d := &sender.Delivery{Method: "POST", Header: http.Header{"X-Proof": {proof}}, Body: []byte(body), URLs: []string{"https://x.org/"}, Now: time.Unix(at, 0)}
		if err := v.Verify(context.Background(), d, []string{"a secret that nobody knows"}, nil); err == nil {
			t.Errorf("%q let in %q", signed, proof)
		}
		v.ID(d)
		v.Explain(context.Background(), d, []string{"a secret that nobody knows"}, sender.ErrWrong)
	})
}
