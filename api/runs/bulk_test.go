package runs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/testenv"
)

// shop is a service whose notices fail until it is well.
type shop struct {
	*httptest.Server

	mu    sync.Mutex
	well  bool           // guarded by mu
	asked map[string]int // guarded by mu; successful requests by path and Idempotency-Key
}

func startShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{asked: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/notify" && !s.well {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.asked[r.URL.Path+" "+r.Header.Get("Idempotency-Key")]++
	w.WriteHeader(http.StatusNoContent)
}

// requests returns how many requests succeeded, and how many of them had the key of an earlier one.
func (s *shop) requests() (all, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.asked {
		all, again = all+n, again+n-1
	}
	return all, again
}

// A bulk operation resumes runs of which some are uncertain or continued already, and says what became of each. Nothing is
// charged twice.
func TestBulkResume(t *testing.T) {
	t.Parallel()
	p, service := apitest.NewProduct(t), startShop(t)
	p.Deploy(1, strings.ReplaceAll("trigger: webhook\nsteps: [{name: charge, http: {post: SHOP/charge, json: {}}}, {name: notify, http: {post: SHOP/notify, json: {}}}]", "SHOP", service.URL))
	const runs = 12
	var ids []string
	for range runs {
		ids = append(ids, p.Want(p.Do("POST", "/v1/flows/1/runs", "key-one", "{}"), 502)["run_id"].(string))
	}
	testenv.Eventually(t, func() string { // all are settled, and listed
		if n := p.Want(p.Do("GET", "/v1/runs?filter=state+eq+%22failed%22", "ann", ""), 200)["total"]; n != float64(runs) {
			return fmt.Sprintf("%v runs are listed", n)
		}
		return ""
	})
	key := "penstock:{default}:journal:" + ids[1]
	apitest.Fatal(t, p.Redis.HSet(t.Context(), key, "charge.0", "sBEGUN").Err())
	p.Want(p.Do("POST", "/v1/runs/"+ids[2]+"/resume", "key-one", ""), 502)
	for _, c := range []struct {
		who, body string
		status    int
	}{
		{"", `{"action":"resume"}`, 401},
		{"vera", `{"action":"resume"}`, 403},
		{"otto", `{"action":"run"}`, 400},
		{"otto", `{"action":"resume","rate":1001}`, 400},
		{"otto", `{"action":"resume","filter":"sate eq \"failed\""}`, 400},
		{"otto", `{"action":"ignore","version":"pinned"}`, 400},
		{"otto", `{"action":"ignore"}`, 400},
		{"otto", `{"action":"ignore","runs":["x"],"filter":"flow eq 1"}`, 400},
		{"otto", `{"action":"ignore","runs":["x"],"search":"x"}`, 400},
		{"otto", `{"action":"replay","assume":{"charge":"done"}}`, 400},
	} {
		p.Want(p.Do("POST", "/v1/runs/bulk", c.who, c.body), c.status)
	}
	const filter = `"filter":"state eq \"failed\" and flow eq 1 and resumed_from eq \"\"","rate":1000`
	plan := p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"resume","dry_run":true,`+filter+`}`), 200)
	if plan["total"] != 12. || plan["applies"] != 10. || fmt.Sprint(plan["skipped"]) != "map[already_resumed:1 uncertain:1]" {
		t.Errorf("plan %v", plan)
	}
	if got := fmt.Sprint(plan["steps"]); got != "[map[done:10 effect:once failed:0 flow:1 kind:http step:charge uncertain:1] map[done:0 effect:once failed:11 flow:1 kind:http step:notify uncertain:0]]" {
		t.Errorf("steps %s", got)
	}
	replays := p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"replay","dry_run":true,`+filter+`}`), 200)
	if !strings.Contains(fmt.Sprint(replays["steps"]), "done:10") {
		t.Errorf("plan %v", replays)
	}
	chosen := p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"replay","dry_run":true,"runs":["`+ids[3]+`","`+ids[4]+`","`+ids[3]+`","019aa7b6-0000-7000-8000-000000000000"]}`), 200)
	if chosen["total"] != 2. || chosen["applies"] != 2. {
		t.Errorf("plan of two chosen runs %v", chosen)
	}
	if replays["applies"] != 11. || fmt.Sprint(replays["skipped"]) != "map[already_resumed:1]" {
		t.Errorf("a run is replayed beside the one that continues it: %v", replays)
	}
	both := p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"replay","dry_run":true,"filter":"triage eq \"open\""}`), 200)
	if both["total"] != 12. || both["applies"] != 12. || !strings.Contains(fmt.Sprint(both["steps"]), "done:11 effect:once failed:0 flow:1 kind:http step:charge uncertain:1") {
		t.Errorf("the plan of all open runs is %v", both)
	}
	service.mu.Lock()
	service.well = true
	service.mu.Unlock()
	begun := p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"resume",`+filter+`}`), 202)
	path := "/v1/operations/" + begun["id"].(string)
	p.Want(p.Do("GET", path, "ulf", ""), 404)
	var ended map[string]any
	testenv.Eventually(t, func() string {
		if ended = p.Want(p.Do("GET", path, "vera", ""), 200); ended["state"] != "done" {
			return fmt.Sprint(ended)
		}
		return ""
	})
	if ended["total"] != 12. || ended["done"] != 10. || ended["skipped"] != 2. || ended["failed"] != 0. || ended["by"] != "user:otto" {
		t.Errorf("operation %v", ended)
	}
	results := p.Want(p.Do("GET", path+"/results?page_size=5&page=1", "otto", ""), 200)
	if items := results["items"].([]any); results["total"] != 12. || len(items) != 5 || fmt.Sprint(items[1]) == "" ||
		items[1].(map[string]any)["code"] != "uncertain" || items[2].(map[string]any)["code"] != "already_resumed" || items[0].(map[string]any)["by"] == nil {
		t.Errorf("results %v", results)
	}
	testenv.Eventually(t, func() string {
		if all, again := service.requests(); all != runs+10 || again != 0 {
			return fmt.Sprintf("%d requests succeeded, %d of them again", all, again)
		}
		return ""
	})
	if n := p.Want(p.Do("GET", "/v1/runs?filter=triage+eq+%22resolved%22", "ann", ""), 200)["total"]; n != 11. { // one had been resumed before
		t.Errorf("%v runs are resolved", n)
	}
	if list := p.Want(p.Do("GET", "/v1/operations?filter=state+eq+%22done%22", "ann", ""), 200); list["total"] != 1. {
		t.Errorf("operations %v", list)
	}
	assumed := p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"resume","assume":{"charge":"not_done"},`+filter+`}`), 202)
	testenv.Eventually(t, func() string {
		o := p.Want(p.Do("GET", "/v1/operations/"+assumed["id"].(string), "otto", ""), 200)
		if o["state"] != "done" || o["done"] != 1. {
			return fmt.Sprint(o)
		}
		return ""
	})
}

// A stopped operation leaves the other runs as they are. Runs are cancelled, ignored and replayed in the same way.
func TestBulkStop(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(2, apitest.FlowWaits)
	for range 3 {
		p.Start("key-one", 2, `{"n":1}`)
	}
	begun := p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"cancel","filter":"flow gt 0","rate":1}`), 202)
	path := "/v1/operations/" + begun["id"].(string)
	p.Want(p.Do("POST", path+"/stop", "vera", ""), 403)
	p.Want(p.Do("POST", path+"/stop", "otto", ""), 200)
	until := func(want string) {
		t.Helper()
		testenv.Eventually(t, func() string {
			o := p.Want(p.Do("GET", path, "otto", ""), 200)
			if got := fmt.Sprint(o["state"], " ", o["done"], " of ", o["total"]); !strings.HasPrefix(got, want) {
				return got
			}
			return ""
		})
	}
	until("stopped ")
	begin := func(body string) {
		t.Helper()
		path = "/v1/operations/" + p.Want(p.Do("POST", "/v1/runs/bulk", "otto", body), 202)["id"].(string)
	}
	begin(`{"action":"cancel","filter":"state ne \"cancelled\"","rate":1000}`)
	until("done ")
	begin(`{"action":"ignore","filter":"flow gt 0","rate":1000}`)
	until("done 0 of 3") // cancelled runs are not triaged
	begin(`{"action":"replay","filter":"replay_of eq \"\"","rate":1000}`)
	until("done 3 of 3")
	begin(`{"action":"cancel","filter":"replay_of ne \"\"","rate":1000}`)
	until("done 3 of 3")
	begin(`{"action":"resolve","filter":"flow eq 9"}`)
	until("done 0 of 0")
	if got := p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"cancel"}`), 400)["detail"]; got != "filter: expected which runs, as GET /v1/runs takes it" {
		t.Errorf("without a filter: %v", got)
	}
	p.Want(p.Do("GET", "/v1/operations/none", "ann", ""), 404)
	p.Want(p.Do("POST", "/v1/operations/none/stop", "ann", ""), 404)
}

// An operation stops when the one who began it may not do any more what it does.
func TestBulkStopsWithItsPrincipal(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(2, apitest.FlowWaits)
	for range 30 {
		p.Start("key-one", 2, `{"n":1}`)
	}
	path := "/v1/operations/" + p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"cancel","filter":"flow eq 2","rate":2}`), 202)["id"].(string)
	p.Want(p.Do("PATCH", "/v1/users/otto", "ann", `{"disabled":true}`), 200)
	testenv.Eventually(t, func() string {
		o := p.Want(p.Do("GET", path, "ann", ""), 200)
		if o["state"] != "stopped" || o["done"].(float64) > 20 {
			return fmt.Sprint(o)
		}
		return ""
	})
	p.Want(p.Do("PATCH", "/v1/users/otto", "ann", `{"disabled":false}`), 200)
	p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"cancel","filter":"flow eq 2","rate":1000}`), 202)
}
