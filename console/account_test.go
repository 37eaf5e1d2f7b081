package console

import (
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/store"
)

const newSecret = "four words are enough"

// A user changes the own password: all other sessions end, this one goes on.
func TestUsersChangeTheirPassword(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, other := d.signedIn("vera"), d.signedIn("vera")
	before := b.cookies[cookieSession]
	w := b.post("/account/password", "current", testSecret, "password", newSecret, "again", newSecret)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != Root+"/account" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if b.cookies[cookieSession] == before {
		t.Error("the session is the same")
	}
	b.wantSignedIn("this browser", true)
	other.wantSignedIn("another browser", false)
	if w := d.browser().signIn("vera", testSecret); w.Code != http.StatusUnauthorized {
		t.Errorf("the old password: %d", w.Code)
	}
	if w := d.browser().signIn("vera", newSecret); w.Code != http.StatusSeeOther {
		t.Errorf("the new password: %d", w.Code)
	}
	acts := 0
	must(t, d.config.Store.Audit().Scan(t.Context(), audit.Range{}, func(e *audit.Entry) bool {
		if e.Act == "POST /console/account/password" && e.Actor == "user:vera" {
			acts++
		}
		return true
	}))
	if acts != 1 {
		t.Errorf("%d entries of the audit log", acts)
	}
}

// What is wrong with a new password stands at its field, and nothing changes.
func TestPasswordsThatAreRefused(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	before := d.state()
	for name, c := range map[string]struct {
		current, secret, again string
		want                   string
	}{
		"no current one":    {"", newSecret, newSecret, "Your current password is required."},
		"a wrong one":       {"not " + testSecret, newSecret, newSecret, "This is not your password."},
		"too short":         {testSecret, "fourteen chars", "fourteen chars", "at least 15 characters"},
		"a common one":      {testSecret, "passwordpassword", "passwordpassword", "is made of common passwords"},
		"the own name":      {testSecret, "vera-vera-vera-vera", "vera-vera-vera-vera", "again and again"},
		"the product":       {testSecret, "vera@penstock-2026", "vera@penstock-2026", "is made of common passwords"},
		"the current one":   {testSecret, testSecret, testSecret, "is the current one"},
		"two different":     {testSecret, newSecret, newSecret + "x", "The two new passwords differ."},
		"nothing":           {"", "", "", "Your current password is required."},
		"more than allowed": {testSecret, strings.Repeat("four words ", 100), "", "at most 1024 bytes"},
	} {
		w := b.post("/account/password", "current", c.current, "password", c.secret, "again", c.again)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), c.want) || strings.Count(w.Body.String(), `aria-invalid="true"`) != 1 {
			t.Errorf("%s: %d, want %q", name, w.Code, c.want)
		}
		if c.secret != "" && strings.Contains(w.Body.String(), `value="`+c.secret) {
			t.Errorf("%s: the page repeats the password", name)
		}
	}
	for key, value := range d.state() {
		if before[key] != value {
			t.Errorf("%s has changed", key)
		}
	}
}

// Guessing the current password in an open session is slowed down as signing in is.
func TestGuessingTheCurrentPassword(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	for range 20 {
		if w := b.post("/account/password", "current", "wrong", "password", newSecret, "again", newSecret); w.Code == http.StatusTooManyRequests {
			if !strings.Contains(w.Body.String(), "Too many failed attempts.") {
				t.Errorf("the answer: %s", w.Body)
			}
			return
		}
	}
	t.Error("20 wrong passwords were compared")
}

// A user sees the own sessions on both sites, and ends them.
func TestUsersEndTheirSessions(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, other, third, olga := d.signedIn("vera"), d.signedIn("vera"), d.signedIn("vera"), d.signedIn("olga")
	page := b.page("/account")
	if strings.Count(page, `/end"`) != 3 || strings.Count(page, "this one</span>") != 1 { // two, and the button for all others
		t.Fatalf("sessions of the page: %s", page)
	}
	id := func(of *browser) string {
		s, err := d.sessions.Find(t.Context(), of.cookies[cookieSession], "192.0.2.1")
		must(t, err)
		return s.ID()
	}
	for _, foreign := range []string{id(olga), "none"} {
		if w := b.post("/account/sessions/" + foreign + "/end"); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", foreign, w.Code)
		}
	}
	olga.wantSignedIn("somebody else", true)
	b.post("/account/sessions/" + id(b) + "/end")
	b.wantSignedIn("that of the browser", true)
	b.post("/account/sessions/" + id(other) + "/end")
	other.wantSignedIn("the one ended", false)
	third.wantSignedIn("another one", true)
	b.post("/account/sessions/end")
	third.wantSignedIn("after all others were ended", false)
	b.wantSignedIn("that of the browser", true)
}

// The page names the sign-in before this one.
func TestTheLastSignInIsShown(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	if page := d.signedIn("vera").page("/account"); !strings.Contains(page, "none is known") {
		t.Error("before the first sign-in there was another")
	}
	if page := d.signedIn("vera").page("/account"); !strings.Contains(page, "from 192.0.2.1, unknown device") {
		t.Error("the sign-in before is missing")
	}
}

// A password that the settings of the process have says so: the next start sets it again.
func TestThePasswordOfTheSettings(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, func(c *Config) { c.AdminUser = "root" })
	for user, want := range map[string]bool{"root": true, "vera": false} {
		if got := strings.Contains(d.signedIn(user).page("/account"), "PENSTOCK_ADMIN_PASSWORD"); got != want {
			t.Errorf("%s: %t", user, got)
		}
	}
}

// Administrators give people good passwords; a program may have a short one, as callers of the API do.
func TestPasswordsThatAdministratorsGive(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	for role, status := range map[string]int{"viewer": 422, "developer": 422, "api_user": 303} {
		if w := b.post("/access/users", "name", "new-"+role, "password", "mypass1", "role", role); w.Code != status {
			t.Errorf("%s: %d", role, w.Code)
		}
	}
	if w := b.post("/access/users/vera", "password", "mypass1", "role", "viewer"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a short one for vera: %d", w.Code)
	}
}

// Printed times are in the zone that the user has chosen, on each page and without the script; the script has its name.
func TestPreferencesOfUsers(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	if page := b.page("/account"); !strings.Contains(page, " UTC</time>") || strings.Contains(page, "data-time-zone") {
		t.Error("before a choice times are not in UTC")
	}
	if w := b.post("/account/preferences", "theme", "dark", "zone", " Asia/Kathmandu ", "hours", "12"); w.Code != http.StatusSeeOther {
		t.Fatalf("save: %d %s", w.Code, w.Body)
	}
	for name, browser := range map[string]*browser{"this browser": b, "another one": d.signedIn("vera")} {
		page := browser.page("/account")
		for _, part := range []string{`data-theme="dark"`, `data-time-zone="Asia/Kathmandu"`, `data-hours="12"`, "M +0545</time>", `value="Asia/Kathmandu"`} {
			if !strings.Contains(page, part) {
				t.Errorf("%s: %s is missing", name, part)
			}
		}
		if page := browser.page("/runs/" + d.run); !strings.Contains(page, `M +0545" data-ago`) {
			t.Errorf("%s: the times of a run are in another zone", name)
		}
	}
	if page := d.signedIn("olga").page("/account"); strings.Contains(page, "Kathmandu") {
		t.Error("they are those of somebody else, too")
	}
	for name, wrong := range map[string][]string{
		"a theme": {"theme", "pink"}, "a zone": {"zone", "Mars/Olympus"}, "a path": {"zone", "../../etc/passwd"}, "the machine's zone": {"zone", "Local"}, "hours": {"hours", "13"},
	} {
		if w := b.post("/account/preferences", wrong...); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	b.cookies[cookieTheme] = "light" // as the script sets it
	if page := b.page("/account"); !strings.Contains(page, `data-theme="light"`) {
		t.Error("what was chosen in the browser does not count")
	}
	if page := d.signedIn("vera").page("/account"); !strings.Contains(page, `data-theme="dark"`) {
		t.Error("a new browser does not have the preference")
	}
	user, err := d.config.Store.Users().User(t.Context(), "vera")
	must(t, err)
	if want := (store.Preferences{Theme: "dark", Zone: "Asia/Kathmandu", Hours: "12"}); user.Preferences != want {
		t.Errorf("stored %+v", user.Preferences)
	}
	b.wantSignedIn("after all that", true)
}
