package auth

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

const hsHeader = `{"alg":"HS256","typ":"JWT"}`

// payload returns the claims of a JWT of key-a with more members in front of them.
func (a *testAuthority) payload(more string) string {
	return fmt.Sprintf(`{%s"iss":"key-a","aud":"%s","exp":%d}`, more, testIssuer, a.now.Unix()+60)
}

// A JWT is accepted in one spelling only. The members of header and payload are signed with the right secret, so that
// only the parser and the checks can reject them.
func TestJWTForms(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	good := hs256(hsHeader, a.payload(""), testSecretA)
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	open := func(text string) error {
		_, _, err := a.openJWT(t.Context(), text, "192.0.2.1")
		return err
	}
	for _, text := range []string{good, good + "\n", good + "\r\n"} { // as curl sends a file
		if err := open(text); err != nil {
			t.Error(err)
		}
	}
	signed := func(header, payload string) string { return hs256(header, payload, testSecretA) }
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	for name, text := range map[string]string{
		"nothing":                     "",
		"two dots":                    "..",
		"two parts":                   header + "." + payload,
		"four parts":                  good + ".x",
		"five parts, as JWE":          good + ".x.x",
		"no signature":                header + "." + payload + ".",
		"alg none without signature":  none + "." + payload + ".",
		"alg none, signed":            signed(`{"alg":"none"}`, a.payload("")),
		"alg None":                    signed(`{"alg":"None"}`, a.payload("")),
		"alg hs256":                   signed(`{"alg":"hs256"}`, a.payload("")),
		"alg is a list":               signed(`{"alg":["HS256"]}`, a.payload("")),
		"alg is null":                 signed(`{"alg":null}`, a.payload("")),
		"no alg":                      signed(`{}`, a.payload("")),
		"alg twice":                   signed(`{"alg":"none","alg":"HS256"}`, a.payload("")),
		"header is no object":         signed(`"HS256"`, a.payload("")),
		"header is no JSON":           signed(`{"alg":"HS256"`, a.payload("")),
		"unknown critical header":     signed(`{"alg":"HS256","crit":["exp"],"exp":1}`, a.payload("")),
		"unencoded payload, b64":      signed(`{"alg":"HS256","crit":["b64"],"b64":false}`, a.payload("")),
		"critical header is no list":  signed(`{"alg":"HS256","crit":"exp"}`, a.payload("")),
		"claims twice":                signed(hsHeader, a.payload(`"iss":"key-b",`)),
		"aud twice":                   signed(hsHeader, a.payload(`"aud":"https://other.example",`)),
		"claims are no object":        signed(hsHeader, `["key-a"]`),
		"claims are null":             signed(hsHeader, `null`),
		"claims are no JSON":          signed(hsHeader, a.payload("")[1:]),
		"JSON after the claims":       signed(hsHeader, a.payload("")+`{}`),
		"iss is a number":             signed(hsHeader, `{"iss":1}`),
		"exp is a text":               signed(hsHeader, a.payload(`"iat":"1",`)),
		"a letter of the signature":   header + "." + payload + "." + flip(signature),
		"a letter of the payload":     header + "." + flip(payload) + "." + signature,
		"a letter of the header":      flip(header) + "." + payload + "." + signature,
		"the signature, cut":          good[:len(good)-4],
		"padding":                     good + "=",
		"standard base64":             header + "." + payload + "." + strings.NewReplacer("-", "+", "_", "/").Replace(signature) + "+/",
		"white space before":          " " + good,
		"a line break before":         "\n" + good,
		"two lines":                   good + "\n" + good,
		"a line break in the base64":  header + "." + payload[:8] + "\r\n" + payload[8:] + "." + signature,
		"a line break within":         header + "\n." + payload + "." + signature,
		"white space in the base64":   header[:4] + " " + header[4:] + "." + payload + "." + signature,
		"one JSON object, flattened":  `{"payload":"` + payload + `","protected":"` + header + `","signature":"` + signature + `"}`,
		"several signatures, as JSON": `{"payload":"` + payload + `","signatures":[{"protected":"` + header + `","signature":"` + signature + `"}]}`,
		"longer than 8 KiB":           signed(hsHeader, a.payload(`"pad":"`+strings.Repeat("x", maxAssertion)+`",`)),
	} {
		err := open(text)
		wantCode(t, name, err, CodeInvalidGrant)
		if err != nil && strings.Contains(err.Error(), testSecretA) {
			t.Errorf("%s: the error contains the secret", name)
		}
	}
}

// flip changes the first letter of a base64 text.
func flip(text string) string {
	if text[0] == 'A' {
		return "B" + text[1:]
	}
	return "A" + text[1:]
}

// The times of a JWT at their edges. All are in seconds from now; none is a claim that is left out.
func TestJWTTimes(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	const none = -1 << 62
	ahead, skew := int64(maxAhead.Seconds()), int64(maxClockSkew.Seconds())
	for _, tc := range []struct {
		name          string
		exp, iat, nbf int64
		good          bool
	}{
		{"exp in a second", 1, none, none, true},
		{"exp now", 0, none, none, false},
		{"exp a second ago", -1, none, none, false},
		{"exp at the limit", ahead, none, none, true},
		{"exp after the limit", ahead + 1, none, none, false},
		{"neither exp nor iat", none, none, none, false},
		{"only nbf", none, none, 0, false},
		{"iat at the oldest", none, -skew, none, true},
		{"iat too old", none, -skew - 1, none, false},
		{"iat at the newest", none, skew, none, true},
		{"iat too new", none, skew + 1, none, false},
		{"an old iat with exp", 60, -86400, none, true},
		{"a new iat with exp", 600, skew + 1, none, false},
		{"nbf at the newest", 60, none, skew, true},
		{"nbf too new", 600, none, skew + 1, false},
		{"nbf long ago", 60, none, -86400, true},
		{"exp at the end of time", 1 << 61, none, none, false},
	} {
		claims := fmt.Sprintf(`{"iss":"key-a","aud":%q`, testIssuer)
		for name, at := range map[string]int64{"exp": tc.exp, "iat": tc.iat, "nbf": tc.nbf} {
			if at != none {
				claims += fmt.Sprintf(`,%q:%d`, name, a.now.Unix()+at)
			}
		}
		_, _, err := a.openJWT(t.Context(), hs256(hsHeader, claims+"}", testSecretA), "192.0.2.1")
		if (err == nil) != tc.good {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	for _, never := range []string{"1e300", "-1e300", "9223372036854775807", "1e19", "-1", "0", "null", `"9999999999"`, "[]", "true"} {
		text := hs256(hsHeader, fmt.Sprintf(`{"iss":"key-a","aud":%q,"exp":%s}`, testIssuer, never), testSecretA)
		if _, _, err := a.openJWT(t.Context(), text, "192.0.2.1"); asError(err) == nil {
			t.Errorf("exp %s: %v", never, err)
		}
	}
}

func TestJWTAudiences(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	for aud, good := range map[string]bool{
		`"https://penstock.example.org"`:                                  true,
		`"https://penstock.example.org/"`:                                 true,
		`"https://penstock.example.org/oauth2/token"`:                     true,
		`["https://penstock.example.org"]`:                                true,
		`"https://PENSTOCK.example.org"`:                                  false,
		`"http://penstock.example.org"`:                                   false,
		`"https://penstock.example.org//"`:                                false,
		`"https://penstock.example.org:443"`:                              false,
		`"https://penstock.example.org.evil.example"`:                     false,
		`"https://penstock.example.org/token"`:                            false, // syncAccess
		`"https://penstock.example.org/oauth/v2/oauth-token"`:             false, // Ansira
		`"https://penstock.example.org/oauth2/token?x"`:                   false,
		`" https://penstock.example.org"`:                                 false,
		`""`:                                                              false,
		`null`:                                                            false,
		`[]`:                                                              false,
		`["https://penstock.example.org","https://other.example"]`:        false,
		`["https://penstock.example.org","https://penstock.example.org"]`: false,
		`[["https://penstock.example.org"]]`:                              false,
		`{"https://penstock.example.org":1}`:                              false,
	} {
		text := hs256(hsHeader, fmt.Sprintf(`{"iss":"key-a","aud":%s,"exp":%d}`, aud, a.now.Unix()+60), testSecretA)
		if _, _, err := a.openJWT(t.Context(), text, "192.0.2.1"); (err == nil) != good {
			t.Errorf("aud %s: %v", aud, err)
		}
	}
}

// The response says nothing about a key before the signature is right: an unknown key, a disabled one and a wrong
// secret are one error.
func TestJWTErrorsHideTheKey(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	a.putKey(store.Key{Key: "key-off", Secret: testSecretA})
	public := pemOf(t, rsaOf(2048), "PUBLIC KEY")
	a.putKey(store.Key{Key: "key-public", Secret: testSecretA, PublicKey: public, APIAccess: true})
	for name, text := range map[string]string{
		"unknown":                    hs256(hsHeader, `{"iss":"key-x"}`, testSecretA),
		"no issuer":                  hs256(hsHeader, `{}`, testSecretA),
		"a wrong secret":             hs256(hsHeader, `{"iss":"key-a"}`, "guess"),
		"an empty secret":            hs256(hsHeader, `{"iss":"key-a"}`, ""),
		"the dummy":                  hs256(hsHeader, `{"iss":"key-x"}`, dummy),
		"the dummy, for a known key": hs256(hsHeader, `{"iss":"key-a"}`, dummy),
		"a disabled key":             hs256(hsHeader, `{"iss":"key-off"}`, "guess"),
		"an expired one, wrong":      hs256(hsHeader, `{"iss":"key-a","exp":1}`, "guess"),
		"a public key as the secret": hs256(hsHeader, `{"iss":"key-public"}`, public),
		"a secret beside a public":   hs256(hsHeader, `{"iss":"key-public"}`, testSecretA),
	} {
		_, _, err := a.openJWT(t.Context(), text, "192.0.2.1")
		if e := asError(err); e == nil || e.Code != errJWT.Code || e.Message != errJWT.Message {
			t.Errorf("%s: %v, want %v", name, err, errJWT)
		}
	}
	_, _, err := a.openJWT(t.Context(), hs256(hsHeader, `{"iss":"key-off"}`, testSecretA), "192.0.2.1")
	wantCode(t, "a disabled key that signs", err, CodeUnauthorizedUse)
}

// Both secrets of a rotation sign, the old one until its end, and none before or after.
func TestJWTDuringARotation(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	const old = "an older secret of the key, as long"
	end := a.now.Add(30 * time.Minute)
	a.changeKey(func(k *store.Key) { k.Previous, k.PreviousUntil = old, end })
	start := a.now
	for _, tc := range []struct {
		after  time.Duration
		secret string
		good   bool
	}{
		{0, testSecretA, true}, {0, old, true}, {0, "neither", false}, {0, testSecretA + old, false},
		{30*time.Minute - time.Second, old, true},
		{30 * time.Minute, old, false},
		{30 * time.Minute, testSecretA, true},
	} {
		a.now = start.Add(tc.after)
		if _, _, err := a.openJWT(t.Context(), hs256(hsHeader, a.payload(""), tc.secret), "192.0.2.1"); (err == nil) != tc.good {
			t.Errorf("%s after %v: %v", tc.secret, tc.after, err)
		}
	}
}

// A jti is valid once for its key, as long as the JWT could be accepted. One that is rejected for another reason is
// not used up, or a wrong request would block the right one.
func TestJWTIDs(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	a.putKey(store.Key{Key: "key-b", Secret: testSecretA, APIAccess: true})
	open := func(what, payload, secret string, good bool) {
		t.Helper()
		if _, _, err := a.openJWT(t.Context(), hs256(hsHeader, payload, secret), "192.0.2.1"); (err == nil) != good {
			t.Errorf("%s: %v", what, err)
		}
	}
	one := a.payload(`"jti":"one",`)
	open("a wrong signature", one, "guess", false)
	open("another audience", strings.Replace(one, testIssuer, "https://other.example", 1), testSecretA, false)
	open("expired", strings.Replace(one, fmt.Sprint(a.now.Unix()+60), "1", 1), testSecretA, false)
	open("the first use", one, testSecretA, true)
	open("the second use", one, testSecretA, false)
	open("with other claims", a.payload(`"jti":"one","sub":"ann",`), testSecretA, false)
	open("with another key", strings.Replace(one, "key-a", "key-b", 1), testSecretA, true)
	open("another jti", a.payload(`"jti":"two",`), testSecretA, true)
	open("in another case", a.payload(`"jti":"ONE",`), testSecretA, true)
	for range 2 {
		open("without jti", a.payload(""), testSecretA, true)
	}
}
