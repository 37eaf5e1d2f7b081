package console

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/lastuse"
)

// Lists say when each thing was used last, and forget those that were deleted.
func TestLastUsesAreShown(t *testing.T) {
	t.Parallel()
	var uses *lastuse.Recorder
	d := newTestConsole(t, func(c *Config) {
		var err error
		uses, err = lastuse.New(lastuse.Config{Redis: c.Redis, Log: slog.New(slog.DiscardHandler), Now: c.Now})
		must(t, err)
		c.LastUse = uses
	})
	b := d.signedIn("root")
	flush := func() {
		ended, end := context.WithCancel(t.Context())
		end()
		must(t, uses.Run(ended))
	}
	for path, things := range map[string]map[lastuse.Kind]string{
		"/access/keys": {lastuse.Key: "crm"}, "/access/clients": {lastuse.Client: "client-a"}, "/access/users": {lastuse.User: "ann"},
		"/connections": {lastuse.Connection: "crm", lastuse.Secret: "hook"},
	} {
		before := strings.Count(b.page(path), ">not used<")
		for kind, name := range things {
			uses.Note(kind, name)
		}
		flush()
		if after := strings.Count(b.page(path), ">not used<"); before-after < len(things) {
			t.Errorf("%s: %d are not used, %d before", path, after, before)
		}
	}
	if w := b.post("/access/keys/crm/delete"); w.Code != http.StatusSeeOther {
		t.Fatalf("delete: %d", w.Code)
	}
	if left, err := uses.Of(t.Context(), lastuse.Key, []string{"crm"}); err != nil || len(left) != 0 {
		t.Errorf("a deleted key was used at %v, %v", left, err)
	}
}

// A new connection begins with what is known of a product, and only of those.
func TestPresetsOfConnections(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	if page := b.page("/connections"); !strings.Contains(page, "/console/connections/new?product=stripe&amp;type=bearer") {
		t.Error("the menu has no products")
	}
	page := b.page("/connections/new?product=hubspot&type=oauth2_refresh")
	for _, part := range []string{"What to enter for HubSpot", `value="api.hubapi.com"`, `value="https://app.hubspot.com/oauth/authorize"`, `name="name" value="hubspot"`} {
		if !strings.Contains(page, part) {
			t.Errorf("%s is missing", part)
		}
	}
	for _, wrong := range []string{"product=nobody&type=bearer", "product=stripe&type=basic", "product=stripe&type=telepathy"} {
		if w := b.get("/connections/new?" + wrong); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", wrong, w.Code)
		}
	}
}
