package callback_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/callback"
)

func signer(t testing.TB, base string, keys ...byte) *callback.Signer {
	t.Helper()
	var masters [][]byte
	for _, k := range keys {
		masters = append(masters, bytes.Repeat([]byte{k}, 32))
	}
	s, err := callback.New(base, masters)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestATokenIsTheCall(t *testing.T) {
	t.Parallel()
	now := time.Unix(1795280000, 0)
	call := callback.Call{Run: "0190-run", Key: "wait_for.0\n/3.1", Expires: now.Add(time.Hour), MaxBody: 1_000_000_000}
	s := signer(t, "https://pipes.example.org/", 1)
	url, err := s.URL(call)
	if err != nil {
		t.Fatal(err)
	}
	token, ok := strings.CutPrefix(url, "https://pipes.example.org/v1/callbacks/")
	if !ok || strings.ContainsAny(token, "/?#+= ") {
		t.Errorf("URL %s", url)
	}
	for name, s := range map[string]*callback.Signer{"the same": s, "rotated": signer(t, "", 2, 1)} {
		got, err := s.Open(token, now)
		if diff := cmp.Diff(call, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if _, err := s.Open(token, now.Add(time.Hour)); !errors.Is(err, callback.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if _, err := signer(t, "", 2).Open(token, now); !errors.Is(err, callback.ErrForged) {
		t.Errorf("another key: %v", err)
	}
}

// Every change to a token is detected.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	now := time.Unix(1795280000, 0)
	s := signer(t, "https://a", 1)
	token := s.Token(callback.Call{Run: "run", Key: "k", Expires: now.Add(time.Hour)})
	forged := []string{"", ".", "a.b", token + "A", token + "=", "!" + token, token[:strings.Index(token, ".")+1]}
	for i := range token {
		for _, c := range []byte("Az.") {
			if token[i] != c {
				forged = append(forged, token[:i]+string(c)+token[i+1:])
			}
		}
	}
	for _, f := range forged {
		if c, err := s.Open(f, now); !errors.Is(err, callback.ErrForged) {
			t.Errorf("%q is taken for %+v, %v", f, c, err)
		}
	}
}

func TestASignerNeedsToKnow(t *testing.T) {
	t.Parallel()
	if _, err := callback.New("https://a", nil); err == nil {
		t.Error("no key")
	}
	if _, err := signer(t, "", 1).URL(callback.Call{}); err == nil || !strings.Contains(err.Error(), "--issuer") {
		t.Errorf("%v", err)
	}
}
