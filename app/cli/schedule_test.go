package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/internal/testenv"
)

// A flow with a schedule runs by itself.
func TestScheduledFlow(t *testing.T) {
	t.Parallel()
	dir, redis := t.TempDir(), testenv.Redis(t)
	source := "flow: 5\ntrigger: {schedule: '@every 1s'}\nsteps: [{transform: .scheduled_at}]\n"
	if err := os.WriteFile(filepath.Join(dir, "tick.yaml"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	startDev(t, app.Settings{Data: app.NoData, Redis: redis.URL(), Flows: dir})
	client := redis.Client()
	testenv.Until(t, "two runs ended", func() bool {
		n, err := client.ZCard(t.Context(), "penstock:{default}:index").Result()
		return err == nil && n >= 2
	})
}
