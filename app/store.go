package app

import (
	"context"
	"errors"
	"os"

	"github.com/penstock/penstock/store"
)

// openStore opens flows and keys, and makes the bootstrap key exist.
func (p *Program) openStore(ctx context.Context) error {
	keys, err := p.masterKeys()
	if err != nil {
		return err
	}
	sealer, err := store.NewSealer(keys...)
	if err != nil {
		return err
	}
	client := p.redis.Client()
	p.onClose(client.Close)
	host, _ := os.Hostname()
	p.store, err = store.Open(ctx, store.Config{
		Redis: client, Sealer: sealer, Catalogue: p.kinds, Log: p.log,
		Process: store.Process{Role: p.role.name(), Host: host, PID: os.Getpid(), Version: BuildVersion()},
		Settle:  p.settings.MasterKeySettle, Restore: p.restore,
	})
	if err != nil {
		return err
	}
	p.add("store", p.store.Run)
	p.watchStore()
	p.devAdmin(keys[0])
	p.guessKey = derived(keys[p.store.MasterKey()], "names and networks of guesses") // the same in all processes
	if err := p.openCallbacks(keys); err != nil {
		return err
	}
	if err := p.store.Ready(); err != nil { // it may become able to: somebody gives the others' key back
		p.log.Error("this process cannot work with what is stored", "error", err)
		p.store.RestoreLater()
		return nil
	}
	return p.bootstrapKey(ctx)
}

// name is what the fleet calls the role.
func (r Role) name() string {
	switch {
	case r.Dev:
		return "dev"
	case r.Door:
		return "api"
	}
	return "worker"
}

// ready says whether this process may take work.
func (p *Program) ready(ctx context.Context) error {
	return errors.Join(p.store.Ready(), p.client.Ping(ctx))
}

// restore makes exist again what the settings make exist. The store calls it
// when it was emptied, or went back to an earlier state.
func (p *Program) restore(ctx context.Context) error {
	if !p.role.Door {
		return nil
	}
	if err := p.bootstrapKey(ctx); err != nil {
		return err
	}
	if err := p.bootstrapAdmin(ctx); err != nil {
		return err
	}
	return p.deployFlows(ctx)
}

// bootstrapKey makes the API key of the settings exist.
func (p *Program) bootstrapKey(ctx context.Context) error {
	if p.settings.APIKey == "" || !p.role.Door {
		return nil
	}
	return p.ensureKey(ctx, store.Key{Key: p.settings.APIKey, Name: "bootstrap", Secret: p.settings.APISecret, APIAccess: true})
}

// ensureKey makes a key exist with this secret. An existing key keeps what
// else was changed of it; one that nobody can open is made anew.
func (p *Program) ensureKey(ctx context.Context, key store.Key) error {
	var damaged *store.DamagedError
	old, err := p.store.Keys().Key(ctx, key.Key)
	switch {
	case err == nil && old.Secret == key.Secret && old.APIAccess:
		return nil
	case err == nil:
		secret := key.Secret
		key = *old
		key.Secret, key.APIAccess = secret, true
	case !errors.Is(err, store.ErrNotFound) && !errors.As(err, &damaged):
		return err
	}
	_, err = p.store.Keys().Put(ctx, key)
	return err
}
