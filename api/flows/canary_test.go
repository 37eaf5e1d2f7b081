package flows_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

const (
	oldVersion = "flow: 1\ntrigger: webhook\nsteps: [{set: {by: old}}]"
	newVersion = "flow: 1\ntrigger: webhook\nrun: {limit: 7s}\nsteps: [{if: .bad, fail: {message: bad}}, {set: {by: new}}]"
)

func putCanary(p *apitest.Product, query, source, who string) apitest.Reply {
	p.T.Helper()
	return p.Do("PUT", "/v1/flows/1/canary?"+query, who, source, "Content-Type", "application/yaml")
}

// ran returns which version a run executed.
func ran(p *apitest.Product, r apitest.Reply) string {
	p.T.Helper()
	return p.Want(r, 200)["output"].([]any)[0].(map[string]any)["by"].(string)
}

func TestACanaryExecutesItsCallers(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Want(p.Do("PUT", "/v1/flows/1", "ann", oldVersion, "Content-Type", "application/yaml"), 201)
	p.Want(p.Do("GET", "/v1/flows/1/canary", "ann", ""), 404)
	canary := p.Want(putCanary(p, "principals=user:ulf,key:key-one&rollback_at=5&promote_after=1h", newVersion, "ann"), 200)
	if canary["by"] != "user:ann" || canary["percent"] != 0.0 || canary["rollback_at"] != 5.0 || canary["promote_after"] != "1h0m0s" {
		t.Errorf("%v", canary)
	}
	if got := ran(p, p.Do("POST", "/v1/flows/1/runs", "ann", `{}`)); got != "old" {
		t.Errorf("a run of ann: %s", got)
	}
	run := p.Do("POST", "/v1/flows/1/runs", "ulf", `{}`)
	if got := ran(p, run); got != "new" {
		t.Errorf("a run of ulf: %s", got)
	}
	id := run.Header.Get("Penstock-Run-Id")
	if record, err := p.Queue.Record(t.Context(), id); err != nil || record.Version != canary["version"] || record.Limit != 7*time.Second {
		t.Errorf("%s with %v, %v", record.Version, record.Limit, err)
	}
	if got := p.Send(p.Signed("POST", "/apis/execute", "1", `{}`)); !strings.Contains(got.Text, `"new"`) {
		t.Errorf("SmartSYNC: %s", got.Text)
	}
	if got := ran(p, p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", "")); got != "old" {
		t.Errorf("a replay: %s", got)
	}
	p.Want(p.Do("POST", "/v1/flows/1/runs", "ulf", `{"bad":true}`), 422)
	testenv.Eventually(t, func() string { // ended runs are listed a moment later
		got := p.Want(p.Do("GET", "/v1/flows/1/canary", "vera", ""), 200)
		versions := got["versions"].([]any)
		current, canary := versions[0].(map[string]any), versions[1].(map[string]any)
		said := fmt.Sprint(current["canary"], current["runs"], current["failed"], canary["canary"], canary["runs"], canary["failed"], int(canary["failed_percent"].(float64)))
		if said != "false 2 0 true 3 1 33" {
			return said
		}
		return ""
	})
	if flow := p.Want(p.Do("POST", "/v1/flows/1/canary/promote", "ann", ""), 200); flow["version"] != canary["version"] || flow["versions"] != 2.0 {
		t.Errorf("promoted: %v", flow)
	}
	p.Want(p.Do("POST", "/v1/flows/1/canary/promote", "ann", ""), 404)
	if got := ran(p, p.Do("POST", "/v1/flows/1/runs", "ann", `{}`)); got != "new" {
		t.Errorf("a run of ann after the promotion: %s", got)
	}
}

func TestACanaryIsStoppedOrReplaced(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	yaml := []string{"Content-Type", "application/yaml"}
	p.Want(p.Do("PUT", "/v1/flows/1", "ann", newVersion, yaml...), 201)
	first := p.Want(p.Do("PUT", "/v1/flows/1", "ann", oldVersion, yaml...), 200)
	versions := p.Want(p.Do("GET", "/v1/flows/1/versions", "ann", ""), 200)["items"].([]any)
	stored := versions[1].(map[string]any)["version"].(string)
	start := func() { p.Want(putCanary(p, "principals=user:ulf&version="+stored[:9], "", "ann"), 200) }
	for end, act := range map[string]func(){
		"DELETE": func() { p.Want(p.Do("DELETE", "/v1/flows/1/canary", "ann", ""), 200) },
		"deploy": func() {
			p.Want(p.Do("PUT", "/v1/flows/1", "ann", oldVersion+" # 2", yaml...), 200)
			p.Want(p.Do("PUT", "/v1/flows/1", "ann", oldVersion, yaml...), 200)
		},
	} {
		start()
		p.Want(p.Do("PUT", "/v1/flows/1", "ann", oldVersion, yaml...), 200) // the current version: changes nothing
		p.Want(p.Do("POST", "/v1/flows/1/disable", "ann", ""), 200)
		if got := ran(p, p.Do("POST", "/v1/flows/1/runs", "ulf", `{}`)); got != "new" {
			t.Errorf("before %s: %s", end, got)
		}
		act()
		p.Want(p.Do("GET", "/v1/flows/1/canary", "ann", ""), 404)
		if got := ran(p, p.Do("POST", "/v1/flows/1/runs", "ulf", `{}`)); got != "old" {
			t.Errorf("after %s: %s", end, got)
		}
	}
	start()
	p.Want(p.Do("POST", "/v1/flows/1/rollback", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/flows/1/canary", "ann", ""), 404)
	if p.Want(p.Do("GET", "/v1/flows/1", "ann", ""), 200)["version"] == first["version"] {
		t.Error("the flow was not rolled back")
	}
}

func TestACanaryIsRefused(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Want(putCanary(p, "percent=10", newVersion, "ann"), 404)
	p.Deploy(1, strings.TrimPrefix(oldVersion, "flow: 1\n"))
	for _, c := range []struct {
		query, source, who string
		status             int
		says               string
	}{
		{"percent=10", strings.Replace(newVersion, "webhook", "{webhook: {schema: {type: object}}}", 1), "ann", 409, "trigger.webhook"},
		{"percent=10", oldVersion + "\n", "ann", 409, "this version is the current one"},
		{"percent=10", "flow: 1\nsteps: [{sett: {a: 1}}]", "ann", 422, "sett"},
		{"percent=10", "flow: 2\nsteps: [{set: {a: 1}}]", "ann", 409, "another flow"},
		{"percent=100", newVersion, "ann", 400, "percent must be a number from 1 to 99"},
		{"percent=0", newVersion, "ann", 400, "percent is a number from 1 to 99"},
		{"", newVersion, "ann", 400, "which calls"},
		{"principals=ulf", newVersion, "ann", 400, "user:NAME"},
		{"principals=user:a%1b", newVersion, "ann", 400, "user:NAME"},
		{"percent=2&rollback_at=5", newVersion, "ann", 400, "percent must be at least 3"},
		{"percent=1&rollback_at=101", newVersion, "ann", 400, "rollback_at must be a number from 1 to 100"},
		{"percent=1&promote_after=x", newVersion, "ann", 400, "promote_after is a duration"},
		{"percent=1&share=2", newVersion, "ann", 400, `no parameter "share"`},
		{"percent=1&version=none", "", "ann", 404, "no such version"},
		{"percent=1&version=a", newVersion, "ann", 400, "without a body"},
		{"percent=10", newVersion, "vera", 403, ""},
	} {
		if got := p.Want(putCanary(p, c.query, c.source, c.who), c.status); !strings.Contains(fmt.Sprint(got["detail"]), c.says) {
			t.Errorf("%s: %v", c.query, got["detail"])
		}
	}
	p.Want(p.Do("GET", "/v1/flows/1/canary", "ann", ""), 404)
	p.Want(putCanary(p, "percent=10", newVersion, "ann"), 200)
	for _, r := range []apitest.Reply{
		p.Do("GET", "/v1/flows/1/canary", "ulf", ""), p.Do("DELETE", "/v1/flows/1/canary", "vera", ""), p.Do("POST", "/v1/flows/1/canary/promote", "vera", ""),
	} {
		p.Want(r, 403)
	}
}

// Both API processes choose the same version for an Idempotency-Key.
func TestACanaryIsStickyOverProcesses(t *testing.T) {
	t.Parallel()
	var config api.Config
	var chosen []string // versions of the submissions; requests come one after the other
	p := apitest.NewProduct(t, func(c *api.Config) {
		submit := c.Submit
		c.Submit = func(ctx context.Context, s queue.Submission) (runner.Ticket, error) {
			chosen = append(chosen, s.Version)
			return submit(ctx, s)
		}
		config = *c
	})
	p.Want(p.Do("PUT", "/v1/flows/1", "ann", oldVersion, "Content-Type", "application/yaml"), 201)
	p.Want(putCanary(p, "percent=50", newVersion, "ann"), 200)
	sealer, err := store.NewSealer(store.NewMasterKey())
	apitest.Fatal(t, err)
	config.Store, err = store.Open(t.Context(), store.Config{Redis: p.Redis, Sealer: sealer, Catalogue: steps.Catalogue(), Log: config.Log})
	apitest.Fatal(t, err)
	config.Flows = config.Store.Flows()
	second, err := api.New(config)
	apitest.Fatal(t, err)
	web := httptest.NewServer(second)
	t.Cleanup(web.Close)
	t.Cleanup(web.CloseClientConnections)
	seen := map[string]bool{}
	for n := range 40 {
		key := fmt.Sprint("order-", n)
		for _, url := range []string{p.URL, web.URL} {
			r := p.Request("POST", "/v1/flows/1/runs", "ulf", `{}`, "Idempotency-Key", key)
			r.URL.Host = strings.TrimPrefix(url, "http://")
			p.Want(p.Send(r), 200)
		}
		if chosen[2*n] != chosen[2*n+1] {
			t.Errorf("key %s: %v", key, chosen[2*n:])
		}
		seen[chosen[2*n]] = true
	}
	if len(seen) != 2 {
		t.Errorf("versions %v", seen)
	}
}
