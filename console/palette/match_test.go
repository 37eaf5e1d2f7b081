package palette

import (
	"strconv"
	"strings"
	"testing"

	"github.com/penstock/penstock/console/view"
)

// titles returns what a text finds of things, as "group: title, title".
func titles(text string, things ...view.Found) string {
	f := newFinder(text)
	for _, one := range things {
		f.add(one, 0)
	}
	var lines []string
	for _, g := range f.best() {
		var names []string
		for _, one := range g.Finds {
			names = append(names, one.Title)
		}
		line := g.Title + ": " + strings.Join(names, ", ")
		if g.More > 0 {
			line += " +" + strconv.Itoa(g.More)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func TestWhatWordsFind(t *testing.T) {
	t.Parallel()
	things := []view.Found{
		{Group: "Pages", Title: "Flows"}, {Group: "Pages", Title: "Runs in line"},
		{Group: "Flows", Title: "Inline images", Beside: "12 inline"}, {Group: "Flows", Title: "New Invoice", Beside: "7 invoice"},
		{Group: "Flows", Title: "Invoice", Beside: "8 paid"}, {Group: "Actions", Title: "Pause flow Invoice", Beside: "8 paid"},
	}
	for text, want := range map[string]string{
		"":             "Pages: Flows, Runs in line; Flows: Inline images, New Invoice, Invoice; Actions: Pause flow Invoice",
		"invoice":      "Flows: Invoice, New Invoice; Actions: Pause flow Invoice",
		"INVOICE  new": "Flows: New Invoice",
		"pause inv":    "Actions: Pause flow Invoice",
		"line":         "Pages: Runs in line; Flows: Inline images",
		"7":            "Flows: New Invoice",
		"inv x":        "",
	} {
		if got := titles(text, things...); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A group lists its best ones, and says how many more there are.
func TestGroupsAreBounded(t *testing.T) {
	t.Parallel()
	var things []view.Found
	for i := range 1000 {
		things = append(things, view.Found{Group: "Flows", Title: "Flow number " + strconv.Itoa(i)})
	}
	if got, want := titles("flow 99", things...), "Flows: Flow number 99, Flow number 990, Flow number 991, Flow number 992, Flow number 993, Flow number 994, Flow number 995, Flow number 996 +11"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
