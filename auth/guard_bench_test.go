package auth

import (
	"testing"
	"time"
)

// The cost for each signed request: of a key with a strong secret, and of one that proved itself a moment ago.
func BenchmarkKnownKey(b *testing.B) {
	g, now := NewBruteForceGuard(noWait{}), time.Now()
	for name, strong := range map[string]bool{"strong": true, "weak": false} {
		b.Run(name, func(b *testing.B) {
			proof := Proof{Name: "key:sdfjh435hh345454", IP: "192.0.2.1", Now: now, Valid: true, Strong: strong}
			b.ReportAllocs()
			for b.Loop() {
				if err := g.Check(b.Context(), proof, errSignature); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
