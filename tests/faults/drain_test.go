//go:build faults

package faults

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// An api is told to stop while callers wait: readiness fails, all of them are
// answered, no connection is reset.
func TestDrainOfAnAPIAnswersItsWaiters(t *testing.T) {
	t.Parallel()
	d := newDrain(t)
	api := d.fleet.api(0)
	answered := d.begin("posts", 50)
	stopped := make(chan error, 1)
	go func() { stopped <- api.Stop(drainLimit) }()
	eventually(t, 5*time.Second, "readiness fails", func() bool { return !d.ready(api) })
	d.release()
	for range 50 {
		call := <-answered
		call.want(t, call.n+3)
	}
	if err := <-stopped; err != nil {
		t.Errorf("the api ended with %v", err)
	}
	d.fleet.replaceAPI(0)
	checkAll(t, d.server.Client(), d.caller.history, d.sink)
}

// The same with runs that outlast the door's patience: their callers get the
// run's id, and the runs go on.
func TestDrainOfAnAPIHandsOverWhatLasts(t *testing.T) {
	t.Parallel()
	d := newDrain(t)
	answered := d.begin("posts", 20)
	if err := d.fleet.api(0).Stop(drainLimit); err != nil {
		t.Errorf("the api ended with %v", err)
	}
	d.release()
	d.fleet.replaceAPI(0)
	for range 20 {
		call := <-answered
		last := call.last()
		if last.status != http.StatusGatewayTimeout || last.code != "handed_over" || last.run == "" {
			t.Errorf("call %d: status %d, code %q, run %q, %v; want 504 handed_over with a run", call.n, last.status, last.code, last.run, last.err)
		}
	}
	checkAll(t, d.server.Client(), d.caller.history, d.sink)
	for id, r := range records(t, d.server.Client()) {
		if r.state != "succeeded" {
			t.Errorf("run %s is %s", id, r.state)
		}
	}
}

// A worker is told to stop: it finishes what it can.
func TestDrainOfAWorkerFinishesItsRuns(t *testing.T) {
	t.Parallel()
	d := newDrain(t)
	answered := d.begin("posts", 50)
	stopped := make(chan error, 1)
	go func() { stopped <- d.fleet.worker(0).Stop(drainLimit) }()
	d.release()
	for range 50 {
		call := <-answered
		call.want(t, call.n+3)
	}
	if err := <-stopped; err != nil {
		t.Errorf("the worker ended with %v", err)
	}
	checkAll(t, d.server.Client(), d.caller.history, d.sink)
}

// What outlasts its patience it hands back. Another worker goes on at once,
// and the attempt does not count as lost.
func TestDrainOfAWorkerHandsBackWhatLasts(t *testing.T) {
	t.Parallel()
	d := newDrain(t)
	answered := d.begin("puts", 20)
	if err := d.fleet.worker(0).Stop(drainLimit); err != nil {
		t.Errorf("the worker ended with %v", err)
	}
	d.release()
	handed := time.Now()
	d.fleet.replaceWorker(0)
	for range 20 {
		call := <-answered
		call.want(t, call.n+3)
	}
	t.Logf("%v after the old worker's end its runs were done", time.Since(handed).Round(10*time.Millisecond))
	checkAll(t, d.server.Client(), d.caller.history, d.sink)
	for id, r := range records(t, d.server.Client()) {
		if r.crashes != 0 || r.fence != 2 {
			t.Errorf("run %s: attempt %d, %d crashes; want the second and none", id, r.fence, r.crashes)
		}
	}
}

// drain is a fleet of one api and one worker, whose runs hang at the second
// effect until release.
type drain struct {
	server  *testenv.RedisServer
	sink    *sink
	fleet   *fleet
	caller  *caller
	release func()
}

func newDrain(t *testing.T) *drain {
	t.Helper()
	d := &drain{server: testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always"), sink: newSink(t)}
	d.fleet = newFleet(t, d.server.URL(), 1, 1)
	d.caller = newCaller(t, d.fleet, d.sink)
	d.release = d.sink.holdBack("two")
	return d
}

func (d *drain) begin(flow string, runs int) <-chan *call {
	answered := make(chan *call, runs)
	for i := range runs {
		go func() { answered <- d.caller.do(context.Background(), &call{flow: flow, n: i}) }()
	}
	for range runs {
		<-d.sink.reached
	}
	return answered
}

// ready reports what a balancer sees; a door that has closed is not ready.
func (d *drain) ready(api *door) bool {
	r, err := http.Get(api.url + "/readyz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}
