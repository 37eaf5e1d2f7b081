package auth

import (
	"testing"
	"time"
)

// A key with a strong secret, and one that proved itself a moment ago: what
// every signed request pays.
func BenchmarkKnownKey(b *testing.B) {
	g, now := NewGuesses(patient{}), time.Now()
	for name, strong := range map[string]bool{"strong": true, "weak": false} {
		b.Run(name, func(b *testing.B) {
			guess := Guess{Name: "key:sdfjh435hh345454", IP: "192.0.2.1", Now: now, Fits: true, Strong: strong}
			b.ReportAllocs()
			for b.Loop() {
				if err := g.Judge(b.Context(), guess, errSignature); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
