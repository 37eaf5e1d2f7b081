package suggest_test

import (
	"testing"

	"github.com/penstock/penstock/internal/suggest"
)

// Meant finds the word of each suggestion, and nothing in other hints.
func TestMeantIsTheWordOfTheSuggestion(t *testing.T) {
	t.Parallel()
	known := []string{"transform", "$event", "@base64", "a.b", "time_zone"}
	for word, want := range map[string]string{"trasnform": "transform", "$evnt": "$event", "@base46": "@base64", "timezone": "time_zone", "xxxxxxxx": "", "": ""} {
		if got, found := suggest.Meant(suggest.DidYouMean(word, known)); got != want || found != (want != "") {
			t.Errorf("%q: %q, %v, want %q", word, got, found, want)
		}
	}
	for _, hint := range []string{"", "write 5s", "did you mean ${ .a }? If not, put quotes around it", "expected a"} {
		if got, found := suggest.Meant(hint); found {
			t.Errorf("%q: %q", hint, got)
		}
	}
}
