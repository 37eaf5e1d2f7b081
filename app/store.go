package app

import (
	"context"
	"errors"
	"os"

	"github.com/penstock/penstock/store"
)

// openStore opens the store and creates the API key of the settings.
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
	secrets, err := p.openSecretStores()
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	p.store, err = store.Open(ctx, store.Config{
		Redis: client, Sealer: sealer, Catalogue: p.kinds, Log: p.log,
		Process: store.Process{Role: p.role.name(), Host: host, PID: os.Getpid(), Version: BuildVersion()},
		Settle:  p.settings.MasterKeySettle, Restore: p.restore, Vars: p.settings.Vars, History: p.logHistory(), SecretStores: secrets,
		SecondApproval: p.settings.SecondApproval,
	})
	if err != nil {
		return err
	}
	p.add("store", p.store.Run)
	p.exportStoreMetrics()
	p.devAdmin(keys[0])
	p.bruteForceKey = deriveKey(keys[p.store.MasterKey()], "names and networks of guesses") // the same in all processes
	if err := p.openCallbacks(keys); err != nil {
		return err
	}
	if err := p.store.Ready(); err != nil { // it may become ready later, for example when another process restores a master key
		p.log.Error("this process cannot use the store", "error", err)
		p.store.RestoreLater()
		return nil
	}
	return p.bootstrapKey(ctx)
}

// name returns the role as announced to the fleet.
func (r Role) name() string {
	switch {
	case r.Dev:
		return "dev"
	case r.Server:
		return "server"
	case r.API:
		return "api"
	}
	return "worker"
}

// ready returns the reason for which this process must not take work; nil when it may.
func (p *Program) ready(ctx context.Context) error {
	return errors.Join(p.store.Ready(), p.client.Ping(ctx))
}

// restore creates again what the settings define. The store calls it after it was emptied or has gone back to an
// earlier state.
func (p *Program) restore(ctx context.Context) error {
	if !p.role.API {
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

// bootstrapKey creates or updates the API key of the settings.
func (p *Program) bootstrapKey(ctx context.Context) error {
	if p.settings.APIKey == "" || !p.role.API {
		return nil
	}
	return p.ensureKey(ctx, store.Key{Key: p.settings.APIKey, Name: "bootstrap", Secret: p.settings.APISecret, APIAccess: true})
}

// ensureKey creates or updates a key such that it has this secret and API access. It keeps other changes of an existing
// key, and replaces a key that no process can open.
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
