package console

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

var backLink = regexp.MustCompile(`href="(https://agent\.example\.com/[^"]+)"`)

// A client that has registered itself gets what its user approves, and no answer goes to an address that it did not register.
func TestAUserAuthorizesAClient(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	authority := d.config.Authority
	c := &store.PublicClient{Name: "Agent <b>", Redirects: []string{"https://agent.example.com/back"}}
	must(t, authority.RegisterClient(t.Context(), c))
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {"https://agent.example.com/back"}, "state": {"st"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}, // RFC 7636, appendix B
	}
	path := "/authorize?" + q.Encode()

	_, err := d.config.Store.Users().Change(t.Context(), "vera", func(u *store.User) error { u.Roles = append(u.Roles, store.RoleAPIUser); return nil })
	must(t, err)
	stranger := d.browser().get(path)
	if to := stranger.Header().Get("Location"); stranger.Code != http.StatusSeeOther || !strings.HasPrefix(to, Root+"/signin?to=") || !strings.Contains(to, url.QueryEscape(c.ID)) {
		t.Errorf("without a session: %d, %s", stranger.Code, to)
	}
	if w := d.signedIn("root").get(path); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a user who may not call the API: %d", w.Code)
	}
	vera := d.signedIn("vera")
	page := vera.page(path)
	for _, part := range []string{"Agent &lt;b&gt;", "agent.example.com", `value="flows:run"`, `value="runs:read"`} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	decide := func(values ...string) string {
		t.Helper()
		w := vera.post("/authorize", append(values, "request", q.Encode())...)
		m := backLink.FindStringSubmatch(w.Body.String())
		if m == nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return html.UnescapeString(m[1])
	}
	if back := decide("deny", "yes"); !strings.Contains(back, "error=access_denied") || !strings.Contains(back, "state=st") {
		t.Errorf("denied: %s", back)
	}
	back, err := url.Parse(decide("approve", "yes", "scope", "flows:run", "scope", "users:admin"))
	must(t, err)
	answer, err := authority.Token(t.Context(), &auth.TokenRequest{Endpoint: auth.Integrify, Params: map[string]string{
		"grant_type": "authorization_code", "code": back.Query().Get("code"), "client_id": c.ID, "redirect_uri": "https://agent.example.com/back",
		"code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
	}})
	must(t, err)
	if answer.Token.Principal != "vera" || strings.Join(answer.Token.Scopes, " ") != "flows:run" {
		t.Errorf("token %+v", answer.Token)
	}
	if w := vera.post("/authorize", "approve", "yes", "request", q.Encode()); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("without a permission: %d", w.Code)
	}
	q.Set("redirect_uri", "https://evil.example/back")
	for _, w := range []int{vera.get("/authorize?" + q.Encode()).Code, vera.post("/authorize", "approve", "yes", "scope", "flows:run", "request", q.Encode()).Code} {
		if w != http.StatusBadRequest {
			t.Errorf("another address: %d", w)
		}
	}
}
