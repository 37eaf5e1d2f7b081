package samples

import (
	"go/format"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/sender"
)

// hooks are schemes with a secret of their form. Read only.
var hooks = map[string]struct {
	spec   sender.Spec
	secret string
}{
	"github":            {sender.Spec{Scheme: "github"}, `it's "a" secret $HOME`},
	"stripe":            {sender.Spec{Scheme: "stripe"}, "whsec_x"},
	"slack":             {sender.Spec{Scheme: "slack"}, "s"},
	"shopify, base64":   {sender.Spec{Scheme: "shopify"}, "s"},
	"standard webhooks": {sender.Spec{Scheme: "standard-webhooks"}, "whsec_AAECAwQFBgcICQoLDA0ODw=="},
	"a token":           {sender.Spec{Scheme: "token", Header: []string{"X-Key"}}, "k'\""},
	"a bearer token":    {sender.Spec{Scheme: "token"}, "k"},
	"a parameter":       {sender.Spec{Scheme: "token", Param: "token"}, "k &="},
	"a password":        {sender.Spec{Scheme: "basic", User: "ann"}, "p:w"},
	"a key in hex":      {sender.Spec{Scheme: "hmac", Header: []string{"X-S"}, Algorithm: "sha512", SecretEncoding: "hex", Encoding: "base64url", Signed: "v0:{timestamp}:{body}", TimestampHeader: "X-T", TimestampFormat: "unix_ms"}, "00ff10"},
}

// Each program sends what the scheme of its sender accepts, whatever is in the body.
func TestHookSamplesAreAccepted(t *testing.T) {
	t.Parallel()
	const body = `{"name":"O'Hara \\ \"Zoë\" $HOME %s"}`
	runs := map[string][]string{"hook-curl": {"sh", "-c"}, "hook-node": {"node", "--input-type=module", "-e"}, "hook-python": {"python3", "-c"}}
	for name, h := range hooks {
		scheme, err := sender.Compile(&h.spec)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := make(chan error, 1)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			text, err := io.ReadAll(r.Body)
			if err == nil && string(text) != body {
				t.Errorf("%s: the body is %q", name, text)
			}
			if r.Header.Get("X-Event") != "it's \"new\"" {
				t.Errorf("%s: the header is %q", name, r.Header.Get("X-Event"))
			}
			d := &sender.Delivery{Method: r.Method, Header: r.Header, Query: r.URL.Query(), Body: text, Now: time.Now()}
			got <- scheme.Verify(r.Context(), d, []string{h.secret}, nil)
		}))
		t.Cleanup(server.Close)
		all, why := OfHook(Hook{URL: server.URL + "/hooks/x", Body: body, Header: [][2]string{{"X-Event", "it's \"new\""}}, Spec: scheme.Spec()})
		if len(all) != 4 || why != "" {
			t.Fatalf("%s: %d samples: %s", name, len(all), why)
		}
		for _, s := range all {
			args := runs[s.ID]
			if s.ID == "hook-go" {
				if _, err := format.Source([]byte(s.Text)); err != nil {
					t.Errorf("%s: %v:\n%s", name, err, s.Text)
				}
				if name != "standard webhooks" && name != "a parameter" { // the others differ little, and each is a build
					continue
				}
				file := filepath.Join(t.TempDir(), "main.go")
				if err := os.WriteFile(file, []byte(s.Text), 0o600); err != nil {
					t.Fatal(err)
				}
				args, s.Text = []string{"go", "run"}, file
			}
			if _, err := exec.LookPath(args[0]); err != nil {
				t.Logf("%s is not there", args[0])
				continue
			}
			cmd := exec.CommandContext(t.Context(), args[0], append(args[1:], s.Text)...)
			cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+h.secret)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s, %s: %v: %s\n%s", name, s.ID, err, out, s.Text)
				continue
			}
			if err := <-got; err != nil {
				t.Errorf("%s, %s: %v\n%s", name, s.ID, err, s.Text)
			}
		}
	}
}

// A sender whose proof needs more than its secret and the body gets a reason instead of samples. No sample has a secret.
func TestHookSamplesOfTheCatalogue(t *testing.T) {
	t.Parallel()
	with := 0
	for _, e := range sender.All() {
		all, why := OfHook(Hook{URL: "http://localhost/hooks/x", Body: "{}", Spec: sender.Describe(e.Name, mustCompile(t, e)).Verify})
		if (len(all) == 0) != (why != "") {
			t.Errorf("%s: %d samples: %q", e.Name, len(all), why)
		}
		for _, s := range all {
			if strings.Contains(s.Text, "{ts}") || strings.Contains(s.Text, "{body}") || strings.Contains(s.Text, "{sig}") {
				t.Errorf("%s, %s has a placeholder:\n%s", e.Name, s.ID, s.Text)
			}
		}
		if len(all) > 0 {
			with++
		}
	}
	if with < 40 {
		t.Errorf("%d senders of %d have samples", with, len(sender.All()))
	}
}

// mustCompile compiles an entry with whatever it needs.
func mustCompile(t *testing.T, e *sender.Entry) *sender.Scheme {
	t.Helper()
	spec := sender.Spec{Scheme: e.Name}
	for _, need := range e.Needs {
		word, member, _ := strings.Cut(need, " ")
		switch word {
		case "audience":
			spec.Audience = "a"
		case "user":
			spec.User = "u"
		case "param":
			spec.Param = "token"
		case "verify_token":
			spec.VerifyToken = "v"
		case "expect":
			spec.Expect = map[string][]string{member: {"x"}}
		}
	}
	s, err := sender.Compile(&spec)
	if err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	return s
}
