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
	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/console"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/store"
)

// maxConcurrentHashes is the number of passwords hashed at the same time. Each takes 19 MiB and one core for about 25
// ms.
const maxConcurrentHashes = 2

// adminRoles are the roles of the administrator of the settings. The second one gives access to the API.
var adminRoles = []store.Role{store.RoleAdmin, store.RoleAPIUser} // read only

// openAuthority opens what authenticates users and clients, and creates the administrator of the settings.
func (p *Program) openAuthority(ctx context.Context) error {
	hasher, err := password.NewHasher(maxConcurrentHashes)
	if err != nil {
		return err
	}
	p.hasher = hasher
	attempts, err := limits.NewAttempts(limits.AttemptsConfig{Redis: p.shared, Key: p.bruteForceKey})
	if err != nil {
		return err
	}
	p.bruteForceGuard = auth.NewBruteForceGuard(attempts)
	config := auth.AuthorityConfig{Store: p.store, Hasher: hasher, Guard: p.bruteForceGuard, Issuer: cmp.Or(p.settings.Issuer, p.url), Usage: p.keyUsage, Personal: personal.New(p.shared), RequireTOTP: p.settings.RequireTOTP}
	if p.settings.Registration {
		config.Authorize = strings.TrimSuffix(config.Issuer, "/") + console.Root + "/authorize"
	}
	if config.Workload, err = p.openWorkload(config.Issuer); err != nil {
		return err
	}
	p.authority, err = auth.NewAuthority(config)
	if err != nil {
		return err
	}
	p.limiter, err = limits.New(limits.Config{Redis: p.shared, IP: p.settings.RateIP, Credential: p.settings.RateCredential})
	if err != nil {
		return err
	}
	if p.store.Ready() != nil {
		return nil // restore creates the administrator later
	}
	return p.bootstrapAdmin(ctx)
}

// bootstrapAdmin creates or updates the administrator of the settings, if there is one.
func (p *Program) bootstrapAdmin(ctx context.Context) error {
	if p.settings.AdminUser == "" {
		return nil
	}
	if err := ensureAdmin(ctx, p.store.Users(), p.hasher, p.settings.AdminUser, p.settings.AdminPassword); err != nil {
		return fmt.Errorf("make administrator: %w", err)
	}
	return nil
}

// ensureAdmin creates or updates a user such that it has this password, is enabled and has the adminRoles. It keeps
// further roles.
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
		if !errors.Is(err, store.ErrExists) { // ErrExists: another process was faster
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

// deriveKey derives a key for one purpose from the master key.
func deriveKey(masterKey []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, masterKey)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// devAdmin sets the administrator of dev when the settings have none. Its password depends only on the master key.
func (p *Program) devAdmin(masterKey []byte) {
	if !p.role.Dev || p.settings.AdminUser != "" {
		return
	}
	p.settings.AdminUser = "admin"
	p.settings.AdminPassword = strings.ToLower(base32.StdEncoding.EncodeToString(deriveKey(masterKey, "password of dev's administrator")))[:16]
}
