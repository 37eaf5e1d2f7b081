package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

// A signature of version 2 covers the target in the bytes that were sent: another spelling of the same address is
// another request, because a proxy or a router may read it in another way.
func TestSignatureV2CoversTheSpelling(t *testing.T) {
	t.Parallel()
	const ts = "1795280000"
	for signedTarget, others := range map[string][]string{
		"/v1/flows/69/runs?a=1&b=2": {"/v1/flows/69/runs?b=2&a=1", "/v1/flows/69/runs?a=1&b=2&", "/v1/flows/69/runs?a=1&b=2&b=2", "/v1/flows/69/runs?a=1;b=2", "/v1/flows/69/runs?a=%31&b=2"},
		"/v1/flows/69/runs":         {"/v1/flows/69/runs?", "/v1/flows/69/runs/", "/v1//flows/69/runs", "/V1/flows/69/runs", "/v1/flows/%36%39/runs", "/v1/flows/70/../69/runs", "https://penstock.example.org/v1/flows/69/runs", "/v1/flows/69/runs#x", "/v1/flows/69/runs%00", ""},
		"/h/a%2Fb?q=x%20y":          {"/h/a/b?q=x%20y", "/h/a%2fb?q=x%20y", "/h/a%2Fb?q=x+y", "/h/a%2Fb?q=x y"},
	} {
		header := SignV2("POST", signedTarget, "k1", ts, "n1", []byte("{}"), "current")
		scheme := SignatureScheme{Keys: oneKey{key: testKey()}, Replays: claims{}}
		for _, target := range others {
			if p, err := scheme.Authenticate(t.Context(), signed("POST", target, header, "{}")); p != nil || asError(err) != errSignature {
				t.Errorf("signed %q, sent %q: %v, %v", signedTarget, target, p, err)
			}
		}
		for _, method := range []string{"post", "PUT", "GET", "HEAD", "", "POST "} {
			if p, err := scheme.Authenticate(t.Context(), signed(method, signedTarget, header, "{}")); p != nil || asError(err) != errSignature {
				t.Errorf("signed POST, sent %q: %v, %v", method, p, err)
			}
		}
		if _, err := scheme.Authenticate(t.Context(), signed("POST", signedTarget, header, "{}")); err != nil {
			t.Errorf("%q as signed: %v", signedTarget, err)
		}
	}
}

// The time of a signature counts within the window of its key, in both versions, and only after the signature.
func TestSignatureWindows(t *testing.T) {
	t.Parallel()
	for _, window := range []time.Duration{0, time.Second, 24 * time.Hour} {
		key := testKey()
		key.Window = window
		edge := int64(Window(key) / time.Second)
		for off, good := range map[int64]bool{-edge - 1: false, -edge: true, 0: true, edge: true, edge + 1: false} {
			ts := fmt.Sprint(now.Unix() + off)
			for version, header := range map[int]string{1: Sign(ts, nil, "current"), 2: SignV2("POST", "/", "k1", ts, "n1", nil, "current")} {
				_, err := SignatureScheme{Keys: oneKey{key: key}, Replays: claims{}}.Authenticate(t.Context(), signed("POST", "/", header, ""))
				if (err == nil) != good {
					t.Errorf("v%d, window %v, %d s off: %v", version, window, off, err)
				}
				if !good && (asError(err) == nil || !strings.Contains(err.Error(), "clock")) {
					t.Errorf("v%d, %d s off: %v, want a hint at the clock", version, off, err)
				}
				wrong := strings.Replace(header, "t="+ts, "t=1", 1)
				if _, err := (SignatureScheme{Keys: oneKey{key: key}}).Authenticate(t.Context(), signed("POST", "/", wrong, "")); asError(err) != errSignature {
					t.Errorf("v%d, a time that was not signed: %v, want the error of a wrong signature", version, err)
				}
			}
		}
	}
}

// recorded remembers what a Replays was asked for.
type recorded struct {
	scope    string
	remember time.Duration
	err      error
}

func (r *recorded) Claim(_ context.Context, scope, _, use string, remember time.Duration) (string, bool, error) {
	r.scope, r.remember = scope, remember
	return use, true, r.err
}

// A signature is remembered for as long as its time is accepted, under its key. When that cannot be done, it is not
// accepted.
func TestSignaturesAreRememberedLongEnough(t *testing.T) {
	t.Parallel()
	for window, want := range map[time.Duration]time.Duration{0: 601 * time.Second, time.Second: 3 * time.Second, 24 * time.Hour: 48*time.Hour + time.Second} {
		key := testKey()
		key.Window = window
		seen := &recorded{}
		header := Sign(fmt.Sprint(now.Unix()), nil, "current")
		if _, err := (SignatureScheme{Keys: oneKey{key: key}, Replays: seen}).Authenticate(t.Context(), signed("POST", "/", header, "")); err != nil {
			t.Fatal(err)
		}
		if seen.remember != want || seen.scope != "signature:k1" {
			t.Errorf("window %v: remembered for %v in %q, want %v", window, seen.remember, seen.scope, want)
		}
		seen.err = errors.New("dial 10.0.0.1")
		_, err := SignatureScheme{Keys: oneKey{key: key}, Replays: seen}.Authenticate(t.Context(), signed("POST", "/", header, ""))
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("without Redis: %v", err)
		}
	}
	seen := &recorded{}
	for name, r := range map[string]*Request{
		"a wrong signature": signed("POST", "/", Sign(fmt.Sprint(now.Unix()), nil, "guess"), ""),
		"too old":           signed("POST", "/", Sign("1", nil, "current"), ""),
	} {
		if _, err := (SignatureScheme{Keys: oneKey{key: testKey()}, Replays: seen}).Authenticate(t.Context(), r); err == nil || seen.scope != "" {
			t.Errorf("%s: %v, remembered in %q: whoever guesses could fill Redis", name, err, seen.scope)
		}
	}
}

// The key of a header is taken as it is; a nonce needs no quoting in what is signed, so that none can end the text early.
func TestSignatureNamesAndNonces(t *testing.T) {
	t.Parallel()
	const ts = "1795280000"
	for _, name := range []string{"K1", "k1 ", " k1", "k1\x00", "k1,k1", "k", "k11", `k1";x="`} {
		r := request("", SignV2("POST", "/", name, ts, "n1", nil, "current"), "")
		r.Header = http.Header{HeaderKey: {name}, HeaderSignature: r.Header.Values(HeaderSignature)}
		r.Method, r.Target = "POST", "/"
		if p, err := (SignatureScheme{Keys: oneKey{key: testKey()}}).Authenticate(t.Context(), r); p != nil || asError(err) != errSignature {
			t.Errorf("key %q: %v, %v", name, p, err)
		}
	}
	for nonce, good := range map[string]bool{
		"n": true, strings.Repeat("n", maxNonce): true, "aZ09-_": true,
		"": false, strings.Repeat("n", maxNonce+1): false, `n";keyid="k2`: false, "n\n": false, "n=": false, "n;": false, "ä": false, "n.": false, "n\x00": false,
	} {
		header := SignV2("POST", "/", "k1", ts, nonce, nil, "current")
		if _, err := (SignatureScheme{Keys: oneKey{key: testKey()}}).Authenticate(t.Context(), signed("POST", "/", header, "")); (err == nil) != good {
			t.Errorf("nonce %q: %v", nonce, err)
		}
	}
	late := testKey()
	late.OnReplay = store.OnReplayAttach
	same := SignV2("POST", "/", "k1", ts, "n1", nil, "current")
	p, err := SignatureScheme{Keys: oneKey{key: late}, Replays: claims{}}.Authenticate(t.Context(), signed("POST", "/", same, ""))
	if err != nil || p.Repeat == nil || !strings.HasPrefix(p.Repeat.ID, "k1\x00") || p.Repeat.Window != ReplayWindow(late) {
		t.Errorf("a key that attaches: %+v, %v", p, err)
	}
}
