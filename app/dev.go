package app

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

func newDev(e env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, role{door: true, worker: true, dev: true}, &cobra.Command{
		Use:   "dev",
		Short: "Run everything in one process, with example flows and a demo CRM",
		Long: "Run the front door and a worker in one process, on an embedded store unless --redis\n" +
			"names a real one. It makes an API key, watches --flows, and prints a command to paste.\n\n" +
			"The embedded store saves once a second: it is for development, not for production.",
	})
}

// devKey is the API key that dev makes when the settings name none. Its
// secret stays the same as long as the data does.
const devKey = "dev"

// credentials returns the key that dev shows.
func (p *Program) credentials(ctx context.Context) (*store.Key, error) {
	if p.settings.APIKey != "" {
		return p.store.Keys().Key(ctx, p.settings.APIKey)
	}
	if old, err := p.store.Keys().Key(ctx, devKey); err == nil && old.APIAccess {
		return old, nil
	}
	return p.store.Keys().Put(ctx, store.Key{Key: devKey, Name: "development", Secret: strings.ToLower(rand.Text()), APIAccess: true})
}
