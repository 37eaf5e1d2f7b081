//go:build clients

package hooks_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// Deliveries that the libraries of the senders sign are accepted, and all others rejected.
func TestPublishedSenders(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	p.Secret("hook", secret)
	for i, c := range []struct{ scheme, body, event string }{
		{"standard-webhooks", `{"type":"a","n":1.50,"s":"é ☃"}`, `{"n":1.50,"s":"é ☃","type":"a"}`},
		{"github", `{"zen":"é ☃"}`, `{"zen":"é ☃"}`},
		{"stripe", `{"id":"evt_1","object":"event"}`, `{"id":"evt_1","object":"event"}`},
		{"slack", `{"type":"event_callback","event_id":"Ev1"}`, `{"event_id":"Ev1","type":"event_callback"}`},
		{"shopify", `{"id":820982911946154508,"note":"é ☃"}`, `{"id":820982911946154508,"note":"é ☃"}`},
		{"hmac", `{"id":1,"note":"é ☃"}`, `{"id":1,"note":"é ☃"}`},
		{"twilio", `From=%2B14158675309&Body=Hi+there+%26+%C3%A9&Empty=`, `{"Body":"Hi there & é","Empty":"","From":"+14158675309"}`},
	} {
		number := string(rune('1' + i))
		verify := "scheme: " + c.scheme
		if c.scheme == "hmac" {
			verify += ", header: X-Sent-By, algorithm: sha256, encoding: hex, prefix: sha256="
		}
		p.Deploy(1+i, strings.Replace(apitest.HookFlow(verify, ""), "hooked", c.scheme, 1))
		path := "/hooks/" + number
		headers := signedBy(t, c.scheme, secret, c.body, apitest.Issuer+path)
		if r := p.Do("POST", path, "", c.body, headers...); r.StatusCode != 200 || !strings.Contains(r.Text, `"event":`+c.event) {
			t.Errorf("%s: %d %s", c.scheme, r.StatusCode, r.Text)
		}
		p.Want(p.Do("POST", path, "", strings.Replace(c.body, "e", "E", 1), headers...), 401)
		p.Want(p.Do("POST", path, "", c.body, signedBy(t, c.scheme, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAA", c.body, apitest.Issuer+path)...), 401)
	}
}

// signedBy returns the headers of a delivery that the library of a sender signs.
func signedBy(t *testing.T, scheme, secret, body, url string) (headers []string) {
	t.Helper()
	input, err := json.Marshal(map[string]string{"scheme": scheme, "secret": secret, "body": body, "url": url})
	apitest.Fatal(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "--no-deprecation", "sign.mjs")
	cmd.Dir, cmd.Stdin = "../../tests/clients/hooks", strings.NewReader(string(input))
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", scheme, err, errors.String())
	}
	var made map[string]string
	apitest.Fatal(t, json.Unmarshal(out, &made))
	for name, value := range made {
		headers = append(headers, name, value)
	}
	return headers
}
