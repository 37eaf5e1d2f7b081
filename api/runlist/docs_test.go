package runlist

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/penstock/penstock/api/listing"
)

// documentedFilter matches a command in the documentation that chooses runs by a filter in single quotes.
var documentedFilter = regexp.MustCompile(`penstock (?:runs|history) [^'\n]*--filter '([^']+)'`)

// Every filter of runs that the documentation shows can be parsed. The reference of the command line has the examples of the commands.
func TestDocumentedFilters(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range documentedFilter.FindAllSubmatch(text, -1) {
			found++
			if _, err := listing.Parse(url.Values{listing.ParamFilter: {string(m[1])}}.Encode(), Schema()); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(page), m[1], err)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d filters were found", found)
	}
}
