package language

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/a-h/templ"
)

// small is a language with few messages.
func small(t *testing.T) (english, german context.Context) {
	t.Helper()
	all := read(fstest.MapFS{"de.yaml": {Data: []byte(`
language: Deutsch
messages:
  "2 Jan 2006": "Mon 2. Jan 2006"
  "Dec": "Dez."
  "Mon": "Mo"
  "%d runs":
    one: "%d Lauf"
    other: "%d Läufe"
  "%[2]s of %[1]d runs":
    one: "%[2]s von %[1]d Lauf"
    other: "%[2]s von %[1]d Läufen"
  "%s took %.1f s": "%.1[2]f s für %[1]s"
  "By %s: %s": "%[2]s, von %[1]s"
  "Save": "Speichern"
`)}})
	return t.Context(), With(t.Context(), all[0])
}

// Messages with numbers, arguments in another order and components are in the language of the context.
func TestTexts(t *testing.T) {
	t.Parallel()
	english, german := small(t)
	for _, c := range []struct{ got, want string }{
		{T(english, "Save"), "Save"},
		{T(german, "Save"), "Speichern"},
		{T(german, "No such key"), "No such key"},
		{T(german, "%s has no German text", "x"), "x has no German text"},
		{N(english, 1, "%d run", "%d runs"), "1 run"},
		{N(english, 0, "%d run", "%d runs"), "0 runs"},
		{N(english, 1234, "%d run", "%d runs"), "1,234 runs"},
		{N(german, 1, "%d run", "%d runs"), "1 Lauf"},
		{N(german, 0, "%d run", "%d runs"), "0 Läufe"},
		{N(german, 1234, "%d run", "%d runs"), "1.234 Läufe"},
		{N(german, 1234, "%[2]s of %[1]d run", "%[2]s of %[1]d runs", "alle"), "alle von 1.234 Läufen"},
		{T(english, "%s took %.1f s", "it", 1234.56), "it took 1,234.6 s"},
		{T(german, "%s took %.1f s", "dies", 1234.56), "1.234,6 s für dies"},
		{Int(english, 1234567), "1,234,567"},
		{Int(german, -1234567), "-1.234.567"},
		{Int(german, int64(999)), "999"},
		{Decimal(german, 12.345, 1), "12,3"},
		{Decimal(english, 1234.5, 2), "1234.50"},
		{Time(english, time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC), "2 Jan 2006"), "7 Dec 2026"},
		{Time(german, time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC), "2 Jan 2006"), "Mo 7. Dez. 2026"},
		{T(With(english, Marked()), "Save"), "⟦Save⟧"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// A message with components has its texts escaped, also those that come as arguments, and the components where it has their places.
func TestRich(t *testing.T) {
	t.Parallel()
	english, german := small(t)
	for _, c := range []struct {
		ctx  context.Context
		said templ.Component
		want string
	}{
		{english, Rich("By %s: %s", templ.Raw("<b>x</b>"), "<y> & \x000\x00"), "By <b>x</b>: &lt;y&gt; &amp; 0"},
		{german, Rich("By %s: %s", templ.Raw("<b>x</b>"), templ.Raw("<i>y</i>")), "<i>y</i>, von <b>x</b>"},
		{german, RichN(2000, "%[2]s of %[1]d run", "%[2]s of %[1]d runs", templ.Raw("<b>5</b>")), "<b>5</b> von 2.000 Läufen"},
	} {
		var b strings.Builder
		if err := c.said.Render(c.ctx, &b); err != nil || b.String() != c.want {
			t.Errorf("%q, %v, want %q", b.String(), err, c.want)
		}
	}
}

// The language is that which the reader has chosen, then that of the browser, then English. A hostile header costs nothing.
func TestChoose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ chosen, accept, want string }{
		{"", "", "en"},
		{"de", "", "de"},
		{"de", "en-US,en;q=0.9", "de"},
		{"en", "de", "en"},
		{"xx", "de-AT,de;q=0.9,en;q=0.8", "de"},
		{"", "fr-FR,fr;q=0.9", "en"},
		{"", "fr,de;q=0.5", "de"},
		{"", "en-GB,de;q=0.9", "en"},
		{"", "de;q=x,;;", "en"},
		{"", strings.Repeat("de-DE-1996,", 10000), "de"},
		{"", strings.Repeat("a", 10000), "en"},
	} {
		if got := Choose(c.chosen, c.accept).Code(); got != c.want {
			t.Errorf("%q, %.40q: %s, want %s", c.chosen, c.accept, got, c.want)
		}
	}
	if l := Of(t.Context()); l != English || l.Translated() || Named("de").Name() != "Deutsch" || (*Language)(nil).Code() != "en" {
		t.Error("the language of a context without one, or its name, is wrong")
	}
}

// A mistake in a catalogue names the message.
func TestMistakesInCatalogues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"messages: {\"Save\": 5}":             `message "Save"`,
		"messages: {\"%d runs\": {two: [1]}}": "",
		"texts: {}":                           "texts",
		"messages: {a: b, a: c}":              "already defined",
	} {
		_, err := parse("de", []byte(text))
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := parse("not a language", nil); err == nil {
		t.Error("a name that is no language is accepted")
	}
}

func BenchmarkText(b *testing.B) {
	german := With(b.Context(), Named("de"))
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			T(german, "Save")
		}
	})
	b.Run("number", func(b *testing.B) {
		for b.Loop() {
			N(german, 5, "%d run", "%d runs")
		}
	})
	b.Run("English number", func(b *testing.B) {
		for b.Loop() {
			N(b.Context(), 5, "%d run", "%d runs")
		}
	})
}
