package app

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
)

// A process logs a warning when its Redis may evict runs.
func TestAForgetfulRedisIsWarnedOf(t *testing.T) {
	t.Parallel()
	for policy, warns := range map[string]bool{"noeviction": false, "allkeys-lru": true, "volatile-lru": true} {
		conn, err := redisconn.Parse(testenv.Redis(t, "--maxmemory", "100mb", "--maxmemory-policy", policy).URL())
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		p := &Program{redis: conn, log: slog.New(slog.NewTextHandler(&b, nil))}
		p.warnAboutEviction(t.Context())
		if warned := strings.Contains(b.String(), "level=WARN") && strings.Contains(b.String(), policy); warned != warns {
			t.Errorf("%s: %q", policy, b.String())
		}
	}
}
