package auth

import (
	"testing"
	"time"
)

// A key that proved itself a moment ago: what every signed request pays.
func BenchmarkKnownKey(b *testing.B) {
	g, now := NewGuesses(patient{}), time.Now()
	guess := Guess{Key: "sdfjh435hh345454", IP: "192.0.2.1", Now: now, Fits: true}
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Judge(b.Context(), guess, errSignature); err != nil {
			b.Fatal(err)
		}
	}
}
