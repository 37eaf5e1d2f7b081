package app

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/penstock/penstock/store"
)

// devKey is the API key of dev when the settings have none. Its secret is kept with the data.
const devKey = "dev"

// devAPIKey returns the API key that dev prints.
func (p *Program) devAPIKey(ctx context.Context) (*store.Key, error) {
	if p.settings.APIKey != "" {
		return p.store.Keys().Key(ctx, p.settings.APIKey)
	}
	if old, err := p.store.Keys().Key(ctx, devKey); err == nil && old.APIAccess {
		return old, nil
	}
	return p.store.Keys().Put(ctx, store.Key{Key: devKey, Name: "development", Secret: strings.ToLower(rand.Text()), APIAccess: true})
}
