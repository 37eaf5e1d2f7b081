//go:build faults

package faults

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// A process is killed at a named point: a script of its has taken effect, and
// it has not heard of it.
func TestKilledAtAPoint(t *testing.T) {
	t.Parallel()
	for _, point := range []struct {
		name, script string
		skip         int // so many calls go well before
	}{
		{"a worker that has claimed tasks", "claim", 0},
		{"a worker that has recorded an effect", "journal", 0},
		{"a worker that has recorded its eighth effect", "journal", 7},
		{"a worker that has finished runs", "finish", 0},
		{"a worker that has settled runs", "settle", 0},
		{"a worker that has beaten", "beat", 0},
	} {
		t.Run(point.name, func(t *testing.T) {
			t.Parallel()
			p := newPoint(t)
			p.fleet.env = append(p.fleet.env, p.throughProxy)
			p.addWorker()
			p.proxy.WithholdAnswer(queue.ScriptHashes()[point.script], point.skip)
			answered := p.begin(5)
			p.reached()
			p.fleet.worker(0).Kill()
			p.addWorker() // the proxy lets it through
			p.end(answered, 5)
		})
	}
	t.Run("an api that has submitted a run", func(t *testing.T) {
		t.Parallel()
		p := newPoint(t)
		p.addWorker()
		p.fleet.env = append(p.fleet.env, p.throughProxy)
		p.fleet.apis = append(p.fleet.apis, p.fleet.apis[0])
		p.fleet.replaceAPI(0) // the one that is asked first
		p.caller.do(t.Context(), &call{flow: "pure", n: 0}).want(t, 0)
		p.proxy.WithholdAnswer(queue.ScriptHashes()["submit"], 0)
		answered := p.begin(1)
		p.reached()
		p.fleet.api(0).Kill()
		p.end(answered, 1)
		if n := len(records(t, p.server.Client())); n != 2 {
			t.Errorf("%d runs, want 2", n)
		}
	})
}

// point is a fleet of one api, to whose Redis a proxy leads as well.
type point struct {
	t            *testing.T
	server       *testenv.RedisServer
	proxy        *testenv.Proxy
	throughProxy string // setting
	sink         *sink
	fleet        *fleet
	caller       *caller
}

func newPoint(t *testing.T) *point {
	t.Helper()
	p := &point{t: t, server: testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always"), sink: newSink(t)}
	p.sink.slow(400 * time.Millisecond) // so that a run lasts longer than from beat to beat
	p.proxy = testenv.NewProxy(t, p.server.Addr)
	p.throughProxy = "PENSTOCK_REDIS_URL=redis://" + p.proxy.Addr
	p.fleet = newFleet(t, p.server.URL(), 1, 0)
	p.caller = newCaller(t, p.fleet, p.sink)
	return p
}

// addWorker starts a worker and waits until it waits for tasks.
func (p *point) addWorker() {
	p.t.Helper()
	redis := p.server.Client()
	waiting := func() int64 {
		info, _ := redis.InfoMap(context.Background(), "clients").Result()
		return number(info["Clients"]["blocked_clients"])
	}
	before := waiting()
	name := fmt.Sprint("worker ", len(p.fleet.workers))
	p.fleet.workers = append(p.fleet.workers, p.fleet.spawn("worker", name))
	eventually(p.t, startLimit, name+" waits for tasks", func() bool { return waiting() > before })
}

func (p *point) begin(runs int) <-chan *call {
	answered := make(chan *call, runs)
	for i := range runs {
		go func() {
			answered <- p.caller.do(context.Background(), &call{flow: "puts", n: 2 * i, key: fmt.Sprint("call-", i)})
		}()
	}
	return answered
}

// reached waits until the point is.
func (p *point) reached() {
	p.t.Helper()
	eventually(p.t, 10*time.Second, "the point is reached", func() bool { return p.proxy.Lost() == 1 })
}

func (p *point) end(answered <-chan *call, runs int) {
	p.t.Helper()
	for range runs {
		call := <-answered
		call.want(p.t, call.n+3)
		if first := call.tries[0]; first.status == http.StatusOK && first.took > 10*time.Second {
			p.t.Errorf("call %d waited %v", call.n, first.took)
		}
	}
	checkAll(p.t, p.server.Client(), p.caller.history, p.sink)
}
