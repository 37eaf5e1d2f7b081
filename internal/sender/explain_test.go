package sender_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/sender"
)

// A wrong proof is explained by the change that makes it right, without the secret and the right signature.
func TestExplain(t *testing.T) {
	t.Parallel()
	s, err := sender.Compile(&sender.Spec{Scheme: "github"})
	if err != nil {
		t.Fatal(err)
	}
	right := hexMAC(sha256.New, sentBody)
	for name, c := range map[string]struct{ signature, secret, want string }{
		"blanks":         {right, keyText + "\n", "blanks or a line end around"},
		"line end added": {hexMAC(sha256.New, sentBody+"\n"), keyText, "a line end was removed"},
		"another hash":   {hexMAC(sha1.New, sentBody), keyText, "sha1"},
		"base64":         {b64MAC(sha256.New, sentBody), "x", ""},
		"encoded key":    {right, b64([]byte(keyText)), "read as base64"},
		"another secret": {right, "another", ""},
	} {
		got := s.Explain(t.Context(), sentDelivery(t, map[string]string{"X-Hub-Signature-256": "sha256=" + c.signature}), []string{c.secret})
		if c.want == "" && got != "" || !strings.Contains(got, c.want) || strings.Contains(got, right) || strings.Contains(got, keyText) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
