package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// What cannot be undone, and what others notice at once, asks before it is done.
func TestWhatCannotBeUndoneAsks(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.deploy(hookedFlow)
	must(t, d.config.Store.Secrets().Put(t.Context(), "hook_of_nobody", testSecret))
	_, err := d.config.Store.Vars().Put(t.Context(), "team", flows.EncodeJSON("red"))
	must(t, err)
	b, token := d.withSession("root")
	for _, c := range []struct {
		path  string
		form  []string
		asks  []string
		there func() bool // it is not done
	}{
		{"/secrets/hook_of_nobody/delete", nil, []string{"Delete the secret hook_of_nobody?", "/flows/7\"", "cannot be read back"}, func() bool {
			there, _ := (&requestState{console: d.Console, r: d.requestOf("GET /", nil)}).secretExists("hook_of_nobody")
			return there
		}},
		{"/vars/team/delete", nil, []string{"Delete the variable team?"}, func() bool { return len(d.config.Store.Vars().Values()) > 0 }},
		{"/flows/7/enabled", []string{"enabled", "false"}, []string{"Switch off the triggers of", "503", "pause the flow"}, func() bool {
			head, _ := d.config.Store.Flows().Deployment("7")
			return head.Enabled
		}},
	} {
		status, page := b.postAs(token, c.path, c.form...)
		if status != http.StatusConflict || !c.there() {
			t.Errorf("%s: %d, not done: %t", c.path, status, c.there())
		}
		has(t, page, append(c.asks, `name="sure" value="yes"`, "Cancel")...)
		if status, _ := b.postAs(token, c.path, append(c.form, "sure", "yes")...); status != http.StatusSeeOther || c.there() {
			t.Errorf("%s, sure: %d, not done: %t", c.path, status, c.there())
		}
	}
	has(t, b.page("/flows/7"), "Switched off", "answers each delivery with 503", "Switch on")
	has(t, b.page("/flows/7/deliveries"), "Switched off", "Switch on")
	if page := d.signedIn("vera").page("/flows/7"); !strings.Contains(page, "Switched off") || strings.Contains(page, "Switch on") {
		t.Error("a viewer does not see that a flow is switched off, or may switch it on")
	}
	if status, _ := b.postAs(token, "/flows/7/enabled", "enabled", "true", "from", "flow"); status != http.StatusSeeOther || strings.Contains(b.page("/flows/7"), "Switched off") {
		t.Errorf("switch on: %d", status)
	}
}

// The value of a secret or a variable that exists is replaced only by a form that says so.
func TestAValueIsReplacedKnowingly(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.deploy(hookedFlow)
	must(t, d.config.Store.Secrets().Put(t.Context(), "hook_of_nobody", "old"))
	b, token := d.withSession("root")
	form := []string{"name", "hook_of_nobody", "value", "new"}
	status, page := b.postAs(token, "/secrets", form...)
	if value, err := d.config.Store.Secrets().Secret(t.Context(), "hook_of_nobody"); status != http.StatusConflict || value != "old" || err != nil {
		t.Errorf("%d, the value is %q, %v", status, value, err)
	}
	has(t, page, "used by flow 7", "Replace")
	status, _ = b.postAs(token, "/secrets", append(form, "replace", "yes")...)
	if value, err := d.config.Store.Secrets().Secret(t.Context(), "hook_of_nobody"); status != http.StatusSeeOther || value != "new" || err != nil {
		t.Errorf("replace: %d, the value is %q, %v", status, value, err)
	}
	for i, want := range []int{http.StatusSeeOther, http.StatusConflict} {
		if status, _ := b.postAs(token, "/vars", "name", "team", "value", "red"); status != want {
			t.Errorf("save a variable, time %d: %d", i+1, status)
		}
	}
}

// The checks of a delivery are those of the version of the flow that judged it; of one that is not known the page says so.
func TestTheChecksAreThoseAtArrival(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	hooked := func(header string) string {
		return fmt.Sprintf("flow: 9\ntrigger: {webhook: {verify: {scheme: hmac, secret: hook, header: %s}}}\nsteps: [{set: {a: 1}}]\n", header)
	}
	old := d.deploySource(hooked("X-Old"), store.Change{})
	d.deploySource(hooked("X-New"), store.Change{Base: old})
	const delivery = `{"delivery":%d,"at_ms":1795953600000,"method":"POST","verdict":"rejected","status":401,"findings":[{"word":"secret","text":"another"}],"ip":"192.0.2.1"%s}`
	for n, more := range []string{`,"version":"` + old + `"`, "", `,"version":"0123"`} {
		must(t, d.redis.LPush(t.Context(), "penstock:{hooks}:9:rejected", fmt.Sprintf(delivery, n+1, more)).Err())
	}
	b := d.signedIn("root")
	page := b.page("/flows/9/deliveries/1")
	has(t, page, "the header X-Old is there")
	if strings.Contains(page, "By the current version") || strings.Contains(page, "the header X-New") {
		t.Error("the checks are not those at arrival")
	}
	for _, n := range []string{"2", "3"} {
		has(t, b.page("/flows/9/deliveries/"+n), "the header X-New is there", "By the current version of the flow")
	}
}

// The page that stores a secret has the name with which a flow's page leads to it.
func TestStoreItHasTheName(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.deploy(hookedFlow)
	b := d.signedIn("root")
	has(t, b.page("/flows/7/deliveries"), "/connections?secret=hook_of_nobody&amp;to=%2Fconsole%2Fflows%2F")
	has(t, b.page("/connections?secret=hook_of_nobody"), `name="name" value="hook_of_nobody"`)
}
