package cookbook_test

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/cookbook"
)

// recipes has an event for each flow of the cookbook that calls all of its services; URL stands for their address.
var recipes = map[string]struct{ event, param, value string }{
	"approval.yaml":              {event: `{"refund":"r1","amount":2000}`},
	"crm-upsert.yaml":            {event: `{"email":"a@b.org","first":"Ann"}`},
	"fan-out.yaml":               {event: `{"event":"opened","partners":[{"name":"a","url":"URL/a"},{"name":"c","url":"URL/c"}]}`},
	"form-to-email.yaml":         {event: `{"email":"a@b.org","name":"Ann","message":"Hello"}`},
	"paged-export.yaml":          {event: `null`, param: "since", value: "2026-11-01"},
	"poll-watermark.yaml":        {event: `{}`},
	"respond-then-continue.yaml": {event: `{"sku":"A-1","quantity":2}`},
	"soap-call.yaml":             {event: `{"from":"GBP","to":"EUR"}`},
	"sql-lookup.yaml":            {event: `{"pupil":7}`},
	"sync-crm-to-web.yaml":       {event: `{"people":[{"id":"7","name":"Ann"}]}`},
	"sync-web-to-crm.yaml":       {event: `{"people":[{"id":"7","name":"Ann"}]}`},
	"tell-customers.yaml":        {event: `{"number":"A-1","total":12.50,"customers":[{"id":"acme","hook_url":"https://acme.example.org"},{"id":"zet","hook_url":"https://zet.example.org"}]}`},
}

// result is what a run left behind.
type result struct {
	Output         string
	Failed, Parked bool
	Calls          []string
	Mails          int
}

// varies are the parts of a result that differ between runs: the counter of orders, ids of
// mails, and the addresses of the services.
var varies = regexp.MustCompile(`W[0-9]+|"id":"[0-9a-f]{32}"|http://127\.0\.0\.1:[0-9]+`)

// outcome runs a recipe once.
func (s *services) outcome(env flows.Env, file string) result {
	s.t.Helper()
	r := recipes[file]
	s.calls, s.mails = nil, nil
	var params []string
	if r.param != "" {
		params = []string{r.param, r.value}
	}
	output, err := s.run(env, file, strings.ReplaceAll(r.event, "URL", s.url), params...)
	var parked *flows.Parked
	made := result{Output: varies.ReplaceAllString(output, ""), Parked: errors.As(err, &parked), Calls: s.calls, Mails: len(s.mails)}
	made.Failed = err != nil && !made.Parked
	for i, call := range made.Calls {
		made.Calls[i] = varies.ReplaceAllString(call, "")
	}
	slices.Sort(made.Calls)
	return made
}

// A sender repeats a delivery that failed: the run then does what it would have done at first.
func TestFailsThenAgain(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(cookbook.FS, "*.yaml")
	files = slices.DeleteFunc(files, func(file string) bool { return slices.Contains(withCredentials, file) })
	if err != nil || len(files) != len(recipes) {
		t.Fatalf("%d recipes have an event, of %d: %v", len(recipes), len(files), err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			var first, again result
			for _, outage := range []bool{false, true} {
				s := newServices(t)
				s.people = []map[string]any{{"id": 1, "email": "x@b.org", "first": "Xe", "last": "Lee", "changed_at": "2026-11-02T10:00:00Z"}}
				if file == "sql-lookup.yaml" {
					s.school()
				}
				if file == "form-to-email.yaml" || file == "approval.yaml" {
					s.post()
				}
				env := s.env(shelf{t})
				if !outage {
					first = s.outcome(env, file)
					continue
				}
				s.stop()
				failed := s.outcome(env, file)
				if cmp.Equal(first, failed) {
					t.Fatalf("the outage changed nothing: %+v", failed)
				}
				if !failed.Failed && !strings.Contains(failed.Output, `"failed":[{`) {
					t.Errorf("the outage is no failure: %+v", failed)
				}
				s.start()
				again = s.outcome(env, file)
			}
			if first.Failed {
				t.Errorf("failed without an outage: %+v", first)
			}
			if diff := cmp.Diff(first, again); diff != "" {
				t.Errorf("again (-want +got)\n%s", diff)
			}
		})
	}
}
