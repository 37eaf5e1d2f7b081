package apitest

import (
	"context"
	"sync"
	"testing"

	"github.com/penstock/penstock/internal/password"
)

// passwords hashes for all tests of a process: a Hasher and each hash take 25 ms of a core to make.
type passwords struct {
	hasher *password.Hasher
	mu     sync.Mutex
	hashes map[string]string // guarded by mu; by password
}

var hashed = sync.OnceValues(func() (*passwords, error) {
	hasher, err := password.NewHasher(2)
	return &passwords{hasher: hasher, hashes: map[string]string{}}, err
})

// Hasher returns the Hasher that all tests of the process share.
func Hasher(t testing.TB) *password.Hasher {
	t.Helper()
	p, err := hashed()
	if err != nil {
		t.Fatal(err)
	}
	return p.hasher
}

// Hash returns a hash of a password, the same one for all tests of the process.
func Hash(t testing.TB, secret string) string {
	t.Helper()
	Hasher(t)
	p, _ := hashed()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hashes[secret] == "" {
		hash, err := p.hasher.Hash(context.Background(), secret)
		if err != nil {
			t.Fatal(err)
		}
		p.hashes[secret] = hash
	}
	return p.hashes[secret]
}
