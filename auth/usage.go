package auth

import "github.com/penstock/penstock/store"

// UsageCounter counts which secret signs the calls of a key that has two. Count must not block.
type UsageCounter interface {
	Count(key *store.Key, previous bool)
}

// RecordUse counts which of two secrets a valid proof was made with. fits verifies the proof with the given
// secrets. Nothing is counted without a counter or with one secret only.
func RecordUse(counter UsageCounter, key *store.Key, secrets Secrets, fits func(Secrets) bool) {
	if counter != nil && secrets.Previous != "" {
		counter.Count(key, !fits(Secrets{Current: secrets.Current}))
	}
}
