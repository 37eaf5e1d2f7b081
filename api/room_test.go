package api_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/budget"
)

// An API process that is short of memory rejects requests with bodies, with Retry-After, and serves requests
// without one.
func TestABodyWithoutRoomIsRefused(t *testing.T) {
	t.Parallel()
	process := budget.New(1<<20, slog.New(slog.NewTextHandler(io.Discard, nil)))
	d := apitest.NewFakeAPI(t, func(c *api.Config) { c.Memory = process })
	body := `"` + strings.Repeat("x", 100_000) + `"` // three times this is more than 15 % of a mebibyte
	w := d.Call(apitest.Call{Body: body})
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
	if w := d.Call(apitest.Call{Body: `{}`}); w.Code != 200 {
		t.Errorf("a small body afterwards: %d %s", w.Code, w.Body)
	}
	if s := process.Stats(); s.Denied != 1 || s.Charged != 0 {
		t.Errorf("%d were refused, %d bytes stay taken", s.Denied, s.Charged)
	}
}
