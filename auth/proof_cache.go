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
	// verifiedFor is how long a right proof is accepted without hashing it again.
	verifiedFor = 60 * time.Second
	maxVerified = 10_000
)

// proofID is a keyed hash of a name at a network, or of its proof. The key is random for each process, so that a
// memory dump does not reveal the proof.
type proofID [sha256.Size]byte

// proofCache stores recent right proofs, one for each name at a network. A wrong proof from the same place removes
// the entry, so that guesses during a wait cannot be compared with it.
type proofCache struct {
	key    []byte
	flight singleflight.Group

	mu     sync.Mutex // guards proofs
	proofs map[proofID]verifiedProof
}

// verifiedProof is the last right proof of a name, and when it expires.
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
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part) // a hash never returns an error
	}
	mac.Sum(id[:0])
	return id
}

func (v *proofCache) placeID(t limits.Attempt) proofID { return v.id(t.Name, limits.Network(t.IP)) }

// contains reports whether these secrets proved the name from that network. secrets must be the same as in add;
// none for a signature, which is verified anew each time.
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
		clear(v.proofs) // the cost is that they are verified again
	}
	v.proofs[at] = verifiedProof{by, now.Add(verifiedFor)}
}

func (v *proofCache) remove(t limits.Attempt) {
	at := v.placeID(t)
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.proofs, at)
}
