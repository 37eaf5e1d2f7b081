package app

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/penstock/penstock/store"
)

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
