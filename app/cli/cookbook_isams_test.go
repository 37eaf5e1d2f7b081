package cli

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows/cookbook"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// schoolFleet is an API process with the flow of the cookbook and the connections to a fake iSAMS and a fake Salesforce.
type schoolFleet struct {
	t        *testing.T
	settings map[string]string
	ann      *client.Client
	redis    *redis.Client
}

const schoolFlow = "isams-to-salesforce"

func newSchoolFleet(t *testing.T, s *school, o *org) *schoolFleet {
	t.Helper()
	dir := t.TempDir()
	source, err := cookbook.FS.ReadFile(schoolFlow + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, schoolFlow+".yaml"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	server := testenv.Redis(t, "--appendonly", "yes")
	f := &schoolFleet{t: t, redis: server.Client(), settings: map[string]string{
		"PENSTOCK_REDIS_URL": server.URL(), "PENSTOCK_MASTER_KEY": base64.StdEncoding.EncodeToString(store.NewMasterKey()),
		"PENSTOCK_ADMIN_USER": "ann", "PENSTOCK_ADMIN_PASSWORD": testSecret, "PENSTOCK_FLOWS": dir, "PENSTOCK_LISTEN": "127.0.0.1:0",
		"PENSTOCK_ALLOW_PRIVATE_NETWORKS": "true",
	}}
	ready := filepath.Join(t.TempDir(), "ready")
	api := startChild(t, "api", f.settings, "--ready-file", ready)
	api.ready(t, ready)
	if f.ann, err = client.New(client.Config{URL: api.url, User: "ann", Password: testSecret}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]map[string]any{
		"isams": {"type": "oauth2_client", "hosts": []string{s.url}, "settings": map[string]string{
			"client_id": "c", "client_secret": testSecret, "client_auth": "body", "scope": "restapi", "token_url": s.url + "/auth/connect/token", "base": s.url + "/api",
		}},
		"salesforce": {"type": "oauth2_client", "hosts": []string{o.url}, "settings": map[string]string{
			"client_id": "c", "client_secret": testSecret, "token_url": o.url + "/services/oauth2/token", "base": "{instance_url}/services/data/v63.0",
		}},
	} {
		if err := f.ann.Call(t.Context(), http.MethodPut, "/v1/connections/"+name, c, nil); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *schoolFleet) worker() *childProcess { return startChild(f.t, "worker", f.settings) }

func (f *schoolFleet) start() (run string) {
	f.t.Helper()
	started, err := f.ann.Start(f.t.Context(), client.Request{Flow: schoolFlow, Event: []byte(`{"scheduled_at":"2026-11-23T02:00:00Z"}`), Async: true})
	if err != nil {
		f.t.Fatal(err)
	}
	return started.ID
}

// ends waits for the end of a run.
func (f *schoolFleet) ends(id string) *client.Run {
	f.t.Helper()
	var run *client.Run
	testenv.Until(f.t, "the run has ended", func() bool {
		var err error
		if run, err = f.ann.Status(f.t.Context(), id, time.Second); err != nil {
			f.t.Fatal(err)
		}
		return run.State == "succeeded" || run.State == "failed"
	})
	return run
}

// journaled returns the effects of a run that are recorded with their results, as Idempotency-Key names them.
func (f *schoolFleet) journaled(run string) map[string]bool {
	f.t.Helper()
	effects, err := f.redis.HGetAll(context.Background(), "penstock:{default}:journal:"+run).Result()
	if err != nil {
		f.t.Fatal(err)
	}
	done := map[string]bool{}
	for effect, what := range effects {
		if strings.HasPrefix(what, "r") {
			done[run+"."+effect] = true
		}
	}
	return done
}

// 2,000 pupils and their parents go to Salesforce, while the worker is killed in the middle: everybody is there once, and what the
// journal knew was not sent again. Then only changes are sent, and a list that was cut changes nothing.
func TestPupilsToSalesforceOverACrash(t *testing.T) {
	t.Parallel()
	const pupils, killedAt = 2000, 15
	s, o := newSchool(t, pupils), newOrg(t, killedAt)
	f := newSchoolFleet(t, s, o)
	first, begun := f.worker(), time.Now()
	run := f.start()
	testenv.Receive(t, o.held, "the request during which the worker is killed")
	_ = first.cmd.Process.Kill()
	_ = first.cmd.Wait()
	known := f.journaled(run)
	before, _ := o.seen()
	f.worker()
	end := f.ends(run)
	if end.State != "succeeded" || string(end.Output) != `[{"requests":40,"stored":8000}]` {
		t.Fatalf("%s %s %v", end.State, end.Output, end.Error)
	}
	took := time.Since(begun)
	requests, count := o.seen()
	repeated, recorded := 0, 0
	for key, n := range requests {
		if n > 1 {
			repeated++
		}
		if known[key] {
			recorded++
		}
		if known[key] && n > before[key] {
			t.Errorf("%s was in the journal and was sent again", key)
		}
	}
	if recorded != killedAt-1 || len(known) < pupils {
		t.Errorf("the journal knew %d of the %d requests to Salesforce, and %d effects", recorded, killedAt-1, len(known))
	}
	if contacts, guardianships := o.sizes(); repeated != 1 || count != 41 || contacts != 2*pupils || guardianships != 2*pupils {
		t.Errorf("%d requests, %d of them again, %d contacts, %d guardianships", count, repeated, contacts, guardianships)
	}
	for i := range pupils {
		if got := o.contact(fmt.Sprintf("pupil-%d", i)); got["LastName"] != fmt.Sprintf("Family %d", i/2) || got["School_Status__c"] != "current" {
			t.Fatalf("pupil %d is %v", i, got)
		}
	}
	reads := s.reads()
	for what, n := range reads {
		if n != 1 {
			t.Errorf("%s was asked for %d times", what, n)
		}
	}
	t.Logf("%d pupils: %d requests to iSAMS and %d to Salesforce; the worker was killed during request %d, %d effects were in the journal, %d request came again; %v",
		pupils, len(reads), count, killedAt, len(known), repeated, took.Round(time.Millisecond))
	f.sendsChanges(s, o, count)
}

// sendsChanges checks the runs after the first one.
func (f *schoolFleet) sendsChanges(s *school, o *org, before int) {
	f.t.Helper()
	s.change(func(all []map[string]any) []map[string]any {
		all[4] = maps.Clone(all[4])
		all[4]["surname"] = "King"
		return append(append(all[:10:10], all[11:]...), pupil(2000)) // pupil 10 leaves, pupil 2000 is new
	})
	end := f.ends(f.start())
	if _, count := o.seen(); end.State != "succeeded" || string(end.Output) != `[{"requests":3,"stored":11}]` || count != before+3 {
		f.t.Fatalf("%s %s %v, %d requests", end.State, end.Output, end.Error, count-before)
	}
	changed, left, added := o.contact("pupil-4"), o.contact("pupil-10"), o.contact("pupil-2000")
	if changed["LastName"] != "King" || left["School_Status__c"] != "left" || added == nil {
		f.t.Errorf("%v %v %v", changed, left, added)
	}
	s.change(func(all []map[string]any) []map[string]any { return all[:1000] })
	end = f.ends(f.start())
	if _, count := o.seen(); end.State != "failed" || !strings.Contains(fmt.Sprint(end.Error), "max_gone") || count != before+3 {
		f.t.Errorf("a list that was cut: %s %v, %d requests", end.State, end.Error, count-before-3)
	}
}
