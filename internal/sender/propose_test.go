package sender_test

import (
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/penstock/penstock/internal/sender"
)

// What the headers of a recorded request tell becomes a description that can be compiled.
func TestPropose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		h     http.Header
		lines []string
	}{
		{"a time and a signature", http.Header{"X-Acme-Signature": {"t=1795953600,v1=*** (64 bytes)"}, "X-Acme-Event-Id": {"e1"}},
			[]string{"scheme: hmac", "secret: acme", "header: X-Acme-Signature", `format: "t={timestamp},v1={signature}"`, "id_header: X-Acme-Event-Id"}},
		{"two signatures, ms", http.Header{"Signature": {"ts=1795953600000; a=*** (44 bytes); b=*** (44 bytes)"}},
			[]string{"scheme: hmac", "secret: acme", "header: Signature", `format: "ts={timestamp};a={signature}"`, "timestamp_format: unix_ms", "encoding: base64"}},
		{"a prefix", http.Header{"X-Hub-Signature": {"sha1=*** (40 bytes)"}}, []string{"scheme: hmac", "secret: acme", "header: X-Hub-Signature", `prefix: "sha1="`, "algorithm: sha1"}},
		{"a signature beside its time", http.Header{"X-Hmac": {"*** (64 bytes)"}, "X-Timestamp": {"1795953600"}}, []string{"scheme: hmac", "secret: acme", "header: X-Hmac", "timestamp_header: X-Timestamp"}},
		{"a token", http.Header{"X-Api-Key": {"*** (20 bytes)"}, "X-Timestamp": {"1795953600"}}, []string{"scheme: token", "secret: acme", "header: X-Api-Key"}},
		{"a bearer", http.Header{"Authorization": {"Bearer *** (20 bytes)"}}, []string{"scheme: token", "secret: acme", "header: Authorization", `prefix: "Bearer "`}},
		{"a password", http.Header{"Authorization": {"Basic *** (20 bytes)"}}, []string{"scheme: basic", "secret: acme", "user: …"}},
		{"nothing", http.Header{"Content-Type": {"application/json"}, "X-Signature": {"none"}}, nil},
	} {
		got := sender.Propose(c.h, "acme")
		want := ""
		if c.lines != nil {
			want = "trigger:\n  webhook:\n    verify:\n      " + strings.Join(c.lines, "\n      ") + "\n"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", c.name, got, want)
			continue
		}
		var flow struct {
			Trigger struct {
				Webhook struct{ Verify map[string]any }
			}
		}
		if err := yaml.Unmarshal([]byte(got), &flow); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		words, _ := sender.Takes(strings.TrimPrefix(append(c.lines, "scheme: hmac")[0], "scheme: "))
		for word := range flow.Trigger.Webhook.Verify {
			if word != "scheme" && word != "secret" && !strings.Contains(" "+strings.Join(words, " ")+" ", " "+word+" ") {
				t.Errorf("%s: the scheme does not take %s", c.name, word)
			}
		}
	}
}
