package searchbox

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/suggest"
	"github.com/penstock/penstock/queue"
)

// schema has the fields of runs.
var schema = runlist.Schema() // read only

// Field is a name that may stand before a colon.
type Field struct {
	Name  string
	Kind  string   // text, number, time, or label
	Words []string // all values; nil: any
}

// Fields lists the names, with since, until and label. first.
func Fields() []Field {
	all := []Field{{Name: "state", Kind: "text", Words: stateNames()}, {Name: Since, Kind: "time"}, {Name: Until, Kind: "time"}, {Name: Label, Kind: "label"}}
	for _, f := range schema.Fields {
		if f.Name() != "labels" && f.Name() != "state" {
			all = append(all, Field{f.Name(), f.Kind(), f.Words()})
		}
	}
	return all
}

func stateNames() []string {
	var names []string
	for _, s := range queue.States() {
		names = append(names, string(s))
	}
	return names
}

// fieldOf returns the field of runs of a name.
func fieldOf(name string) (listing.Field[queue.Record], bool) {
	at := slices.IndexFunc(schema.Fields, func(f listing.Field[queue.Record]) bool { return f.Name() == name })
	if at < 0 || name == "labels" {
		return listing.Field[queue.Record]{}, false
	}
	return schema.Fields[at], true
}

// wrongName says what is wrong with a name; empty: nothing.
func wrongName(name string) string {
	if label, is := strings.CutPrefix(name, Label); is {
		if flows.IsLabel(label) {
			return ""
		}
		return "a label has a name of small letters, digits, - and _, as in label.order:17"
	}
	if _, ok := fieldOf(name); ok || name == Since || name == Until {
		return ""
	}
	names := []string{}
	for _, f := range Fields() {
		names = append(names, f.Name)
	}
	message := `there is no filter "` + name + `"`
	if like := nearest(name, names); like != "" {
		message += "; did you mean " + like + "?"
	}
	return message + " The filters are " + strings.Join(names, ", ") + ". A word with a colon is found in double quotes."
}

// nearest returns the word that differs from a name in at most two letters; empty: there is none, or the name is too short.
func nearest(name string, words []string) string {
	best, least := "", 3
	for _, w := range words {
		if d := suggest.Distance(name, w); d < least && len(name) > d+1 {
			best, least = w, d
		}
	}
	return best
}
