package language

import (
	"strings"
	"testing"

	"github.com/a-h/templ"
)

func TestTexts(t *testing.T) {
	t.Parallel()
	english, german := t.Context(), With(t.Context(), Named("de"))
	for _, c := range []struct{ got, want string }{
		{T(english, "Save"), "Save"},
		{T(german, "Save"), "Speichern"},
		{T(german, "No such key"), "No such key"},
		{N(english, 1, "%d run", "%d runs"), "1 run"},
		{N(english, 1234, "%d run", "%d runs"), "1,234 runs"},
		{N(german, 1, "%d run", "%d runs"), "1 Lauf"},
		{N(german, 1234, "%d run", "%d runs"), "1.234 Läufe"},
		{Int(english, 1234567), "1,234,567"},
		{Int(german, -1234567), "-1.234.567"},
		{Decimal(german, 12.345, 1), "12,3"},
		{Decimal(english, 1234.5, 2), "1234.50"},
		{T(english, "%s %.1f", "x", 1234.5), "x"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	var b strings.Builder
	_ = Rich("a <%s> of %s, %d", templ.Raw("<b>x</b>"), "y&", 2000).Render(german, &b)
	t.Log(b.String())
}
func BenchmarkT(b *testing.B) {
	german := With(b.Context(), Named("de"))
	for b.Loop() {
		T(german, "Save")
	}
}
func BenchmarkN(b *testing.B) {
	german := With(b.Context(), Named("de"))
	for b.Loop() {
		N(german, 5, "%d run", "%d runs")
	}
}
func BenchmarkNEnglish(b *testing.B) {
	for b.Loop() {
		N(b.Context(), 5, "%d run", "%d runs")
	}
}
