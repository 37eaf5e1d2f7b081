package worker

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// sealedConnections cannot be opened at first; later there are none.
type sealedConnections struct {
	flows.Connections
	asked atomic.Int32
}

func (c *sealedConnections) HTTP(context.Context, string) (flows.HTTPConnection, error) {
	if c.asked.Add(1) == 1 {
		return nil, &flows.Error{Code: flows.CodeStepFailed, Message: "cannot be read now", Err: &store.MissingKeyError{ID: "1234abcd"}}
	}
	return nil, &flows.Error{Code: flows.CodeStepFailed, Message: "there is none"}
}

// A run that needs a credential which this process cannot decrypt goes back to the queue, also when the last step of
// its flow ignores errors.
func TestARunThatMeetsASealedCredentialGoesBack(t *testing.T) {
	t.Parallel()
	c := &sealedConnections{}
	r := startWorker(t, map[string]string{"v": "steps:\n  - http: {get: 'https://api.example.org', connection: crm}\n    on_error: continue\n"},
		func(config *Config) { config.Env.Connections, config.Env.HTTP = c, http.DefaultTransport })
	result := r.run("v", `{}`, 15*time.Second)
	if result.State != queue.Succeeded || c.asked.Load() != 2 {
		t.Errorf("result %+v after %d attempts to open, want 2", result, c.asked.Load())
	}
}

// A worker that is not ready takes no run until it is.
func TestAWorkerThatIsNotReadyWaits(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	var asked atomic.Int32
	r := startWorker(t, map[string]string{"v": "steps: [{set: {n: 1}}]\n"}, func(config *Config) {
		config.Ready = func() error {
			if asked.Add(1) > 2 {
				ready.Store(true)
			}
			if !ready.Load() {
				return errors.New("not ready")
			}
			return nil
		}
	})
	if result := r.run("v", `{}`, 15*time.Second); result.State != queue.Succeeded || !ready.Load() {
		t.Errorf("result %+v; ready %v", result, ready.Load())
	}
}
