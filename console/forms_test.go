package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/store"
)

// postAs sends a form in a session, with its token.
func (b *browser) postAs(token, path string, pairs ...string) (status int, page string) {
	b.t.Helper()
	form := url.Values{"csrf": {session.MaskToken(token)}}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	w := b.do(b.requestOf("POST "+path, form))
	return w.Code, w.Body.String()
}

// A form with a mistake is answered with what is wrong, and nothing of it is saved.
func TestFormsWithMistakes(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, token := d.withSession("root")
	_, err := d.config.Store.SigningKeys().Current(t.Context()) // is made when it is first asked for
	must(t, err)
	before := d.state()
	for _, tc := range []struct {
		path   string
		form   []string
		status int
		text   string
	}{
		{"/access/keys", []string{"key", "crm"}, 409, "There is one of that name already"},
		{"/access/keys", []string{"key", "a b"}, 422, "key is 1 to 64 letters"},
		{"/access/keys", []string{"key", "n", "flows", "1,x"}, 422, "flows are numbers"},
		{"/access/keys", []string{"key", "n", "flows", "0"}, 422, "flows are numbers"},
		{"/access/keys", []string{"key", "n", "flows", "-1"}, 422, "flows are numbers"},
		{"/access/keys", []string{"key", "n", "ts_window", "soon"}, 422, "ts_window is a number"},
		{"/access/keys", []string{"key", "n", "ts_window", "-5"}, 422, "ts_window"},
		{"/access/keys", []string{"key", "n", "ts_window", "86401"}, 422, "ts_window"},
		{"/access/keys", []string{"key", "n", "rate", "many"}, 422, "rate is refused"},
		{"/access/keys", []string{"key", "n", "on_replay", "ignore"}, 422, "on_replay"},
		{"/access/keys", []string{"key", "n", "public_key", "-----BEGIN PRIVATE KEY-----"}, 422, "public_key is refused"},
		{"/access/keys", []string{"key", "n", "own_scope", "users:admin"}, 422, "users:admin"},
		{"/access/keys", []string{"key", "n", "own_scope", "people:read"}, 422, "which no deployed flow asks for"},
		{"/access/keys/crm", []string{"own_scope", "flows:write"}, 422, "flows:write"},
		{"/access/keys/nobody", nil, 404, "Nothing is here"},
		{"/access/keys/crm/rotate", []string{"overlap_hours", "-1"}, 400, "from 0 to 720 hours"},
		{"/access/keys/crm/rotate", []string{"overlap_hours", "721"}, 400, "from 0 to 720 hours"},
		{"/access/keys/crm/rotate", []string{"overlap_hours", "9223372036854775807"}, 400, "from 0 to 720 hours"},
		{"/access/keys/crm/rotate", nil, 400, "from 0 to 720 hours"},
		{"/access/keys/nobody/rotate", []string{"overlap_hours", "0"}, 404, "Nothing is here"},
		{"/access/keys/nobody/delete", nil, 404, "Nothing is here"},

		{"/access/clients", []string{"name", ""}, 422, "name must have"},
		{"/access/clients", []string{"name", "a\nb"}, 422, "name must have"},
		{"/access/clients", []string{"name", "n", "secret", "short"}, 422, "secret must have 16"},
		{"/access/clients", []string{"name", "n", "secret", "sechzehn Zeichen ä"}, 422, "printable ASCII"},
		{"/access/clients", []string{"name", "n", "secret", strings.Repeat("x", 1025)}, 422, "secret must have 16"},
		{"/access/clients", []string{"name", "n", "scope", "everything"}, 422, "everything"},
		{"/access/clients", []string{"name", "n", "more_scopes", "flows:run:0"}, 422, "flows:run:0"},
		{"/access/clients", []string{"name", "n", "token_ttl_minutes", "0"}, 422, "token_ttl_minutes"},
		{"/access/clients", []string{"name", "n", "token_ttl_minutes", "1441"}, 422, "token_ttl_minutes"},
		{"/access/clients", []string{"name", "n", "assertion_expires_on", "2028-02-30"}, 422, "assertion_expires_on"},
		{"/access/clients", []string{"name", "n", "time_zone", "Mars/Olympus"}, 422, "time_zone"},
		{"/access/clients", []string{"name", "n", "time_zone", "../../etc/passwd"}, 422, "time_zone"},
		{"/access/clients", []string{"name", "n", "reminder_emails", "ann@example.org, nobody"}, 422, "nobody"},
		{"/access/clients/client-a/secret", []string{"secret", "short"}, 422, "secret must have 16"},
		{"/access/clients/client-a/assertion", nil, 409, "The client has expired"},
		{"/access/clients/nobody/token", nil, 404, "Nothing is here"},

		{"/access/users", []string{"name", "vera", "password", "long-enough"}, 409, "There is one of that name already"},
		{"/access/users", []string{"name", "new"}, 422, "password is required"},
		{"/access/users", []string{"name", "new", "password", "short"}, 422, "6 to 1024 bytes"},
		{"/access/users", []string{"name", "new", "password", strings.Repeat("x", 1025)}, 422, "6 to 1024 bytes"},
		{"/access/users", []string{"name", "-new", "password", "long-enough"}, 422, "name must be"},
		{"/access/users", []string{"name", "new", "password", "long-enough", "role", "root"}, 422, "root"},
		{"/access/users", []string{"name", "new", "password", "four words are enough", "role", "viewer", "role", "viewer"}, 422, "comes twice"},
		{"/access/users", []string{"name", "new", "password", "long-enough", "own_scope", "users:admin"}, 422, "users:admin"},
		{"/access/users/vera", []string{"password", "short"}, 422, "6 to 1024 bytes"},
		{"/access/users/root/delete", nil, 409, "That is you"},
		{"/access/users/nobody/delete", nil, 404, "Nothing is here"},

		{"/connections", []string{"type", "telepathy", "name", "n"}, 404, "Nothing is here"},
		{"/connections", []string{"type", "basic", "name", "crm", "new", "true"}, 409, "There is one of that name already"},
		{"/connections", []string{"type", "basic", "name", "n", "setting.username", "u"}, 422, "hosts"},
		{"/connections", []string{"type", "basic", "name", "n", "hosts", "*", "setting.username", "u"}, 422, "hosts"},
		{"/connections", []string{"type", "basic", "name", "n", "hosts", "crm.example.org"}, 422, "username"},
		{"/connections", []string{"type", "basic", "name", "n", "hosts", "crm.example.org", "setting.username", "u", "flows", "x"}, 422, "flows"},
		{"/connections/nobody/delete", nil, 404, "Nothing is here"},
		{"/connections/crm/authorise", nil, 404, "Nothing is here"},
		{"/secrets", []string{"name", "n"}, 422, "value is required"},
		{"/secrets", []string{"name", "a b", "value", "v"}, 422, "name must be"},
		{"/secrets", []string{"name", "n", "value", "a\xff"}, 422, "value must be UTF-8"},
		{"/secrets", []string{"name", "n", "value", strings.Repeat("x", store.MaxSecret+1)}, 422, "value must have"},
		{"/connections", []string{"type", "bearer", "name", "a b", "hosts", "crm.example.org", "setting.token", "t"}, 422, "name must be"},
		{"/connections", []string{"type", "bearer", "name", "", "hosts", "crm.example.org", "setting.token", "t"}, 422, "name must be"},
		{"/secrets", []string{"name", "n", "value", "v", "flows", "0"}, 422, "flows"},
		{"/secrets/nobody/delete", nil, 404, "Nothing is here"},
		{"/vars", []string{"name", "a b", "value", "v"}, 422, "name must be"},
		{"/vars", []string{"name", "n", "value", strings.Repeat("x", store.MaxVar)}, 422, "value must have"},
		{"/vars/nobody/delete", nil, 404, "Nothing is here"},

		{"/flows", []string{"source", "flow: one"}, 422, ""},
		{"/flows", []string{"source", helloFlow}, 409, "Flow 1 is another flow"},
		{"/flows", []string{"source", strings.Replace(helloFlow, "flow: 1", "flow: 2", 1), "flow", "0"}, 409, ""}, // the slug is that of flow 1
		{"/flows/9/delete", nil, 404, "Nothing is here"},
		{"/flows/1/rollback", []string{"version", "0000"}, 404, "Nothing is here"},
		{"/flows/1/try", []string{"event", "{"}, 400, "The event is not JSON"},
		{"/flows/1/try", []string{"event", `{"a":1,"a":2}`}, 400, "The event is not JSON"},
		{"/flows/1/try", []string{"event", strings.Repeat("[", 65) + strings.Repeat("]", 65)}, 400, "The event is not JSON"},
		{"/runs/nobody/cancel", nil, 404, "Nothing is here"},
		{"/runs/nobody/replay", nil, 404, "Nothing is here"},
	} {
		status, page := b.postAs(token, tc.path, tc.form...)
		if status != tc.status || !strings.Contains(page, tc.text) {
			t.Errorf("%s %.80q: %d, want %d with %q", tc.path, tc.form, status, tc.status, tc.text)
		}
		if now := d.state(); !maps.Equal(before, now) {
			t.Errorf("%s %.80q has changed the store", tc.path, tc.form)
			before = now
		}
	}
}

// A secret that is not typed again stays, but only in a connection of the same type: another one might send it elsewhere.
func TestSecretsOfConnectionsStayWithTheirType(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, token := d.withSession("root")
	stored := func() *store.Connection {
		c, err := d.config.Store.Connections().Connection(t.Context(), "crm")
		must(t, err)
		return c
	}
	basic := []string{"type", "basic", "name", "crm", "hosts", "crm.example.org", "setting.username", "u2"}
	if status, page := b.postAs(token, "/connections", basic...); status != http.StatusSeeOther || strings.Contains(page, testSecret) {
		t.Fatalf("without the secret: %d", status)
	}
	if c := stored(); c.Settings["username"] != "u2" || c.Settings["password"] != testSecret {
		t.Errorf("stored %v", c.Settings)
	}
	if status, _ := b.postAs(token, "/connections", append(basic, "setting.password", "another")...); status != http.StatusSeeOther || stored().Settings["password"] != "another" {
		t.Errorf("with another secret: %d", status)
	}
	elsewhere := []string{"type", "postgres", "name", "crm", "setting.host", "db.example.org", "setting.database", "d", "setting.username", "u"}
	status, _ := b.postAs(token, "/connections", elsewhere...)
	if c := stored(); status != http.StatusSeeOther || c.Type != "postgres" || c.Settings["password"] != "" {
		t.Errorf("%d: the password of a %s goes to another server, whose type has a setting of the same name", status, c.Type)
	}
	must(t, d.config.Store.Connections().Delete(t.Context(), "crm"))
	if status, _ := b.postAs(token, "/connections", append(basic, "setting.password", "another")...); status != http.StatusSeeOther {
		t.Fatalf("again: %d", status)
	}
	if status, _ := b.postAs(token, "/connections", "type", "bearer", "name", "crm", "hosts", "crm.example.org"); status != http.StatusUnprocessableEntity || stored().Type != "basic" {
		t.Errorf("another type without its secret: %d", status)
	}
	if status, _ := b.postAs(token, "/connections", "type", "bearer", "name", "crm", "hosts", "crm.example.org", "setting.token", "t"); status != http.StatusSeeOther {
		t.Errorf("another type: %d", status)
	}
	if c := stored(); len(c.Settings) != 1 || c.Settings["token"] != "t" {
		t.Errorf("the settings of the type before are kept: %v", slices.Sorted(maps.Keys(c.Settings)))
	}
}

func TestReadFlows(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int64{
		"": nil, "all": nil, "none": {}, "1": {1}, " 3, 1\n2 1,": {1, 2, 3},
	} {
		got, err := readFlows(text)
		if err != nil || !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%q: %#v, %v, want %#v", text, got, err, want)
		}
	}
	for _, text := range []string{"x", "0", "-1", "1.5", "1;2", "9223372036854775808", "ALL", "1-3"} {
		if got, err := readFlows(text); err == nil {
			t.Errorf("%q: %v: nil would be all flows", text, got)
		}
	}
}

// A notice is shown once, as text, and one of somebody else's making is only that.
func TestNotices(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, token := d.withSession("root")
	if status, _ := b.postAs(token, "/access/users", "name", "new", "password", "long-enough"); status != http.StatusSeeOther {
		t.Fatalf("create: %d", status)
	}
	if page := b.page("/access/users"); !strings.Contains(page, "The user new was created.") {
		t.Error("the notice is not shown")
	}
	if page := b.page("/access/users"); strings.Contains(page, "was created") {
		t.Error("the notice is shown again")
	}
	for _, forged := range []string{"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg", "%%%", "", strings.Repeat("QUFB", 1000)} {
		b.cookies[cookieNotice] = forged
		if page := b.page("/access/users"); strings.Contains(page, "<script>alert") {
			t.Errorf("the notice %q is markup", forged)
		}
	}
	for theme, class := range map[string]string{"dark": `data-theme="dark"`, "light": `data-theme="light"`, "><script>": `data-theme=""`, "": `data-theme=""`} {
		b.cookies["penstock_theme"] = theme
		if page := b.page("/access/users"); !strings.Contains(page, class) || strings.Contains(page, `"><script>`) {
			t.Errorf("the theme %q is not %s", theme, class)
		}
	}
}
