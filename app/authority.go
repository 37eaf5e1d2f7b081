package app

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/store"
)

// hashesAtOnce is how many passwords a process hashes at a time: each takes
// 19 MiB and a core for about 25 ms.
const hashesAtOnce = 2

// adminRoles are those of the user that the settings make exist: the second
// one lets it use the API.
var adminRoles = []store.Role{store.RoleAdmin, store.RoleAPIUser} // read only

// openAuthority opens what proves users and clients, and makes the
// administrator of the settings exist.
func (p *Program) openAuthority(ctx context.Context) error {
	hasher, err := password.NewHasher(hashesAtOnce)
	if err != nil {
		return err
	}
	p.hasher = hasher
	attempts, err := limits.NewAttempts(limits.AttemptsConfig{Redis: p.shared, Key: p.guessKey})
	if err != nil {
		return err
	}
	p.guesses = auth.NewBruteForceGuard(attempts)
	p.authority, err = auth.NewAuthority(auth.AuthorityConfig{
		Store: p.store, Hasher: hasher, Guard: p.guesses, Issuer: cmp.Or(p.settings.Issuer, p.url), Usage: p.meter,
	})
	if err != nil {
		return err
	}
	p.limiter, err = limits.New(limits.Config{Redis: p.shared, IP: p.settings.RateIP, Credential: p.settings.RateCredential})
	if err != nil {
		return err
	}
	if p.store.Ready() != nil {
		return nil // restore does it
	}
	return p.bootstrapAdmin(ctx)
}

// bootstrapAdmin makes the administrator of the settings exist.
func (p *Program) bootstrapAdmin(ctx context.Context) error {
	if p.settings.AdminUser == "" {
		return nil
	}
	if err := ensureAdmin(ctx, p.store.Users(), p.hasher, p.settings.AdminUser, p.settings.AdminPassword); err != nil {
		return fmt.Errorf("make administrator: %w", err)
	}
	return nil
}

// ensureAdmin makes a user exist with this password, enabled, an
// administrator and let in to the API. Further roles stay.
func ensureAdmin(ctx context.Context, users *store.Users, hasher *password.Hasher, name, secret string) error {
	old, err := users.User(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if old != nil {
		same, err := hasher.Matches(ctx, old.Hash, secret, nil)
		if err != nil || same && old.Is(store.RoleAdmin) && old.Is(store.RoleAPIUser) {
			return err
		}
	}
	hash, err := hasher.Hash(ctx, secret)
	if err != nil {
		return err
	}
	if old == nil {
		_, err := users.Create(ctx, store.User{Name: name, Hash: hash, Roles: adminRoles})
		if !errors.Is(err, store.ErrExists) { // else another process was faster
			return err
		}
	}
	_, err = users.Change(ctx, name, func(u *store.User) error {
		u.Hash, u.Disabled = hash, false
		for _, r := range adminRoles {
			if !slices.Contains(u.Roles, r) {
				u.Roles = append(u.Roles, r)
			}
		}
		return nil
	})
	return err
}

// derived is a key for one purpose, made of the master key.
func derived(masterKey []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, masterKey)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// devAdmin names the administrator that dev makes when the settings name
// none. Its password stays the same as long as the master key does.
func (p *Program) devAdmin(masterKey []byte) {
	if !p.role.Dev || p.settings.AdminUser != "" {
		return
	}
	p.settings.AdminUser = "admin"
	p.settings.AdminPassword = strings.ToLower(base32.StdEncoding.EncodeToString(derived(masterKey, "password of dev's administrator")))[:16]
}
