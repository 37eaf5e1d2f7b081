package console

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/totp"
	"github.com/penstock/penstock/store"
)

var (
	shownKey      = regexp.MustCompile(`<code>((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})</code>`)
	shownRecovery = regexp.MustCompile(`<li><code>([A-Z2-7-]{19})</code></li>`)
)

// withFactors gives the console an authority with the clock of the test, which stands still.
func withFactors(t *testing.T, required bool) func(*Config) {
	t.Helper()
	return func(c *Config) {
		attempts, err := limits.NewAttempts(limits.AttemptsConfig{Redis: c.Redis, Key: []byte("a test's")})
		must(t, err)
		c.AdminUser = "root"
		c.Authority, err = auth.NewAuthority(auth.AuthorityConfig{
			Store: c.Store, Hasher: c.Hasher, Guard: auth.NewBruteForceGuard(attempts), Issuer: "http://localhost", Personal: personal.New(c.Redis), RequireTOTP: required, Now: c.Now,
		})
		must(t, err)
	}
}

// codeAt returns the code of a secret some steps from now; codes are accepted once, and the tests take three at one time.
func (d *testConsole) codeAt(secret string, steps int) string {
	d.t.Helper()
	code, err := totp.Code(strings.ReplaceAll(secret, " ", ""), d.clock.now().Add(time.Duration(steps)*totp.Step))
	must(d.t, err)
	return code
}

// turnOn sets up the second factor of a signed-in user with the code of the step before, and returns its secret and the recovery codes.
func (b *browser) turnOn() (secret string, recovery []string) {
	b.t.Helper()
	w := b.post("/account/totp", "factor_password", testSecret)
	found := shownKey.FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || found == nil || !strings.Contains(w.Body.String(), `<svg class="qr"`) {
		b.t.Fatalf("set up: %d %s", w.Code, w.Body)
	}
	w = b.post("/account/totp/confirm", "code", b.codeAt(found[1], -1))
	for _, one := range shownRecovery.FindAllStringSubmatch(w.Body.String(), -1) {
		recovery = append(recovery, one[1])
	}
	if w.Code != http.StatusOK || len(recovery) != totp.RecoveryCodes {
		b.t.Fatalf("confirm: %d %s", w.Code, w.Body)
	}
	return found[1], recovery
}

// enterCode sends the form that follows the password.
func (b *browser) enterCode(code string) (status int, page string) {
	b.t.Helper()
	token := b.token(b.page("/signin/code"))
	w := b.form("/signin/code", []string{"csrf", token, "code", code})
	return w.Code, w.Body.String()
}

// A user turns the second factor on with the password and one right code, signs in with a code that counts once, and turns it off.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withFactors(t, false))
	b, other := d.signedIn("vera"), d.signedIn("vera")
	for name, secret := range map[string]string{"a wrong password": "wrong", "none": ""} {
		if w := b.post("/account/totp", "factor_password", secret); w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "<svg class=\"qr\"") {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := b.post("/account/totp/confirm", "code", "000000"); w.Code != http.StatusSeeOther {
		t.Errorf("a code without a set-up: %d", w.Code)
	}
	b.post("/account/totp", "factor_password", testSecret)
	if u, _ := d.config.Store.Users().User(t.Context(), "vera"); u.HasTOTP() {
		t.Error("it is on before a code was right")
	}
	w := b.post("/account/totp/confirm", "code", "000000")
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a wrong code: %d", w.Code)
	}
	secret, recovery := b.turnOn()
	b.wantSignedIn("this browser", true)
	other.wantSignedIn("a session that began with the password alone", false)

	u, err := d.config.Store.Users().User(t.Context(), "vera")
	must(t, err)
	plain := strings.ReplaceAll(secret, " ", "")
	for key, value := range d.state() {
		if strings.Contains(value, plain) || strings.Contains(value, strings.ReplaceAll(recovery[0], "-", "")) || strings.Contains(value, recovery[0]) {
			t.Errorf("%s has a secret in plain text", key)
		}
	}
	if page := b.page("/account"); strings.Contains(page, secret) || strings.Contains(page, recovery[0]) || !strings.Contains(page, "10 recovery codes are left.") {
		t.Error("the page shows secrets again, or does not say how many codes are left")
	}

	in := d.browser()
	if w := in.signIn("vera", testSecret); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/console/signin/code" || in.cookies[cookieSession] != "" {
		t.Fatalf("after the password: %d %s", w.Code, w.Header())
	}
	in.wantSignedIn("the password alone", false)
	before := d.codeAt(secret, -1)
	for name, code := range map[string]string{"wrong": "000000", "that of the set-up": before} {
		if status, _ := in.enterCode(code); status != http.StatusUnauthorized || in.cookies[cookieSession] != "" {
			t.Errorf("the code %s: %d", name, status)
		}
	}
	now := d.codeAt(secret, 0)
	if status, page := in.enterCode(now[:3] + " " + now[3:]); status != http.StatusSeeOther {
		t.Fatalf("the right code: %d %s", status, page)
	}
	in.wantSignedIn("with the code", true)
	replay := d.browser()
	replay.signIn("vera", testSecret)
	if status, _ := replay.enterCode(now); status != http.StatusUnauthorized {
		t.Errorf("the same code again: %d", status)
	}
	if status, _ := replay.enterCode(strings.ToLower(recovery[3])); status != http.StatusSeeOther {
		t.Errorf("a recovery code: %d", status)
	}
	again := d.browser()
	again.signIn("vera", testSecret)
	if status, _ := again.enterCode(recovery[3]); status != http.StatusUnauthorized {
		t.Errorf("the same recovery code again: %d", status)
	}

	for path, c := range map[string][2]string{"/account/totp/codes": {"wrong", d.codeAt(secret, 1)}, "/account/totp/off": {testSecret, "000000"}} {
		if w := in.post(path, "factor_password", c[0], "code", c[1]); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s with a wrong proof: %d", path, w.Code)
		}
	}
	w = in.post("/account/totp/codes", "factor_password", testSecret, "code", recovery[1]) // a strong proof, which does not wait
	renewed := shownRecovery.FindAllStringSubmatch(w.Body.String(), -1)
	if w.Code != http.StatusOK || len(renewed) != totp.RecoveryCodes {
		t.Fatalf("new codes: %d", w.Code)
	}
	if w := in.post("/account/totp/off", "factor_password", testSecret, "code", recovery[0]); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("an old recovery code: %d", w.Code)
	}
	if w := in.post("/account/totp/off", "factor_password", testSecret, "code", renewed[0][1]); w.Code != http.StatusSeeOther {
		t.Errorf("turned off: %d %s", w.Code, w.Body)
	}
	in.wantSignedIn("after turning it off", true)
	if w := d.browser().signIn("vera", testSecret); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/console/" {
		t.Errorf("the password alone: %d %s", w.Code, w.Header().Get("Location"))
	}
	entries := d.signedIn("root").page("/access/audit")
	for _, act := range []string{"Turned the own second factor on", "Turned the own second factor off", "Made new recovery codes"} {
		if !strings.Contains(entries, act) {
			t.Errorf("the audit log lacks %q", act)
		}
	}
	if strings.Contains(entries, plain) || strings.Contains(entries, u.TOTPSecret) || strings.Contains(entries, u.Recovery[0]) {
		t.Error("the audit log has a secret")
	}
}

// The state after the password belongs to its browser and site, ends after five minutes, and with a change of the user.
func TestThePendingSignIn(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withFactors(t, false))
	secret, _ := d.signedIn("vera").turnOn()
	victim, thief := d.browser(), d.browser()
	victim.signIn("vera", testSecret)
	if w := thief.get("/signin/code"); w.Code != http.StatusSeeOther {
		t.Errorf("another browser: %d", w.Code)
	}
	kept := victim.cookies[cookiePending]
	for _, path := range []string{"/", "/runs", "/session", "/account"} {
		victim.cookies[cookieSession] = kept
		if w := victim.get(path); w.Code == http.StatusOK {
			t.Errorf("%s opens with what is no session", path)
		}
	}
	delete(victim.cookies, cookieSession)
	if w := victim.form("/signin/code", []string{"csrf", "forged", "code", d.codeAt(secret, 0)}); w.Code != http.StatusForbidden || victim.cookies[cookieSession] != "" {
		t.Errorf("a forged form: %d", w.Code)
	}
	ttl := d.redis.TTL(t.Context(), d.keys("penstock:console:pending:*")[0]).Val()
	if ttl <= 0 || ttl > session.CodeLimit {
		t.Errorf("lives %s", ttl)
	}
	_, err := d.config.Store.Users().Change(t.Context(), "vera", func(u *store.User) error { u.Disabled = true; return nil })
	must(t, err)
	if w := victim.get("/signin/code"); w.Code != http.StatusSeeOther {
		t.Errorf("of a user who was disabled: %d", w.Code)
	}
}

// keys returns the keys of Redis of a pattern.
func (d *testConsole) keys(pattern string) []string {
	d.t.Helper()
	all := d.redis.Keys(d.t.Context(), pattern).Val()
	if len(all) == 0 {
		d.t.Fatal("no key " + pattern)
	}
	return all
}

// Guessing codes is slowed down, and a right password in between forgives nothing; after ten codes the password is asked again.
func TestGuessingCodes(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withFactors(t, false))
	secret, _ := d.signedIn("vera").turnOn()
	var statuses []int
	for range 12 {
		b := d.browser()
		b.signIn("vera", testSecret)
		status, _ := b.enterCode("000000")
		statuses = append(statuses, status)
	}
	if !slices.Contains(statuses, http.StatusTooManyRequests) || statuses[0] != http.StatusUnauthorized {
		t.Errorf("answers %v", statuses)
	}
	b := d.browser()
	b.signIn("vera", testSecret)
	if status, _ := b.enterCode(d.codeAt(secret, 0)); status != http.StatusTooManyRequests {
		t.Errorf("a right code during the delay: %d", status)
	}
	for range 9 {
		b.enterCode("000000")
	}
	if w := b.form("/signin/code", []string{"csrf", b.token(b.page("/signin")), "code", "000000"}); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "Please sign in again.") {
		t.Errorf("the eleventh code: %d", w.Code)
	}
}

// An administrator sees who has a second factor, and removes that of another user.
func TestAnAdministratorRemovesASecondFactor(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withFactors(t, false))
	b, root := d.signedIn("vera"), d.signedIn("root")
	b.turnOn()
	root.turnOn()
	if page := root.page("/access/users"); strings.Count(page, "second factor</span>") != 2 {
		t.Error("the list does not say who has one")
	}
	if page := root.page("/access/users/root"); strings.Contains(page, "remove_totp") {
		t.Error("an administrator removes the own one without a code")
	}
	seen := func(user string) string {
		return regexp.MustCompile(`name="seen" value="([^"]*)"`).FindStringSubmatch(root.page("/access/users/" + user))[1]
	}
	root.post("/access/users/root", "seen", seen("root"), "role", "admin", "remove_totp", "on")
	if u, _ := d.config.Store.Users().User(t.Context(), "root"); !u.HasTOTP() {
		t.Error("the own one was removed")
	}
	if w := root.post("/access/users/vera", "seen", seen("vera"), "role", "viewer", "remove_totp", "on"); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if u, _ := d.config.Store.Users().User(t.Context(), "vera"); u.HasTOTP() || len(u.Recovery) > 0 {
		t.Error("it is still there")
	}
	b.wantSignedIn("the user", false)
}

// With --require-totp a user sets the second factor up before anything else.
func TestRequiredSecondFactor(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withFactors(t, true))
	b := d.browser()
	if w := b.signIn("root", testSecret); w.Header().Get("Location") != "/console/signin/code" || b.cookies[cookieSession] != "" {
		t.Fatalf("after the password: %d %s", w.Code, w.Header())
	}
	found := shownKey.FindStringSubmatch(b.page("/signin/code"))
	if found == nil {
		t.Fatal("the page shows no key")
	}
	if status, _ := b.enterCode("000000"); status != http.StatusUnprocessableEntity || b.cookies[cookieSession] != "" {
		t.Errorf("a wrong code: %d", status)
	}
	status, page := b.enterCode(d.codeAt(found[1], 0))
	if status != http.StatusOK || len(shownRecovery.FindAllString(page, -1)) != totp.RecoveryCodes {
		t.Fatalf("the right code: %d %s", status, page)
	}
	b.wantSignedIn("after the set-up", true)
	if w := b.form("/signin/code", []string{"csrf", b.token(page), "to", "/console/flows"}); w.Header().Get("Location") != "/console/flows" {
		t.Errorf("goes on to %s", w.Header().Get("Location"))
	}
}
