package auth

import "github.com/penstock/penstock/store"

// Meter counts which secret the calls of a key are signed with that has two.
// It never blocks.
type UsageCounter interface {
	Count(key *store.Key, previous bool)
}

// RecordUse tells the meter which of two secrets a proof fits that is known to fit
// one. No meter, or one secret: there is nothing to count.
func RecordUse(counter UsageCounter, key *store.Key, secrets Secrets, fits func(Secrets) bool) {
	if counter != nil && secrets.Previous != "" {
		counter.Count(key, !fits(Secrets{Current: secrets.Current}))
	}
}
