package runs_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/client"
)

func TestRunsOfOthersAreForTheStaff(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(2, apitest.FlowWaits)
	ended := p.Run("key-one", 1, `{"n":1}`)
	open := p.Start("key-one", 2, `{"n":1}`)
	for _, c := range []struct {
		who                                string
		read, list, events, cancel, replay int
	}{
		{"", 401, 401, 401, 401, 401},
		{"key-two", 404, 0, 404, 404, 404},
		{"ulf", 404, 0, 404, 404, 404},
		{"vera", 200, 2, 200, 404, 200},
		{"key-one", 200, 2, 200, 200, 200},
	} {
		p.Want(p.Do("GET", "/v1/runs/"+ended, c.who, ""), c.read)
		p.Want(p.Do("GET", "/v1/runs/"+ended+"/events", c.who, ""), c.events)
		p.Want(p.Do("POST", "/v1/runs/"+ended+"/replay", c.who, ""), c.replay)
		if c.list == 401 {
			p.Want(p.Do("GET", "/v1/runs", c.who, ""), 401)
		} else if got := p.Want(p.Do("GET", "/v1/runs?filter="+url.QueryEscape(`replay_of eq ""`), c.who, ""), 200); got["total"] != float64(c.list) {
			t.Errorf("%s sees %v runs, want %d", c.who, got["total"], c.list)
		}
		p.Want(p.Do("POST", "/v1/runs/"+open+"/cancel", c.who, ""), c.cancel)
	}
	p.Want(p.Do("POST", "/v1/runs/"+p.Start("key-one", 2, `{"n":1}`)+"/cancel", "otto", ""), 200)
}

func TestListRuns(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(2, apitest.FlowWaits)
	p.Deploy(3, apitest.FlowFails)
	first := p.Run("ulf", 1, `{"n":1}`)
	p.Want(p.Do("POST", "/v1/flows/3/runs", "ulf", ""), 410)
	open := p.Start("ulf", 2, `{"n":1}`)
	<-p.At
	last := p.Run("ulf", 1, `{"n":2}`)
	list := func(params ...string) (ids []string, total float64) {
		t.Helper()
		query := url.Values{}
		for i := 0; i < len(params); i += 2 {
			query.Set(params[i], params[i+1])
		}
		r := p.Do("GET", "/v1/runs?"+query.Encode(), "ulf", "")
		members := p.Want(r, 200)
		for _, item := range members["items"].([]any) {
			run := item.(map[string]any)
			if run["output"] != nil || run["steps"] != nil {
				t.Errorf("a listing holds data: %v", run)
			}
			ids = append(ids, run["run_id"].(string))
		}
		return ids, members["total"].(float64)
	}
	for _, c := range []struct {
		filter string
		want   []string
	}{
		{`state eq "succeeded"`, []string{last, first}},
		{`state eq "failed" and flow eq 3`, nil},
		{`state in ("running", "queued")`, []string{open}},
		{`flow eq 2 or flow eq 1`, []string{last, open, first}},
		{`created_at lt "2020-01-01"`, nil},
		{`created_at ge "2020-01-01T00:00:00Z" and queue eq "default" and not flow in (2, 3)`, []string{last, first}},
		{`queue eq "slow"`, nil},
		{`finished_at eq null`, []string{open}},
		{`principal eq "user:ulf" and attempt eq 1 and run_id eq "` + first + `"`, []string{first}},
	} {
		got, total := list("filter", c.filter)
		if strings.HasPrefix(c.filter, `state eq "failed"`) {
			if len(got) != 1 || total != 1 {
				t.Errorf("%s: %v", c.filter, got)
			}
			continue
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || total != float64(len(c.want)) {
			t.Errorf("%s: %v of %v, want %v", c.filter, got, total, c.want)
		}
	}
	if got, total := list("order_by", "created_at", "page_size", "1"); total != 4 || got[0] != first {
		t.Errorf("the oldest: %v of %v, want %s", got, total, first)
	}
	r := p.Do("GET", "/v1/runs?page_size=2&page=2", "ulf", "")
	members := p.Want(r, 200)
	if want := `</v1/runs?page=1&page_size=2>; rel="first", </v1/runs?page=1&page_size=2>; rel="prev", </v1/runs?page=2&page_size=2>; rel="last"`; r.Header.Get("Link") != want {
		t.Errorf("Link %s", r.Header.Get("Link"))
	}
	if members["page"] != 2.0 || members["page_size"] != 2.0 || len(members["items"].([]any)) != 2 {
		t.Errorf("page %v", members)
	}
	bad := p.Want(p.Do("GET", "/v1/runs?filter="+url.QueryEscape(`state eq "failed" and stat eq 1`), "ulf", ""), 400)
	if bad["code"] != "bad_listing" || bad["parameter"] != "filter" || bad["position"] != 23.0 {
		t.Errorf("problem %v", bad)
	}
	p.Gate <- struct{}{}
}

func TestLongPollEndsWithTheRun(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(2, apitest.FlowWaits)
	id := p.Start("ulf", 2, `{"n":1}`)
	<-p.At
	if run := p.Want(p.Do("GET", "/v1/runs/"+id+"?wait=0", "ulf", ""), 200); run["state"] != "running" {
		t.Errorf("run %v", run)
	}
	answered := make(chan apitest.Reply, 1)
	request := p.Request("GET", "/v1/runs/"+id+"?wait=30", "ulf", "")
	go func() { answered <- p.Send(request) }()
	p.Gate <- struct{}{}
	opened := time.Now()
	run := p.Want(<-answered, 200)
	if waited := time.Since(opened); waited > 800*time.Millisecond {
		t.Errorf("the end was told %v after it", waited)
	}
	if run["state"] != "succeeded" || len(run["steps"].(map[string]any)["steps"].([]any)) != 3 || fmt.Sprint(run["output"]) != "[map[m:1]]" {
		t.Errorf("run %v", run)
	}
}

// stream returns a function that reads the next event.
func stream(p *apitest.Product, id, who string, header ...string) func() string {
	p.T.Helper()
	w, err := http.DefaultClient.Do(p.Request("GET", "/v1/runs/"+id+"/events", who, "", header...))
	apitest.Fatal(p.T, err)
	p.T.Cleanup(func() { _ = w.Body.Close() })
	if w.StatusCode != 200 || w.Header.Get("Content-Type") != "text/event-stream" {
		p.T.Fatalf("status %d, %v", w.StatusCode, w.Header)
	}
	lines := bufio.NewScanner(w.Body)
	return func() string {
		var event []string
		for lines.Scan() {
			line := lines.Text()
			if line == "" && len(event) > 0 {
				return strings.Join(event, " | ")
			}
			if !strings.HasPrefix(line, ":") {
				event = append(event, line)
			}
		}
		return "end"
	}
}

func TestEventsTellStatesAndStepsAsTheyHappen(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(2, "trigger: webhook\nsteps: [{name: before, set: {n: 1}}, {gate: {}}, {name: after, gate: {}}]")
	id := p.Start("ulf", 2, `{"n":1}`)
	<-p.At
	next := stream(p, id, "ulf")
	want := func(prefixes ...string) {
		t.Helper()
		for _, prefix := range prefixes {
			if got := next(); !strings.HasPrefix(got, prefix) {
				t.Fatalf("event %s, want %s", got, prefix)
			}
		}
	}
	want(`event: state | data: {"state":"running"}`, `id: 1.1 | event: step | data: {"step":"before","kind":"set","in":1,"out":1`,
		`event: step_started | data: {"step":"gate","kind":"gate","in":1`) // it runs already
	p.Gate <- struct{}{}
	want(`id: 1.2 | event: step | data: {"step":"gate"`, `event: step_started | data: {"step":"after","kind":"gate","in":1`)
	<-p.At
	p.Gate <- struct{}{}
	want(`id: 1.3 | event: step | data: {"step":"after"`, `id: end | event: state | data: {"state":"succeeded"}`, "end")
	next = stream(p, id, "ulf", "Last-Event-ID", "1.2")
	want(`id: 1.3 | event: step | data: {"step":"after"`, `id: end | event: state | data: {"state":"succeeded"}`, "end")
}

// A browser reconnects whenever a stream ends, with the id of the last event, until it gets 204.
func TestAReaderThatHasTheEndIsToldToStayAway(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(2, apitest.FlowWaits)
	p.Deploy(3, apitest.FlowFails)
	p.Want(p.Do("POST", "/v1/flows/3/runs", "ulf", ""), 410)
	failed := p.Want(p.Do("GET", "/v1/runs?filter="+url.QueryEscape(`state eq "failed"`), "ulf", ""), 200)["items"].([]any)[0].(map[string]any)["run_id"].(string)
	for _, id := range []string{p.Run("ulf", 1, `{"n":1}`), failed} {
		last, next := "", stream(p, id, "ulf")
		for event := next(); event != "end"; event = next() {
			if id, found := strings.CutPrefix(event, "id: "); found {
				last, _, _ = strings.Cut(id, " ")
			}
		}
		r := p.Do("GET", "/v1/runs/"+id+"/events", "ulf", "", "Last-Event-ID", last)
		if r.StatusCode != 204 || r.Text != "" || r.Header.Get("Content-Type") != "" {
			t.Errorf("with the last id %q: %d %q, %v", last, r.StatusCode, r.Text, r.Header)
		}
	}
	open := p.Start("ulf", 2, `{"n":1}`)
	<-p.At
	if event := stream(p, open, "ulf", "Last-Event-ID", "end")(); event != `event: state | data: {"state":"running"}` {
		t.Errorf("a run that has not ended: %s", event)
	}
	p.Want(p.Do("GET", "/v1/runs/"+open+"/events", "key-two", "", "Last-Event-ID", "end"), 404)
}

func TestEventsOfACancelledRun(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(2, apitest.FlowWaits)
	id := p.Start("ulf", 2, `{"n":1}`)
	<-p.At
	next := stream(p, id, "ulf")
	p.Want(p.Do("POST", "/v1/runs/"+id+"/cancel", "ulf", ""), 200)
	for {
		event := next()
		if strings.Contains(event, `{"state":"cancelled","error":{`) && strings.Contains(event, "cancelled by ulf") {
			break
		}
		if event == "end" {
			t.Fatal("the stream ended without saying so")
		}
	}
	if event := next(); event != "end" {
		t.Errorf("after the end: %s", event)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(2, apitest.FlowWaits)
	id := p.Start("key-one", 2, `{"n":1}`)
	<-p.At
	run := p.Want(p.Do("POST", "/v1/runs/"+id+"/cancel", "key-one", ""), 200)
	failure := run["error"].(map[string]any)
	if run["state"] != "cancelled" || failure["code"] != "cancelled" {
		t.Errorf("run %v", run)
	}
	if again := p.Want(p.Do("POST", "/v1/runs/"+id+"/cancel", "key-one", ""), 409); again["code"] != "has_ended" {
		t.Errorf("again: %v", again)
	}
	p.Want(p.Do("POST", "/v1/runs/nonsense/cancel", "key-one", ""), 404)
}

func TestTheClientManagesRuns(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(2, apitest.FlowWaits)
	c, err := client.New(client.Config{URL: p.URL, User: "ulf", Password: apitest.Password})
	apitest.Fatal(t, err)
	first := p.Run("ulf", 1, `{"n":1}`)
	open := p.Start("ulf", 2, `{"n":1}`)
	list, err := c.Runs(t.Context(), client.Listing{Filter: "flow le 2", Order: "flow", PageSize: 1, Page: 2})
	apitest.Fatal(t, err)
	if list.Total != 2 || len(list.Items) != 1 || list.Items[0].ID != open || list.AtLeast {
		t.Errorf("runs %+v", list)
	}
	stopped, err := c.Cancel(t.Context(), open)
	if err != nil || stopped.State != "cancelled" {
		t.Errorf("cancelled: %+v, %v", stopped, err)
	}
	var refused *client.Error
	if _, err := c.Cancel(t.Context(), open); !errors.As(err, &refused) || refused.Status != 409 {
		t.Errorf("cancelled again: %v", err)
	}
	for _, pinned := range []bool{false, true} {
		again, err := c.Replay(t.Context(), first, pinned)
		apitest.Fatal(t, err)
		if ended, err := c.Status(t.Context(), again.ID, 30*time.Second); err != nil || string(ended.Output) != `[{"n":1}]` {
			t.Errorf("replayed: %+v, %v", ended, err)
		}
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: {webhook: {params: [debug]}}\nsteps: [{set: {n: '${ .n }', debug: '${ $params.debug }', version: 1}}]")
	first := p.Want(p.Do("POST", "/v1/flows/1/runs?debug=yes", "ulf", `{"n":12345678901234567890}`), 200)
	id := first["run_id"].(string)
	p.Deploy(1, "trigger: {webhook: {params: [debug]}}\nsteps: [{set: {n: '${ .n }', debug: '${ $params.debug }', version: 2}}]")
	for body, version := range map[string]string{"": "2", `{"version":"current"}`: "2", `{"version":"pinned"}`: "1"} {
		r := p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", body)
		run := p.Want(r, 200)
		if want := `[{"debug":"yes","n":12345678901234567890,"version":` + version + `}]`; !strings.Contains(r.Text, want) {
			t.Errorf("replay %s: %s, want %s", body, r.Text, want)
		}
		again := run["run_id"].(string)
		if again == id || r.Header.Get("Penstock-Run-Id") != again {
			t.Errorf("replay %s is run %s", body, again)
		}
		if record := p.Want(p.Do("GET", "/v1/runs/"+again, "ulf", ""), 200); record["replay_of"] != id {
			t.Errorf("replay %s: %v", body, record)
		}
	}
	one := p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", "", "Idempotency-Key", "k"), 200)
	two := p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", "", "Idempotency-Key", "k"), 200)
	if one["run_id"] != two["run_id"] {
		t.Errorf("two runs for one key: %v, %v", one, two)
	}
	p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", `{"version":"pinned"}`, "Idempotency-Key", "k"), 422)
	p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", `{"version":"newest"}`), 400)
	p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", `{"versoin":"pinned"}`), 400)
	if handle := p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", "", "Prefer", "respond-async"); handle.StatusCode != 202 || handle.Header.Get("Location") == "" {
		t.Errorf("respond-async: %d %v", handle.StatusCode, handle.Header)
	}
	p.Want(p.Do("DELETE", "/v1/flows/1", "ann", ""), 204)
	if gone := p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", ""), 409); gone["code"] != "flow_gone" {
		t.Errorf("of a deleted flow: %v", gone)
	}
	p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", `{"version":"pinned"}`), 200)
}

// A replay takes another event, which the flow's schema allows, and says before what it would repeat.
func TestReplayWithAnotherEvent(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: {webhook: {params: [debug], headers: [x-shop], schema: {type: object, required: [n]}}}\nsteps: [{set: {n: '${ .n }', debug: '${ $params.debug }', shop: '${ $headers[\"x-shop\"] }'}}]")
	first := p.Want(p.Do("POST", "/v1/flows/1/runs?debug=yes", "ulf", `{"n":1}`), 200)["run_id"].(string)
	replay := func(body string, status int) (string, map[string]any) {
		t.Helper()
		r := p.Do("POST", "/v1/runs/"+first+"/replay", "ulf", body, "Idempotency-Key", body)
		return r.Text, p.Want(r, status)
	}
	for body, want := range map[string]string{
		`{"event":{"n":2}}`: `[{"debug":"yes","n":2,"shop":null}]`,
		`{"event":{"n":3},"params":{},"headers":{"x-shop":"a"}}`:         `[{"debug":null,"n":3,"shop":"a"}]`,
		`{"params":{"debug":"no"},"version":"pinned"}`:                   `[{"debug":"no","n":1,"shop":null}]`,
		`{"dry_run":true,"event":{"n":2}}`:                               `"repeats":[]`,
		`{"event":{"n":12345678901234567890.10},"params":{"debug":"x"}}`: `"n":12345678901234567890.10`,
	} {
		if text, _ := replay(body, 200); !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %s", body, text, want)
		}
	}
	for body, code := range map[string]string{`{"event":{"m":2}}`: "validation", `{"event":null}`: "validation"} {
		if _, problem := replay(body, 422); problem["code"] != code {
			t.Errorf("%s: %v", body, problem)
		}
	}
	for _, body := range []string{`{"params":{"other":"x"}}`, `{"headers":{"X-Shop":"x"}}`, `{"event":` + strings.Repeat("[", 80) + strings.Repeat("]", 80) + `}`} {
		replay(body, 400)
	}
	run := p.Want(p.Do("GET", "/v1/runs/"+first, "ulf", ""), 200)
	again := p.Want(p.Do("GET", "/v1/runs/"+fmt.Sprint(run["replayed_by"]), "ulf", ""), 200)
	if again["replay_of"] != first {
		t.Errorf("%v is replayed by %v", run, again)
	}
}

func TestTriageOfARun(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: webhook\nsteps: [{fail: no}]")
	p.Deploy(2, apitest.FlowPasses)
	failed := p.Want(p.Do("POST", "/v1/flows/1/runs", "key-one", "{}"), 422)["run_id"].(string)
	passed := p.Run("key-one", 2, `{"n":1}`)
	path := "/v1/runs/" + failed
	for _, c := range []struct {
		path, who, body string
		status          int
	}{
		{path, "", `{"triage":"ignored"}`, 401},
		{path, "key-two", `{"triage":"ignored"}`, 404},
		{path, "vera", `{"triage":"ignored"}`, 404},
		{path, "key-one", `{"triage":"done"}`, 400},
		{path, "key-one", `{"note":"x"}`, 400},
		{path, "key-one", `{"triage":"open","note":"a\nb"}`, 400},
		{path, "key-one", `{"triage":"open","note":"` + strings.Repeat("x", 501) + `"}`, 400},
		{"/v1/runs/" + passed, "key-one", `{"triage":"resolved"}`, 409},
	} {
		p.Want(p.Do("PATCH", c.path, c.who, c.body), c.status)
	}
	run := p.Want(p.Do("PATCH", path, "key-one", `{"triage":"resolved","note":"by phone"}`), 200)
	if triage, _ := run["triage"].(map[string]any); triage["state"] != "resolved" || triage["by"] != "key:key-one" || triage["note"] != "by phone" || triage["at"] == nil {
		t.Errorf("%v", run["triage"])
	}
	for filter, want := range map[string]float64{`triage eq "resolved"`: 1, `triage eq "open"`: 0, `triage eq ""`: -1} {
		r := p.Do("GET", "/v1/runs?filter="+url.QueryEscape(filter), "ann", "")
		if want < 0 {
			p.Want(r, 400)
		} else if got := p.Want(r, 200); got["total"] != want {
			t.Errorf("%s: %v", filter, got)
		}
	}
}
