package session

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A write needs the masked token of its own session, in the header or in the form.
func TestCSRFTokens(t *testing.T) {
	t.Parallel()
	const token = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	masked := MaskToken(token)
	raw, err := base64.RawURLEncoding.DecodeString(masked)
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(raw)
	changed[0] ^= 1
	encode := base64.RawURLEncoding.EncodeToString
	for name, c := range map[string]struct {
		header, form, session string
		valid                 bool
	}{
		"in the header":             {header: masked, session: token, valid: true},
		"in the form":               {form: masked, session: token, valid: true},
		"the header wins":           {header: MaskToken("another"), form: masked, session: token},
		"missing":                   {session: token},
		"not masked":                {header: token, session: token},
		"not base64":                {header: masked + "!", session: token},
		"of odd length":             {header: encode(raw[1:]), session: token},
		"shortened":                 {header: encode(raw[2:]), session: token},
		"one bit changed":           {header: encode(changed), session: token},
		"of another session":        {header: masked, session: "ZYXWVUTSRQPONMLKJIHGFEDCBA"},
		"a session without a token": {header: MaskToken(""), session: ""},
		"nothing and no token":      {session: ""},
	} {
		form := url.Values{}
		if c.form != "" {
			form.Set("csrf", c.form)
		}
		r := httptest.NewRequest(http.MethodPost, "/console/flows", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.header != "" {
			r.Header.Set(HeaderCSRF, c.header)
		}
		if got := ValidCSRF(r, c.session); got != c.valid {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// The token is not accepted from the URL, which logs and Referer headers contain.
func TestCSRFTokenInTheURL(t *testing.T) {
	t.Parallel()
	const token = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	r := httptest.NewRequest(http.MethodPost, "/console/flows?csrf="+MaskToken(token), nil)
	if ValidCSRF(r, token) {
		t.Error("a token in the URL is accepted")
	}
}
