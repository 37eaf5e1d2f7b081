package api_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/auth"
)

// explained explains a request, and checks that the explanation contains no secret.
func (o *authAPI) explained(p auth.ExplainRequest) auth.Explanation {
	o.T.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		o.T.Fatal(err)
	}
	w := o.API("POST", "/v1/auth/explain", basic("root", rootsPassword), string(text))
	if w.Code != 200 {
		o.T.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, never := range []string{apitest.KeySecret, jwtSecret} {
		if strings.Contains(w.Body.String(), never) {
			o.T.Errorf("the answer holds a secret: %s", w.Body)
		}
	}
	var e auth.Explanation
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		o.T.Fatal(err)
	}
	return e
}

func hexMD5(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestExplainCheck(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	const ts, sent = "1795280000", "\r\n {\"a\": 1,\n \"u\":\"x/y\" } "
	const clean = `{"a": 1, "u":"x/y" }`
	const head = "69|" + apitest.KeyID + "|" + ts + "|"
	good := head + clean + "|" + apitest.KeySecret
	for _, tc := range []struct{ name, check, finding string }{
		{"right", hexMD5(good), ""},
		{"another secret", hexMD5(good + "x"), "another text or of another secret"},
		{"body as sent", hexMD5(head + sent + "|" + apitest.KeySecret), "as it was sent: there is a CR at byte 0"},
		{"body trimmed only", hexMD5(head + strings.Trim(sent, " \r\n") + "|" + apitest.KeySecret), "line breaks within"},
		{"body not trimmed", hexMD5(head + strings.NewReplacer("\r", "", "\n", "").Replace(sent) + "|" + apitest.KeySecret), "white space around the body"},
		{"no body", hexMD5(head + apitest.KeySecret), "body was not signed"},
		{"body first", hexMD5(clean + "|" + head + apitest.KeySecret), "before the parameters"},
		{"compact JSON", hexMD5(head + `{"a":1,"u":"x/y"}|` + apitest.KeySecret), "written anew"},
		{"escaped slashes", hexMD5(head + `{"a": 1, "u":"x\/y" }|` + apitest.KeySecret), "escaped slashes"},
		{"echo", hexMD5(good + "\n"), "`echo` adds one"},
		{"no separator", hexMD5(head + clean + apitest.KeySecret), `no "|" before the secret`},
		{"secret first", hexMD5(apitest.KeySecret + "|" + head + clean), "secret comes first"},
		{"order of the URL", hexMD5(apitest.KeyID + "|69|" + ts + "|" + clean + "|" + apitest.KeySecret), "alphabetical"},
		{"without key", hexMD5("69|" + ts + "|" + clean + "|" + apitest.KeySecret), "parameter key was not signed"},
		{"names too", hexMD5("flow=69|key=" + apitest.KeyID + "|ts=" + ts + "|" + clean + "|" + apitest.KeySecret), "names of the parameters"},
		{"joined", hexMD5("69" + apitest.KeyID + ts + clean + apitest.KeySecret), `joined without "|"`},
		{"SHA-256", func() string { s := sha256.Sum256([]byte(good)); return hex.EncodeToString(s[:]) }(), "SHA"},
		{"base64", func() string {
			s := md5.Sum([]byte(good))
			return strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(base64.StdEncoding.EncodeToString(s[:]))
		}(), "base64"},
		{"cut short", hexMD5(good)[:31], "31 characters"},
	} {
		e := o.explained(auth.ExplainRequest{Method: "POST", URL: "https://x/apis/execute.php?key=" + apitest.KeyID + "&flow=69&ts=" + ts + "&check=" + tc.check, Body: sent})
		if e.Scheme != "check" || e.Key != apitest.KeyID || e.Fits != (tc.finding == "") || e.Signed != head+clean+"|<the secret>" || e.Clock == nil || e.Clock.Off != 0 {
			t.Errorf("%s: %+v", tc.name, e)
		}
		if all := strings.Join(e.Findings, "\n"); tc.finding == "" && all != "" || !strings.Contains(all, tc.finding) {
			t.Errorf("%s: findings %q, want %q", tc.name, all, tc.finding)
		}
	}
}

func TestExplainClockAndKey(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	for name, tc := range map[string]struct{ query, finding string }{
		"late":         {"ts=1795279000", "1000 s in the past"},
		"early":        {"ts=1795281000", "1000 s in the future"},
		"milliseconds": {"ts=1795280000000", "milliseconds"},
		"no time":      {"", "ts is missing"},
		"unknown key":  {"ts=1795280000&key=x", `no API key "x"`},
		"twice":        {"ts=1&ts=2", "comes twice"},
	} {
		query := tc.query
		if !strings.Contains(query, "key=") {
			query += "&key=" + apitest.KeyID
		}
		e := o.explained(auth.ExplainRequest{URL: "/apis/execute?flow=69&check=x&" + strings.TrimPrefix(query, "&")})
		if all := strings.Join(e.Findings, "\n"); !strings.Contains(all, tc.finding) {
			t.Errorf("%s: %q, want %q", name, all, tc.finding)
		}
	}
	o.root("PATCH", "/v1/keys/"+apitest.KeyID, `{"api_access":false}`, 200)
	e := o.explained(auth.ExplainRequest{URL: "/?flow=69&ts=1795280000&key=" + apitest.KeyID + "&check=" + hexMD5("69|"+apitest.KeyID+"|1795280000|"+apitest.KeySecret)})
	if !e.Fits || len(e.Findings) != 1 || !strings.Contains(e.Findings[0], "switched off") {
		t.Errorf("switched off: %+v", e)
	}
	if w := o.API("POST", "/v1/auth/explain", basic("ann", annsPassword), `{}`); w.Code != 403 {
		t.Errorf("no administrator: %d", w.Code)
	}
}

func TestExplainSignature(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	hash := func(text string) string {
		h := hmac.New(sha256.New, []byte(apitest.KeySecret))
		h.Write([]byte(text))
		return hex.EncodeToString(h.Sum(nil))
	}
	const ts, body = "1795280000", "{\"a\":\n1} "
	for name, tc := range map[string]struct{ v1, finding string }{
		"right":         {hash(ts + "." + body), ""},
		"body only":     {hash(body), "only the body"},
		"no dot":        {hash(ts + body), "no dot"},
		"trimmed":       {hash(ts + "." + strings.TrimSpace(body)), "white space around it"},
		"as SmartSYNC":  {hash(ts + `.{"a":1}`), "SmartSYNC"},
		"a newline":     {hash(ts + "." + body + "\n"), "line break at its end"},
		"another":       {hash("x"), "another text or of another secret"},
		"no hex digest": {"zz", "must read"},
	} {
		e := o.explained(auth.ExplainRequest{Headers: map[string]string{"penstock-key": apitest.KeyID, "penstock-signature": "t=" + ts + ",v1=" + tc.v1}, Body: body})
		if all := strings.Join(e.Findings, "\n"); e.Fits != (tc.finding == "") || !strings.Contains(all, tc.finding) || e.Scheme != "signature" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestExplainJWT(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	now := apitest.Epoch.Unix()
	other := append([]byte("another secret"), make([]byte, 32)...)
	for name, tc := range map[string]struct{ text, finding string }{
		"right":          {o.signed(claims{"jti": "j"}), ""},
		"another secret": {signJWT(t, jose.HS256, other, nil, base(nil)), "another secret"},
		"a newline":      {signJWT(t, jose.HS256, append([]byte(jwtSecret+"\n"), make([]byte, 31-len(jwtSecret))...), nil, base(nil)), "white space follows"},
		"audience":       {o.signed(claims{"aud": "x"}), "aud must be exactly one: " + issuer},
		"expired":        {o.signed(claims{"exp": now - 5}), "expired"},
		"clock":          {o.signed(claims{"iat": now + 1000}), "check the clock"},
		"user":           {o.signed(claims{"sub": "bob"}), `"bob" is not in the key's impersonate`},
		"user's role":    {o.signed(claims{"sub": "guest"}), `no user "guest" who may use the API`},
		"issuer":         {o.signed(claims{"iss": "x"}), `no API key "x"`},
		"no JWT":         {"x", "not a JWT"},
		"none":           {unsigned(`{"alg":"none"}`, `{}`), "not a JWT"},
	} {
		e := o.explained(auth.ExplainRequest{Assertion: tc.text})
		if all := strings.Join(e.Findings, "\n"); !strings.Contains(all, tc.finding) || (tc.finding == "") != (all == "") || e.Scheme != "jwt" {
			t.Errorf("%s: %+v, want %q", name, e, tc.finding)
		}
	}
	used := o.signed(claims{"jti": "explained"})
	o.explained(auth.ExplainRequest{Assertion: used})
	o.token(o.integrify(used)) // explaining did not use it up
	if got := fmt.Sprint(o.explained(auth.ExplainRequest{Assertion: o.signed(claims{"iat": now - 40})}).Clock.Off); got != "40" {
		t.Errorf("clock skew %s, want 40", got)
	}
}
