package console

import (
	"net/http"
	"strings"
	"testing"
)

// A run that is stopped in the queue leaves its task in asynq's list until a worker drops it. Without a worker, the
// overview is what people look at.
func TestOverviewWithAStoppedRun(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, _ := d.withSession("vera")
	_, err := d.config.Queue.Cancel(t.Context(), d.run, []byte(`{"code":"cancelled"}`))
	must(t, err)
	if n := d.redis.LLen(t.Context(), "asynq:{default}:pending").Val(); n != 1 {
		t.Fatalf("%d tasks are in the list, want the one of the run", n)
	}
	for _, path := range []string{"/", "/overview"} {
		if w := b.get(path); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "default") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
