package flows_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// After which failures a run is tried again, by run.retry.
func TestRunRetryFailures(t *testing.T) {
	t.Parallel()
	const steps = "\nsteps: [{name: get, http: {get: 'http://h'}}, {name: pay, http: {post: 'http://h', json: {}}}, {name: put, http: {put: 'http://h', json: {}}}]\n"
	status := func(step string, n int) *flows.Error {
		return &flows.Error{Code: flows.CodeStepFailed, Step: step, Upstream: n}
	}
	class := func(step string, c flows.Class) *flows.Error {
		return &flows.Error{Code: flows.CodeStepFailed, Step: step, Class: c}
	}
	for _, c := range []struct {
		on     string
		failed *flows.Error
		again  bool
	}{
		{"", status("get", 503), true},
		{"", status("get", 500), true},
		{"", status("get", 404), false},
		{"", class("get", flows.ClassNetwork), true},
		{"", class("put", flows.ClassTimeout), true},
		{"", class("get", ""), false},
		{"", status("pay", 503), true},
		{"", status("pay", 500), false}, // it may have done it
		{"", class("pay", flows.ClassNetwork), false},
		{"", status("call/http", 500), false}, // of a called flow, which may be once
		{"", status("call/http", 503), true},
		{"", &flows.Error{Code: flows.CodeBusy}, false},
		{"", &flows.Error{Code: flows.CodeExpression, Step: "get"}, false},
		{"", &flows.Error{Code: flows.CodeValidation}, false},
		{"", &flows.Error{Code: flows.CodeUncertain, Step: "pay"}, false},
		{"on: [500]", status("pay", 500), true},
		{"on: [500]", status("get", 503), false},
		{"on: network", class("pay", flows.ClassNetwork), true},
		{"on: [busy, no_stock]", &flows.Error{Code: flows.CodeBusy}, true},
		{"on: [busy, no_stock]", &flows.Error{Code: "no_stock", Step: "get"}, true},
		{"on: [busy, no_stock]", status("get", 503), false},
		{"on: step_failed", status("pay", 404), true},
		{"", class("pay", flows.ClassDeadlock), true}, // it was undone
		{"on: deadlock", class("get", flows.ClassDeadlock), true},
		{"on: network", class("get", flows.ClassDeadlock), false},
	} {
		f := parseFile(t, "flow: 1\nrun: {retry: {attempts: 2, "+c.on+"}}"+steps)
		if _, again := f.RetryPause(c.failed, 1); again != c.again {
			t.Errorf("%q after %+v: %v, want %v", c.on, c.failed, again, c.again)
		}
		if _, again := f.RetryPause(c.failed, 2); again {
			t.Errorf("%q: a third of 2 tries", c.on)
		}
	}
	if _, again := parseFile(t, "flow: 1"+steps).RetryPause(status("get", 503), 1); again {
		t.Error("a run of a flow without run.retry is tried again")
	}
}

// Each pause is twice as long as the one before, up to max, and up to half shorter at random.
func TestRunRetryPauses(t *testing.T) {
	t.Parallel()
	const steps = "\nsteps: [{name: get, http: {get: 'http://h'}}]\n"
	failed := flows.Error{Code: flows.CodeStepFailed, Step: "get", Upstream: 503}
	for _, c := range []struct {
		retry string
		tries int
		after time.Duration
		want  time.Duration // the longest
	}{
		{"3", 1, 0, 10 * time.Second},
		{"3", 2, 0, 20 * time.Second},
		{"{attempts: 20}", 19, 0, 5 * time.Minute},
		{"{attempts: 20, backoff: 1h, max: 24h}", 3, 0, 4 * time.Hour},
		{"{attempts: 20, backoff: 1h, max: 1h}", 3, 0, time.Hour},
	} {
		f := parseFile(t, "flow: 1\nrun: {retry: "+c.retry+"}"+steps)
		if got, _ := f.RetryPause(&failed, c.tries); got > c.want || got < c.want/2 {
			t.Errorf("%s: %v after %d tries, want %v to %v", c.retry, got, c.tries, c.want/2, c.want)
		}
	}
	f := parseFile(t, "flow: 1\nrun: {retry: 3}"+steps)
	for asked, want := range map[time.Duration]time.Duration{time.Hour: time.Hour, 100 * time.Hour: 24 * time.Hour} {
		failed.RetryAfter = asked
		if got, _ := f.RetryPause(&failed, 1); got != want {
			t.Errorf("Retry-After %v: %v, want %v", asked, got, want)
		}
	}
}

// After which failures it is unknown whether the other side did what it was asked to do.
func TestAmbiguousFailures(t *testing.T) {
	t.Parallel()
	for failed, want := range map[*flows.Error]bool{
		{Class: flows.ClassNetwork}:  true,
		{Class: flows.ClassTimeout}:  true,
		{Class: flows.ClassDeadlock}: false,
		{Upstream: 500}:              false,
		{}:                           false,
		{Class: flows.ClassNetwork, Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}: false,
	} {
		if got := failed.Ambiguous(); got != want {
			t.Errorf("%+v: %v, want %v", failed, got, want)
		}
	}
}
