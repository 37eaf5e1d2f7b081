package console

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/store"
)

// newConsentConsole returns a console with the connection erp, which can be authorized.
func newConsentConsole(t *testing.T, redeem Redeem) *testConsole {
	t.Helper()
	d := newTestConsole(t, func(c *Config) { c.Redeem = redeem })
	_, err := d.config.Store.Connections().Put(t.Context(), store.Connection{
		Name: "erp", Type: "oauth2_refresh", Hosts: []string{"erp.example.org"},
		Settings: map[string]string{"token_url": "https://login.example.org/token", "authorize_url": "https://login.example.org/authorize", "client_id": "c", "client_secret": testSecret},
	})
	must(t, err)
	return d
}

var goOn = regexp.MustCompile(`href="(https://login\.example\.org/[^"]+)"`)

// startConsent starts the authorization of erp and returns the parameters for the server.
func (b *browser) startConsent() url.Values {
	b.t.Helper()
	w := b.post("/connections/erp/authorise")
	m := goOn.FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || m == nil {
		b.t.Fatalf("%d %s", w.Code, w.Body)
	}
	u, err := url.Parse(html.UnescapeString(m[1]))
	must(b.t, err)
	return u.Query()
}

func callbackPath(q url.Values) string { return "/authorised?" + q.Encode() }

func TestAuthorise(t *testing.T) {
	t.Parallel()
	var redeemed connect.Consent
	d := newConsentConsole(t, func(_ context.Context, c *store.Connection, k connect.Consent, code string) (string, error) {
		redeemed = k
		if c.Name != "erp" || code != "c0de" {
			t.Errorf("redeems %s for %s", code, c.Name)
		}
		return "refresh-" + testSecret, nil
	})
	root := d.signedIn("root")
	if page := root.page("/connections/erp"); !strings.Contains(page, "http://example.com/console/authorised") || !strings.Contains(page, "not yet") {
		t.Error("the page does not say what to register")
	}
	q := root.startConsent()
	w := root.get(callbackPath(url.Values{"state": {q.Get("state")}, "code": {"c0de"}}))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/console/connections/erp" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if redeemed.Redirect != q.Get("redirect_uri") || redeemed.Verifier == "" || redeemed.Verifier == q.Get("code_challenge") {
		t.Errorf("redeems with %s", redeemed.Redirect)
	}
	c, err := d.config.Store.Connections().Connection(t.Context(), "erp")
	must(t, err)
	if c.Settings["refresh_token"] != "refresh-"+testSecret || c.Settings["client_secret"] != testSecret {
		t.Error("the connection does not keep its secrets")
	}
	if page := root.page("/connections/erp"); !strings.Contains(page, "is authorised") || !strings.Contains(page, "has a refresh token") || strings.Contains(page, testSecret) {
		t.Error("the page does not say that it is authorised, or shows a secret")
	}
	if w := root.get(callbackPath(url.Values{"state": {q.Get("state")}, "code": {"c0de"}})); w.Code != http.StatusBadRequest {
		t.Errorf("the answer counts twice: %d", w.Code)
	}
}

func TestAuthoriseRefuses(t *testing.T) {
	t.Parallel()
	failing := false
	d := newConsentConsole(t, func(context.Context, *store.Connection, connect.Consent, string) (string, error) {
		if !failing {
			t.Error("a code was redeemed")
		}
		return "", errors.New("its token endpoint answered 400 invalid_grant")
	})
	root, other := d.signedIn("root"), d.signedIn("root")
	tests := []struct {
		name   string
		from   *browser
		change func()
		with   url.Values
		want   string
	}{
		{"another browser", other, nil, url.Values{"code": {"c"}}, "This authorization was not started here"},
		{"another state", root, nil, url.Values{"code": {"c"}, "state": {"guessed"}}, "This authorization was not started here"},
		{"a refusal", root, nil, url.Values{"error": {"access_denied"}}, "answered: access_denied"},
		{"a refusal in markup", root, nil, url.Values{"error": {"<b>"}}, "answered: no reason"},
		{"a change in between", root, func() {
			c, err := d.config.Store.Connections().Connection(t.Context(), "erp")
			must(t, err)
			_, err = d.config.Store.Connections().Put(t.Context(), *c)
			must(t, err)
		}, url.Values{"code": {"c"}}, "was changed in between"},
		{"a code that is refused", root, func() { failing = true }, url.Values{"code": {"c"}}, "invalid_grant"},
	}
	for _, tc := range tests {
		q := root.startConsent()
		if tc.change != nil {
			tc.change()
		}
		if tc.with.Get("state") == "" {
			tc.with.Set("state", q.Get("state"))
		}
		if w := tc.from.get(callbackPath(tc.with)); w.Code < 400 || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: %d, want %q", tc.name, w.Code, tc.want)
		}
	}
	if w := root.post("/connections/crm/authorise"); w.Code != http.StatusNotFound {
		t.Errorf("a basic connection: %d", w.Code)
	}
}
