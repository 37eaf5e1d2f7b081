package auth

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

const (
	explainSecret = "c2VjcmV0LW9mLWtleS1h"     // base64 of another text
	explainOld    = "an-older-secret-of-key-e" // not valid any more
	explainHex    = "00112233445566778899aabb" // of key-h: hexadecimal digits
)

// explainer is an authority with the key key-e, whose rotation has ended, and tells what must not be in an explanation.
type explainer struct {
	*testAuthority
	ts    string
	never []string
}

func newExplainer(t *testing.T) *explainer {
	a := &explainer{testAuthority: newTestAuthority(t)}
	a.ts = strconv.FormatInt(a.now.Unix(), 10)
	a.putKey(store.Key{Key: "key-e", Secret: explainSecret, Previous: explainOld, PreviousUntil: a.now.Add(-time.Hour), APIAccess: true})
	a.putKey(store.Key{Key: "key-h", Secret: explainHex, APIAccess: true})
	a.putKey(store.Key{Key: "key-p", Secret: explainSecret, PublicKey: pemOf(t, rsaOf(2048), "PUBLIC KEY"), APIAccess: true})
	return a
}

// want explains a request and checks that it contains finding, and neither a secret nor a right proof; empty: no finding.
func (a *explainer) want(name string, r ExplainRequest, finding string) *Explanation {
	a.t.Helper()
	e, err := a.Explain(a.t.Context(), &r)
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := json.Marshal(e)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, never := range append([]string{explainSecret, explainOld, explainHex}, a.never...) {
		if strings.Contains(strings.ToLower(string(text)), strings.ToLower(never)) {
			a.t.Errorf("%s: the explanation contains %s: %s", name, never, text)
		}
	}
	all := strings.Join(e.Findings, "\n")
	if finding == "" && (all != "" || !e.Fits) || finding != "" && (!strings.Contains(all, finding) || e.Fits) {
		a.t.Errorf("%s: fits %v, findings %q, want %q", name, e.Fits, all, finding)
	}
	return e
}

func hexOf(sum []byte) string { return hex.EncodeToString(sum) }

func md5Of(text string) string { sum := md5.Sum([]byte(text)); return hexOf(sum[:]) }

func TestExplainCheckNamesTheMistake(t *testing.T) {
	t.Parallel()
	a := newExplainer(t)
	const body = `{"a": 1}`
	head := "69|key-e|" + a.ts + "|x y|"
	right := head + body + "|" + explainSecret
	sha := sha1.Sum([]byte(right))
	sha2 := sha256.Sum256([]byte(right))
	a.never = []string{md5Of(right), md5Of(head + body + "|" + explainOld)}
	for _, tc := range []struct{ name, check, finding string }{
		{"SHA-1", hexOf(sha[:]), "hashed with SHA"},
		{"SHA-256", hexOf(sha2[:]), "hashed with SHA"},
		{"CR LF", md5Of(right + "\r\n"), "a CR LF follows the secret"},
		{"a space", md5Of(right + " "), "a space follows the secret"},
		{"a bar", md5Of(right + "|"), `a "|" follows the secret`},
		{"an empty check", md5Of("|" + right), "the parameter check was signed, empty"},
		{"an empty body too", md5Of(head + "|" + explainSecret), "an empty body was signed as well"},
		{"values encoded", md5Of("69|key-e|" + a.ts + "|x%20y|" + body + "|" + explainSecret), "percent-encoded"},
		{"joined by &", md5Of("69&key-e&" + a.ts + "&x y&" + body + "&" + explainSecret), `joined with "&"`},
		{"names joined by &", md5Of("flow=69&key=key-e&ts=" + a.ts + "&u=x y|" + body + "|" + explainSecret), `joined by "&"`},
		{"a parameter forgotten", md5Of("69|key-e|" + a.ts + "|" + body + "|" + explainSecret), "the parameter u was not signed"},
		{"nothing right", md5Of("guess"), "another text or of another secret"},
		{"not hexadecimal", strings.Repeat("z", 32), "not hexadecimal"},
		{"too long", strings.Repeat("0", 64), "64 characters"},
		{"empty", "", "0 characters"},
	} {
		query := url.Values{"flow": {"69"}, "key": {"key-e"}, "ts": {a.ts}, "check": {tc.check}}
		e := a.want(tc.name, ExplainRequest{Method: "POST", URL: "https://x/apis/execute.php?" + query.Encode() + "&u=x%20y", Body: body}, tc.finding)
		if e.Signed != head+body+"|"+maskedSecret {
			t.Errorf("%s: signed %q", tc.name, e.Signed)
		}
	}
	old := ExplainRequest{URL: "/?flow=69&key=key-e&ts=" + a.ts + "&check=" + md5Of("69|key-e|"+a.ts+"|"+explainOld)}
	a.want("the secret before the rotation", old, "the secret before the last rotation")
}

func TestExplainSignaturesNamesTheMistake(t *testing.T) {
	t.Parallel()
	a := newExplainer(t)
	const target, nonce, body = "/v1/flows/69/runs?debug=1", "n1", " {\"a\":\n1} "
	base := func(method, target, body string) string {
		return string(Base(method, target, "key-e", a.ts, nonce, []byte(body)))
	}
	sign := func(text, secret string) string { sum := mac([]byte(text), secret); return hexOf(sum[:]) }
	right := base("POST", target, body)
	a.never = []string{sign(right, explainSecret), sign(right, explainOld), sign(a.ts+"."+body, explainSecret), sign(a.ts+"."+body, explainOld)}
	request := func(member string) ExplainRequest {
		return ExplainRequest{
			Method: "post", URL: "https://penstock.example.org" + target, Body: body,
			Headers: map[string]string{"PENSTOCK-KEY": "key-e", "penstock-signature": "t=" + a.ts + "," + member},
		}
	}
	for _, tc := range []struct{ name, text, finding string }{
		{"right", right, ""},
		{"a line break at the end", right + "\n", "a line break follows the last line"},
		{"CR LF", strings.ReplaceAll(right, "\n", "\r\n"), "lines end in CR and LF"},
		{"lower case", base("post", target, body), "the method was signed in lower case"},
		{"no query", base("POST", "/v1/flows/69/runs", body), "without the query string"},
		{"trimmed", base("POST", target, strings.TrimSpace(body)), "without the white space around it"},
		{"as v1", a.ts + "." + body, "as in v1"},
		{"another path", base("POST", "/v1/flows/70/runs", body), "another text or of another secret"},
	} {
		a.want("v2, "+tc.name, request("n="+nonce+",v2="+sign(tc.text, explainSecret)), tc.finding)
	}
	a.want("v2, the old secret", request("n="+nonce+",v2="+sign(right, explainOld)), "before the last rotation")
	plain := sha256.Sum256([]byte(a.ts + "." + body + explainSecret))
	before := sha256.Sum256([]byte(explainSecret + a.ts + "." + body))
	for name, tc := range map[string]struct{ digest, finding string }{
		"right":                 {sign(a.ts+"."+body, explainSecret), ""},
		"the old secret":        {sign(a.ts+"."+body, explainOld), "before the last rotation"},
		"a line break":          {sign(a.ts+"."+body, explainSecret+"\n"), "a line break follows the secret"},
		"a hash":                {hexOf(plain[:]), "plain SHA-256"},
		"a hash, secret first":  {hexOf(before[:]), "plain SHA-256"},
		"a proof of version 2":  {sign(right, explainSecret), "another text or of another secret"},
		"the secret's own hash": {sign("", explainSecret), "another text or of another secret"},
	} {
		a.want("v1, "+name, request("v1="+tc.digest), tc.finding)
	}
	a.want("no form", request("v2=00"), "must read")
	unknown := request("v1=" + sign(a.ts+"."+body, explainSecret))
	unknown.Headers["PENSTOCK-KEY"] = "key-x"
	a.want("an unknown key", unknown, `there is no API key "key-x"`)
	late := request("v1=" + sign("1."+body, explainSecret))
	late.Headers["penstock-signature"] = "t=1,v1=" + sign("1."+body, explainSecret)
	if e, err := a.Explain(t.Context(), &late); err != nil || !e.Fits || len(e.Findings) != 1 || !strings.Contains(e.Findings[0], "in the past") {
		t.Errorf("a right one of long ago: %+v, %v", e, err)
	}
}

func TestExplainJWTNamesTheMistake(t *testing.T) {
	t.Parallel()
	a := newExplainer(t)
	claims := strings.Replace(a.payload(""), "key-a", "key-e", 1)
	decoded, err := base64.StdEncoding.DecodeString(explainSecret)
	bytes, err2 := hex.DecodeString(explainHex)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	right := hs256(hsHeader, claims, explainSecret)
	for _, tc := range []struct{ name, text, finding string }{
		{"right", right, ""},
		{"the old secret", hs256(hsHeader, claims, explainOld), "before the last rotation"},
		{"decoded from base64", hs256(hsHeader, claims, string(decoded)), "decoded as base64"},
		{"decoded from hexadecimal", hs256(hsHeader, strings.Replace(claims, "key-e", "key-h", 1), string(bytes)), "decoded as hexadecimal"},
		{"a line break", hs256(hsHeader, claims, explainSecret+"\n"), "white space follows the secret"},
		{"a space", hs256(hsHeader, claims, explainSecret+" "), "white space follows the secret"},
		{"the secret beside a public key", hs256(hsHeader, strings.Replace(claims, "key-e", "key-p", 1), explainSecret), "RS256 is expected"},
		{"no issuer", hs256(hsHeader, `{}`, explainSecret), "iss is missing"},
		{"a claim twice", hs256(hsHeader, `{"iss":"key-e","iss":"key-e"}`, explainSecret), "its claims cannot be read"},
		{"another secret", hs256(hsHeader, claims, "guess"), "another secret than the key's"},
		{"two lines", right + "\n" + right, "without line breaks"},
	} {
		if tc.text != right {
			a.never = []string{right[strings.LastIndexByte(right, '.')+1:]}
		}
		a.want(tc.name, ExplainRequest{Assertion: tc.text}, tc.finding)
	}
}
