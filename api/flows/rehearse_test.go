package flows_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/queue/rehearsal"
)

// rehearsedFlow has ten steps, four of which call a server.
const rehearsedFlow = `flow: 69
trigger: webhook
vars: {api: "%s"}
steps:
  - name: customer
    http: {get: "${ $vars.api }/customers/${ .id }"}
  - name: read
    set: {id: "${ .body.id }", total: "${ $event.total }", vip: "${ .body.vip }"}
  - filter: .total > 0
  - name: rounded
    transform: '. + {cents: (.total * 100)}'
  - name: charge
    http: {post: "${ $vars.api }/charges", json: {customer: "${ .id }", cents: "${ .cents }"}}
  - name: receipt
    transform: '{receipt: .body.receipt, id: $steps.rounded.id, vip: $steps.rounded.vip}'
  - name: audit
    if: .vip
    http: {post: "${ $vars.api }/audit", json: {receipt: "${ .receipt }"}}
    on_error: skip
  - transform: '$steps.receipt'
  - name: notify
    http: {post: "${ $vars.api }/notify", headers: {x-api-version: "1"}, json: {receipt: "${ .receipt }"}}
  - name: done
    transform: '{receipt: $steps.receipt.receipt, state: "sent"}'
`

// world is the server that the flow calls.
func world(t *testing.T) (url string, calls *atomic.Int64) {
	calls = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasPrefix(r.URL.Path, "/customers/"):
			id := strings.TrimPrefix(r.URL.Path, "/customers/")
			fmt.Fprintf(w, `{"id": %q, "vip": %v}`, id, strings.HasSuffix(id, "0"))
		case r.URL.Path == "/notify" && r.Header.Get("X-Api-Version") != "1":
			w.WriteHeader(http.StatusBadRequest)
		default:
			fmt.Fprintf(w, `{"receipt": "r%d"}`, n)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

func rehearse(p *apitest.Product, source, query string) *rehearsal.Report {
	p.T.Helper()
	r := p.Do("POST", "/v1/flows/69/rehearsals"+query, "ann", source, "Content-Type", "application/yaml")
	p.Want(r, 200)
	report := &rehearsal.Report{}
	apitest.Fatal(p.T, json.Unmarshal([]byte(r.Text), report))
	return report
}

// groups returns the differences of a report without their samples.
func groups(report *rehearsal.Report) map[string]string {
	all := map[string]string{}
	for _, g := range report.Differences {
		all[strings.TrimSpace(g.Kind+" "+g.Step+" "+g.Path)] = fmt.Sprint(g.Runs, " ", g.Before, " -> ", g.After, " ", g.Varies)
	}
	return all
}

// A rehearsal over 200 runs of a flow of ten steps finds a changed header, a changed number and a removed call, with their
// counts, does nothing, and finds nothing for the version that is deployed.
func TestRehearsalFindsWhatWouldDiffer(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	url, calls := world(t)
	source := fmt.Sprintf(rehearsedFlow, url)
	deployed := p.Want(p.Do("PUT", "/v1/flows/69", "ann", source, "Content-Type", "application/yaml"), 201)
	const runs = 200
	ids := map[string]bool{}
	for n := range runs {
		ids[p.Run("ulf", 69, fmt.Sprintf(`{"id": "c%d", "total": %d}`, n, n+1))] = true
	}
	did, listed := calls.Load(), p.Want(p.Do("GET", "/v1/runs", "vera", ""), 200)["total"]

	same := rehearse(p, source, "")
	if same.Runs != runs || same.Same != runs || len(same.Differences)+len(same.Stopped)+len(same.Skipped)+len(same.Details) > 0 || !same.Complete {
		t.Errorf("the deployed version: %+v", same)
	}
	t.Logf("%d runs, twice each, in %d ms", same.Runs, same.Took)

	changed := source
	for before, after := range map[string]string{
		`x-api-version: "1"`:   `x-api-version: "2"`,
		`cents: "${ .cents }"`: `cents: "${ if .cents > 15000 then .cents + 1 else .cents end }"`,
		`if: .vip`:             `if: .never`,
	} {
		if !strings.Contains(changed, before) {
			t.Fatalf("%s is not in the flow", before)
		}
		changed = strings.Replace(changed, before, after, 1)
	}
	report := rehearse(p, changed, "?runs=200")
	found := groups(report)
	want := map[string]string{
		"effect_changed notify headers.x-api-version": `200 "1" -> "2" false`,
		"effect_changed charge body.cents":            "50 20000 -> 20001 true",
		"effect_gone audit":                           "20 POST " + url + "/audit ->  false",
	}
	for what, is := range want {
		if found[what] != is {
			t.Errorf("%s: %s, want %s", what, found[what], is)
		}
	}
	if len(found) != len(want) || report.Different != runs || report.Same != 0 || report.Unanswered != 0 {
		t.Errorf("found %v, %d of %d runs", found, report.Different, report.Runs)
	}
	for _, g := range report.Differences {
		for _, id := range g.Samples {
			if !ids[id] {
				t.Errorf("%s: sample %s is none of the runs", g.Path, id)
			}
		}
		if len(g.Samples) == 0 {
			t.Errorf("%s has no sample", g.Path)
		}
	}
	if calls.Load() != did || p.Want(p.Do("GET", "/v1/runs", "vera", ""), 200)["total"] != listed {
		t.Errorf("%d calls, %d before: a rehearsal did something", calls.Load(), did)
	}
	if after := p.Want(p.Do("GET", "/v1/flows/69", "vera", ""), 200); after["version"] != deployed["version"] || after["versions"] != 1.0 {
		t.Errorf("the flow is %v", after)
	}

	output := groups(rehearse(p, strings.Replace(source, `state: "sent"`, `state: "done"`, 1), "?runs=7"))
	if fmt.Sprint(output) != `map[output  [].state:7 "sent" -> "done" false]` {
		t.Errorf("output %v", output)
	}
	added := rehearse(p, source+"  - {name: more, http: {delete: 'https://other.example/${ .receipt }'}}\n", "?runs=10")
	if len(added.Differences) != 1 || added.Differences[0].Kind != rehearsal.KindNew || added.Unanswered != 10 ||
		len(added.Stopped) != 1 || added.Stopped[0].Step != "more" || added.Stopped[0].Current {
		t.Errorf("a new effect: %+v", added)
	}
	failing := groups(rehearse(p, source+"  - {fail: {message: no}}\n", "?runs=3"))
	if len(failing) != 1 || failing["failure fail"] != "3  -> fail: step fail: no false" {
		t.Errorf("a new failure: %v", failing)
	}

	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	if none := rehearse(p, source, "?since="+future); none.Runs != 0 || !none.Complete {
		t.Errorf("since %s: %+v", future, none)
	}
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", changed, "Content-Type", "application/yaml"), 200)
	if back := rehearse(p, "", "?runs=5&version="+fmt.Sprint(deployed["version"])[:12]); back.Different != 5 {
		t.Errorf("an earlier version: %+v", back)
	}
}

func TestRehearsalHidesWhatStepsRedact(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	url, _ := world(t)
	source := fmt.Sprintf("flow: 69\ntrigger: webhook\nsteps:\n  - http: {post: '%s/a', json: {pin: '${ .pin }'}}\n", url)
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", source+"    redact: [pin]\n", "Content-Type", "application/yaml"), 201)
	p.Run("ulf", 69, `{"pin": "hunter2"}`)
	r := p.Do("POST", "/v1/flows/69/rehearsals", "ann", source+"  - transform: '{x: $event.pin}'\n", "Content-Type", "application/yaml")
	if report := p.Want(r, 200); strings.Contains(r.Text, "hunter2") || report["different"] != 1.0 {
		t.Errorf("%s", r.Text)
	}
	source = strings.Replace(source, "pin", "api_token", 2)
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", source, "Content-Type", "application/yaml"), 200)
	p.Run("ulf", 69, `{"pin": "not redacted"}`)
	r = p.Do("POST", "/v1/flows/69/rehearsals", "ann", strings.Replace(source, "${ .api_token }", "${ .pin }", 1), "Content-Type", "application/yaml")
	if report := p.Want(r, 200); strings.Contains(r.Text, "hunter2") || report["different"] != 2.0 || !strings.Contains(r.Text, `"path":"body.api_token"`) {
		t.Errorf("%s", r.Text)
	}
}

// A run is shown as its own version allows.
func TestRehearsalOfRunsThatRedacted(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(69, "trigger: webhook\nsteps: [{set: {a: 1}, redact: [pin]}]")
	p.Run("ulf", 69, `{"pin": "hunter2"}`)
	p.Deploy(69, "trigger: webhook\nsteps: [{set: {a: 1}}]")
	p.Run("ulf", 69, `{"pin": "not redacted"}`)
	r := p.Do("POST", "/v1/flows/69/rehearsals", "ann", "flow: 69\ntrigger: webhook\nsteps: [{set: {a: '${ .pin }'}}]", "Content-Type", "application/yaml")
	if p.Want(r, 200); strings.Contains(r.Text, "hunter2") || !strings.Contains(r.Text, "not redacted") {
		t.Errorf("%s", r.Text)
	}
}

func TestRehearsalSkipsWhatItCannotRepeat(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	source := "flow: 69\ntrigger: webhook\nsteps:\n  - if: .n == 2\n    fail: {message: no}\n"
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", source, "Content-Type", "application/yaml"), 201)
	p.Run("ulf", 69, `{"n": 1}`)
	p.Run("ulf", 69, `{"n": {"file": "blob:abc"}}`)
	failed := p.Start("ulf", 69, `{"n": 2}`)
	p.Until(failed, "failed")
	p.Want(p.Do("POST", "/v1/runs/"+failed+"/resume", "ann", `{}`), 422)
	report := rehearse(p, source, "")
	skipped := map[string]int{}
	for _, s := range report.Skipped {
		skipped[s.Reason] = s.Runs
	}
	if report.Runs != 2 || report.Same != 2 || skipped["the run has files"] != 1 || skipped["another run continues the run"] != 1 {
		t.Errorf("%+v", report)
	}
}

func TestRehearsalRefuses(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(69, apitest.FlowPasses)
	source := "flow: 69\n" + apitest.FlowPasses
	for path, status := range map[string]int{
		"/v1/flows/69/rehearsals?runs=0":          400,
		"/v1/flows/69/rehearsals?runs=1001":       400,
		"/v1/flows/69/rehearsals?since=yesterday": 400,
		"/v1/flows/69/rehearsals?limit=1":         400,
		"/v1/flows/69/rehearsals?version=abc":     400, // with a body
		"/v1/flows/70/rehearsals":                 404,
	} {
		p.Want(p.Do("POST", path, "ann", source), status)
	}
	p.Want(p.Do("POST", "/v1/flows/69/rehearsals?version=abc", "ann", ""), 404)
	p.Want(p.Do("POST", "/v1/flows/69/rehearsals", "ann", "flow: 69\ntrigger: webhook\nsteps: [{sett: {}}]"), 422)
	p.Want(p.Do("POST", "/v1/flows/69/rehearsals", "ann", "flow: 70\n"+apitest.FlowPasses), 409)
	for _, who := range []string{"ulf", "vera", "otto", "key-one"} {
		p.Want(p.Do("POST", "/v1/flows/69/rehearsals", who, source), 403)
	}
	p.Want(p.Do("POST", "/v1/flows/69/rehearsals", "", source), 401)
}
