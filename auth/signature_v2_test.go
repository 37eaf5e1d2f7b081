package auth

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/store"
)

// vector is the example in docs/authentication.md.
const (
	vectorBase = `"@method": POST
"@request-target": /v1/flows/69/runs?debug=1
"content-digest": sha-256=:A3ySFO73TMOIfzpPCFtOF9digNr9JzsO4WDAnEuhz9Q=:
"@signature-params": ("@method" "@request-target" "content-digest");created=1795280000;nonce="2f6b1c9e";keyid="sdfjh435hh345454"`
	vectorHeader = "t=1795280000,n=2f6b1c9e,v2=2b96a66ac14ee8da85c277b6c8dfad7259a6be668374a7e5a00af26359dd30b4"
)

func TestSignatureV2IsAsDocumented(t *testing.T) {
	t.Parallel()
	const method, target, key, ts, nonce, body, secret = "POST", "/v1/flows/69/runs?debug=1", "sdfjh435hh345454", "1795280000", "2f6b1c9e", `{"id":1}`, "dfhfdjsghs"
	if got := string(Base(method, target, key, ts, nonce, []byte(body))); got != vectorBase {
		t.Errorf("base\n%s\nwant\n%s", got, vectorBase)
	}
	header := SignV2(method, target, key, ts, nonce, []byte(body), secret)
	if other := client.Signature(method, target, key, ts, nonce, []byte(body), secret); header != vectorHeader || other != header {
		t.Errorf("header %s, the client's %s, want %s", header, other, vectorHeader)
	}
	page, err := os.ReadFile("../docs/authentication.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{vectorBase, vectorHeader, body, secret} {
		if !strings.Contains(string(page), part) {
			t.Errorf("docs/authentication.md does not hold %s", part)
		}
	}
}

// claims is a Replays in memory.
type claims map[string]string

func (c claims) Claim(_ context.Context, scope, id, use string, _ time.Duration) (string, bool, error) {
	if was, ok := c[scope+id]; ok {
		return was, false, nil
	}
	c[scope+id] = use
	return use, true, nil
}

func signed(method, target, signature, body string) *Request {
	r := request("k1", signature, body)
	r.Method, r.Target = method, target
	return r
}

// A request signed in version 2 is rejected after any change.
func TestSignatureV2Covers(t *testing.T) {
	t.Parallel()
	const ts, target, body = "1795280000", "/v1/flows/69/runs?debug=1", `{"a":1}`
	good := SignV2("POST", target, "k1", ts, "n1", []byte(body), "current")
	for name, r := range map[string]*Request{
		"method":            signed("PUT", target, good, body),
		"path":              signed("POST", "/v1/flows/70/runs?debug=1", good, body),
		"query":             signed("POST", "/v1/flows/69/runs?debug=2", good, body),
		"no query":          signed("POST", "/v1/flows/69/runs", good, body),
		"body":              signed("POST", target, good, body+" "),
		"no body":           signed("POST", target, good, ""),
		"time":              signed("POST", target, strings.Replace(good, ts, "1795280001", 1), body),
		"nonce":             signed("POST", target, strings.Replace(good, "n=n1", "n=n2", 1), body),
		"no nonce":          signed("POST", target, strings.Replace(good, "n=n1,", "", 1), body),
		"a nonce that ends": signed("POST", target, strings.Replace(good, "n=n1", `n=n1";keyid="k2`, 1), body),
		"two nonces":        signed("POST", target, good+",n=n1", body),
		"as v1":             signed("POST", target, strings.Replace(good, "v2=", "v1=", 1), body),
		"beside a v1":       signed("POST", target, good+strings.TrimPrefix(Sign(ts, []byte(body), "current"), "t="+ts), body),
	} {
		if _, err := (SignatureScheme{Keys: oneKey{key: testKey()}, Replays: claims{}}).Authenticate(t.Context(), r); asError(err) == nil || asError(err).Code != CodeUnauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, secret := range []string{"current", "previous"} {
		p, err := SignatureScheme{Keys: oneKey{key: testKey()}, Replays: claims{}}.Authenticate(t.Context(), signed("POST", target, SignV2("POST", target, "k1", ts, "n1", []byte(body), secret), body))
		if err != nil || p.BodyOnly || p.Repeat != nil {
			t.Errorf("%s: %+v, %v", secret, p, err)
		}
	}
}

// A signature is accepted once, however its header is written. A key with on_replay attach accepts the same request
// again, and no other.
func TestSignatureCountsOnce(t *testing.T) {
	t.Parallel()
	const ts, run, other, read, body = "1795280000", "/v1/flows/69/runs", "/v1/flows/70/runs", "/v1/runs", ""
	v1 := Sign(ts, nil, "current")
	both := v1 + strings.TrimPrefix(Sign(ts, nil, "previous"), "t="+ts)
	v2 := SignV2("POST", run, "k1", ts, "n1", nil, "current")
	v2read := SignV2("GET", read, "k1", ts, "n1", nil, "current")
	idempotent := signed("POST", run, v1, body)
	idempotent.Header.Set("Idempotency-Key", "one")
	for name, tc := range map[string]struct {
		attach   bool
		requests []*Request
		replayed []bool
	}{
		"v1 three times":                  {false, []*Request{signed("POST", run, v1, ""), signed("POST", run, v1, ""), signed("POST", run, v1, "")}, []bool{false, true, true}},
		"v1 in upper case":                {false, []*Request{signed("POST", run, v1, ""), signed("POST", run, "t="+ts+",v1="+strings.ToUpper(v1[len("t="+ts+",v1="):]), "")}, []bool{false, true}},
		"v1 with more members":            {false, []*Request{signed("POST", run, v1, ""), signed("POST", run, v1+",x=y,v1="+strings.Repeat("00", 32), "")}, []bool{false, true}},
		"v1 by either secret":             {false, []*Request{signed("POST", run, both, ""), signed("POST", run, Sign(ts, nil, "previous"), "")}, []bool{false, true}},
		"v1 for another flow":             {false, []*Request{signed("POST", run, v1, ""), signed("POST", other, v1, "")}, []bool{false, true}},
		"v1 of a read starts a run":       {false, []*Request{signed("GET", read, v1, ""), signed("POST", run, v1, "")}, []bool{false, true}},
		"v1 of two reads":                 {false, []*Request{signed("GET", read, v1, ""), signed("GET", read+"/1", v1, "")}, []bool{false, false}},
		"v2 twice":                        {false, []*Request{signed("POST", run, v2, ""), signed("POST", run, v2, "")}, []bool{false, true}},
		"v2 of a read twice":              {false, []*Request{signed("GET", read, v2read, ""), signed("GET", read, v2read, "")}, []bool{false, true}},
		"v2 with another nonce":           {false, []*Request{signed("POST", run, v2, ""), signed("POST", run, SignV2("POST", run, "k1", ts, "n2", nil, "current"), "")}, []bool{false, false}},
		"attach: the same":                {true, []*Request{signed("POST", run, v1, ""), signed("POST", run, v1, "")}, []bool{false, false}},
		"attach: another flow":            {true, []*Request{signed("POST", run, v1, ""), signed("POST", other, v1, "")}, []bool{false, true}},
		"attach: a read, then a run":      {true, []*Request{signed("GET", read, v1, ""), signed("POST", run, v1, "")}, []bool{false, true}},
		"attach: another idempotency key": {true, []*Request{signed("POST", run, v1, ""), idempotent}, []bool{false, true}},
		"attach: v2":                      {true, []*Request{signed("POST", run, v2, ""), signed("POST", run, v2, "")}, []bool{false, false}},
	} {
		key := testKey()
		if tc.attach {
			key.OnReplay = store.OnReplayAttach
		}
		s := SignatureScheme{Keys: oneKey{key: key}, Replays: claims{}}
		for i, r := range tc.requests {
			p, err := s.Authenticate(t.Context(), r)
			refused := asError(err) != nil && asError(err).Code == CodeReplayed
			if refused != tc.replayed[i] || !refused && (err != nil || (p.Repeat != nil) != tc.attach) {
				t.Errorf("%s: request %d: %+v, %v", name, i+1, p, err)
			}
		}
	}
}

func TestSignatureV1CanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	key := testKey()
	key.RefuseV1 = true
	s := SignatureScheme{Keys: oneKey{key: key}}
	if _, err := s.Authenticate(t.Context(), signed("POST", "/", Sign("1795280000", nil, "current"), "")); err == nil || !strings.Contains(err.Error(), "switched off") {
		t.Errorf("v1: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), signed("POST", "/", Sign("1795280000", nil, "wrong"), "")); err == nil || err.Error() != errSignature.Message {
		t.Errorf("a wrong v1 tells of the key: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), signed("POST", "/", SignV2("POST", "/", "k1", "1795280000", "n", nil, "current"), "")); err != nil {
		t.Errorf("v2: %v", err)
	}
}
