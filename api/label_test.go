package api_test

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
)

// labelRecorder records the calls of Config.Label.
type labelRecorder struct {
	mu   sync.Mutex
	said []string // guarded by mu
}

func (l *labelRecorder) add(_ context.Context, byFlow bool, refusal string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, strconv.FormatBool(byFlow)+" "+refusal)
}

func (l *labelRecorder) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said[len(l.said)-1]
}

// Each response is labelled with whether a flow chose its status and with the reason of a rejection.
func TestAnswersAreLabelled(t *testing.T) {
	t.Parallel()
	l := &labelRecorder{}
	p := apitest.NewProduct(t, func(c *api.Config) { c.Label = l.add })
	p.Deploy(1, "trigger: webhook\nsteps: [{respond: {status: 503, json: {down: true}}}]")
	p.Deploy(2, "trigger: webhook\nsteps: [{fail: {message: closed, status: 503}}]")
	p.Deploy(3, "trigger: webhook\nsteps: [{set: {a: 1}}]")
	for _, c := range []struct {
		method, path, body string
		status             int
		label              string
	}{
		{"POST", "/v1/flows/1/runs", "{}", 503, "true "},
		{"POST", "/v1/flows/2/runs", "{}", 503, "true "},
		{"POST", "/v1/flows/3/runs", "{}", 200, "false "},
		{"POST", "/v1/flows/3/runs", "{", 400, "false bad_json"},
		{"POST", "/v1/flows/4/runs", "{}", 404, "false not_found"},
		{"GET", "/v1/runs/nonsense", "", 404, "false "}, // it was to run nothing
	} {
		if r := p.Do(c.method, c.path, "ulf", c.body); r.StatusCode != c.status || l.last() != c.label {
			t.Errorf("%s %s %s: %d %q, want %d %q", c.method, c.path, c.body, r.StatusCode, l.last(), c.status, c.label)
		}
	}
}
