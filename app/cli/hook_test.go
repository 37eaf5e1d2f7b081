package cli

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows/steps"
)

func runHook(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	root := newRoot(command.Env{}, steps.Catalogue())
	var out bytes.Buffer
	root.SetArgs(append([]string{"hook"}, args...))
	root.SetIn(strings.NewReader(in))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// A request is recognised, with or without its request line, and the secret's proof is checked and explained.
func TestHookDetect(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	body := `{"action":"opened"}`
	mac := hmac.New(sha256.New, []byte("a secret"))
	mac.Write([]byte(body))
	headers := "X-GitHub-Delivery: d-1\r\nX-Hub-Signature-256: sha256=" + hex.EncodeToString(mac.Sum(nil)) + "\r\n\r\n"
	for name, c := range map[string]struct {
		in   string
		args []string
		want string
		ok   bool
	}{
		"request":      {"POST /hooks/1 HTTP/1.1\r\nHost: x.org\r\n" + headers + body, nil, "scheme: github", true},
		"headers":      {headers + body, nil, "scheme: github", true},
		"lines of LF":  {strings.ReplaceAll(headers, "\r", "") + body, nil, "scheme: github", true},
		"proved":       {headers + body, []string{"--secret-file", secret}, "the secret proves the request", true},
		"a line more":  {headers + body + "\n", []string{"--secret-file", secret}, "a line end was added", false},
		"wrong":        {headers + body + "x", []string{"--secret-file", secret, "--scheme", "github"}, "no secret proves it", false},
		"no sender":    {"Host: x.org\r\n\r\n{}", nil, "", false},
		"no request":   {"hello", nil, "", false},
		"wrong scheme": {headers + body, []string{"--scheme", "nobody"}, "", false},
	} {
		out, err := runHook(t, c.in, append([]string{"detect"}, c.args...)...)
		if (err == nil) != c.ok || !strings.Contains(out, c.want) || strings.Contains(out, "a secret") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestHookSenders(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{"senders": "\nzoom ", "senders zoom": "## Zoom\n", "senders zoom --json": `"name": "zoom"`, "senders --json": `"title": "Zoom"`} {
		if out, err := runHook(t, "", strings.Fields(args)...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
	if _, err := runHook(t, "", "senders", "nobody"); err == nil {
		t.Error("an unknown sender is shown")
	}
}
