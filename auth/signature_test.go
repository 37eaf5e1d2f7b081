package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

// oneKey has a single key.
type oneKey struct {
	key *store.Key
	err error
}

func (o oneKey) Key(_ context.Context, key string) (*store.Key, error) {
	if o.err != nil {
		return nil, o.err
	}
	if key != o.key.Key {
		return nil, store.ErrNotFound
	}
	return o.key, nil
}

var now = time.Unix(1795280000, 0)

func testKey() *store.Key {
	return &store.Key{Key: "k1", Name: "shop", Secret: "current", Previous: "previous", PreviousUntil: now.Add(time.Hour), APIAccess: true, Flows: []int64{69}}
}

func request(key, signature, body string) *Request {
	r := &Request{Header: http.Header{}, Now: now, Body: func() ([]byte, error) { return []byte(body), nil }}
	if key != "" {
		r.Header.Set(HeaderKey, key)
	}
	if signature != "" {
		r.Header.Set(HeaderSignature, signature)
	}
	return r
}

func TestSignatureIsHMACOverTimeAndBody(t *testing.T) {
	t.Parallel()
	h := hmac.New(sha256.New, []byte("s"))
	h.Write([]byte("1795280000.{}"))
	want := "t=1795280000,v1=" + hex.EncodeToString(h.Sum(nil))
	if got := Sign("1795280000", []byte("{}"), "s"); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func TestSignatureScheme(t *testing.T) {
	t.Parallel()
	const ts, body = "1795280000", `{"a":1}`
	good := Sign(ts, []byte(body), "current")
	for name, signature := range map[string]string{
		"current secret":               good,
		"previous secret":              Sign(ts, []byte(body), "previous"),
		"one of several":               "t=" + ts + ",v1=" + strings.Repeat("00", 32) + strings.TrimPrefix(good, "t="+ts),
		"unknown members and spaces":   strings.Replace(good, ",", ", v0=abc, ", 1),
		"upper-case hex":               "t=" + ts + ",v1=" + strings.ToUpper(good[len("t="+ts+",v1="):]),
		"as old as the window":         Sign("1795279700", []byte(body), "current"),
		"as far ahead as the window":   Sign("1795280300", []byte(body), "current"),
		"signature before the time":    good[len("t="+ts+","):] + ",t=" + ts,
		"leading zeros within 12 long": Sign("001795280000", []byte(body), "current"),
	} {
		p, err := SignatureScheme{Keys: oneKey{key: testKey()}}.Authenticate(t.Context(), request("k1", signature, body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.String() != "key:k1" || p.Name != "shop" || !p.BodyOnly || !p.May(ScopeRun, 69) || p.May(ScopeRun, 70) {
			t.Errorf("%s: principal %+v", name, p)
		}
	}
}

func TestSignatureSchemeRefuses(t *testing.T) {
	t.Parallel()
	const ts, body = "1795280000", `{"a":1}`
	good := Sign(ts, []byte(body), "current")
	off := testKey()
	off.APIAccess = false
	rotated := testKey()
	rotated.PreviousUntil = now
	for _, tc := range []struct {
		name, key, signature, body string
		stored                     *store.Key
		message                    string
	}{
		{"unknown key", "k2", good, body, testKey(), errSignature.Message},
		{"no key", "", good, body, testKey(), errSignature.Message},
		{"wrong secret", "k1", Sign(ts, []byte(body), "x"), body, testKey(), errSignature.Message},
		{"signed with the stand-in", "k2", Sign(ts, []byte(body), dummy), body, testKey(), errSignature.Message},
		{"previous secret after the overlap", "k1", Sign(ts, []byte(body), "previous"), body, rotated, errSignature.Message},
		{"another body", "k1", good, body + " ", testKey(), errSignature.Message},
		{"another time", "k1", strings.Replace(good, ts, "1795280001", 1), body, testKey(), errSignature.Message},
		{"time and body shifted", "k1", strings.Replace(Sign(ts, []byte("1.{}"), "current"), ts, ts+".1", 1), "{}", testKey(), "1 to 12 digits"},
		{"no signature", "k1", "", body, testKey(), "must read"},
		{"no time", "k1", good[len("t="+ts+","):], body, testKey(), "must read"},
		{"two times", "k1", "t=1," + good, body, testKey(), "must read"},
		{"no v1", "k1", "t=" + ts, body, testKey(), "must read"},
		{"short digest", "k1", good[:len(good)-2], body, testKey(), "must read"},
		{"long digest", "k1", good + "00", body, testKey(), "must read"},
		{"not hexadecimal", "k1", good[:len(good)-1] + "g", body, testKey(), "must read"},
		{"too many digests", "k1", good + strings.Repeat(",v1="+strings.Repeat("00", 32), 4), body, testKey(), "must read"},
		{"too old", "k1", Sign("1795279699", []byte(body), "current"), body, testKey(), "301 s in the past"},
		{"too new", "k1", Sign("1795280301", []byte(body), "current"), body, testKey(), "301 s in the future"},
		{"access switched off", "k1", good, body, off, ErrAccessOff.Message},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := SignatureScheme{Keys: oneKey{key: tc.stored}}.Authenticate(t.Context(), request(tc.key, tc.signature, tc.body))
			var refused *Error
			if p != nil || !errors.As(err, &refused) || !strings.Contains(refused.Message, tc.message) {
				t.Errorf("Authenticate = %v, %v, want %q", p, err, tc.message)
			}
		})
	}
}

func TestSignatureSchemeLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	p, err := SignatureScheme{Keys: oneKey{key: testKey()}}.Authenticate(t.Context(), request("", "", ""))
	if p != nil || err != nil {
		t.Errorf("Authenticate = %v, %v, want neither", p, err)
	}
}

func TestSignatureSchemePassesOnFailures(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	_, err := SignatureScheme{Keys: oneKey{err: down}}.Authenticate(t.Context(), request("k1", Sign("1", nil, "s"), ""))
	if !errors.Is(err, down) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("Authenticate = %v, want the store's error", err)
	}
}

func FuzzParseSignature(f *testing.F) {
	f.Add(Sign("1795280000", []byte("{}"), "s"))
	f.Add("t=,v1=")
	f.Add(SignV2("POST", "/", "k", "1795280000", "abc", nil, "s"))
	f.Add("t=1,v1=zz,t=2")
	f.Fuzz(func(t *testing.T, header string) {
		p, ok := parseSignature(header)
		if ok && (p.ts == "" || len(p.given) == 0 || len(p.given) > maxSignatures || p.version != 1 && (p.version != 2 || p.nonce == "")) {
			t.Fatalf("parseSignature(%q) = %+v", header, p)
		}
	})
}
