package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/penstock/penstock/internal/limits"
)

const (
	// verifiedFor is how long a right proof is not evaluated again.
	verifiedFor = 60 * time.Second
	maxVerified = 10_000
)

// proofID names a name at a network, or what proved it. Without the process'
// key it tells nothing of it.
type proofID [sha256.Size]byte

// verified are the proofs that were right a short while ago, one for each name
// at a network. The first wrong proof that is seen from there ends it: nobody
// compares guesses with it during a wait.
type proofCache struct {
	key    []byte
	flight singleflight.Group

	mu     sync.Mutex // guards proofs
	proofs map[proofID]verifiedProof
}

// verifiedProof is what proved a name, and until when it is believed.
type verifiedProof struct {
	by    proofID
	until time.Time
}

func newProofCache() *proofCache {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return &proofCache{key: key, proofs: map[proofID]verifiedProof{}}
}

func (v *proofCache) id(parts ...string) (id proofID) {
	mac := hmac.New(sha256.New, v.key)
	for _, part := range parts {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part) // a hash takes everything
	}
	mac.Sum(id[:0])
	return id
}

func (v *proofCache) placeID(t limits.Attempt) proofID { return v.id(t.Name, limits.Network(t.IP)) }

// has reports whether the secrets proved the name from that network. Secrets
// are whatever must be as it was: none for a signature, which fits anew each
// time.
func (v *proofCache) contains(t limits.Attempt, secrets []string, now time.Time) bool {
	at, by := v.placeID(t), v.id(secrets...)
	v.mu.Lock()
	defer v.mu.Unlock()
	p, ok := v.proofs[at]
	return ok && hmac.Equal(p.by[:], by[:]) && now.Before(p.until)
}

func (v *proofCache) add(t limits.Attempt, secrets []string, now time.Time) {
	at, by := v.placeID(t), v.id(secrets...)
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.proofs) >= maxVerified {
		for other, p := range v.proofs {
			if !now.Before(p.until) {
				delete(v.proofs, other)
			}
		}
	}
	if len(v.proofs) >= maxVerified {
		clear(v.proofs) // they are evaluated again, that is all
	}
	v.proofs[at] = verifiedProof{by, now.Add(verifiedFor)}
}

func (v *proofCache) remove(t limits.Attempt) {
	at := v.placeID(t)
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.proofs, at)
}
