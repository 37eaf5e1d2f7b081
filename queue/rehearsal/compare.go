package rehearsal

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/mask"
)

// What differs.
const (
	KindOutput  = "output"         // a value in the output
	KindFailure = "failure"        // the run fails with one version only, or with another error
	KindChanged = "effect_changed" // a value in what is asked of the outside
	KindNew     = "effect_new"     // the version does it, the current one does not
	KindGone    = "effect_gone"    // the reverse
)

const (
	maxValue    = 200 // bytes of a shown value
	textAround  = 40  // bytes shown before and after the first difference of long texts
	maxPerValue = 50  // differences within one effect or output
	maxPerRun   = 500 // differences of one run
)

// hiddenValue stands for a value that is not shown.
const hiddenValue = "(not shown)"

// Difference is one difference of a run.
type Difference struct {
	Kind   string `json:"kind"`
	Step   string `json:"step,omitempty"`   // path; empty for an output
	Key    string `json:"key,omitempty"`    // of the effect: step and index of the item
	Path   string `json:"path,omitempty"`   // within the request or the output: "headers.x-api-version"
	Before string `json:"before,omitempty"` // JSON, shortened; empty: there is none
	After  string `json:"after,omitempty"`
}

// index matches the index of an element in a path.
var index = regexp.MustCompile(`\[\d+\]`)

// pattern returns what the differences of a group have in common.
func (d Difference) pattern() Difference {
	return Difference{Kind: d.Kind, Step: d.Step, Path: index.ReplaceAllString(d.Path, "[]")}
}

// compare returns the differences of two rehearsals of one run.
func compare(before, after *flows.Rehearsal) []Difference {
	c := &comparison{hidden: before.Redacts || after.Redacts, masker: mask.New()}
	c.effects(before, after)
	if before.Stopped == "" && after.Stopped == "" {
		c.ends(before, after)
	}
	return c.found
}

// comparison collects the differences of one run.
type comparison struct {
	hidden bool // no values are shown, because a step redacts some
	masker *mask.Masker
	found  []Difference
}

// add adds a difference, up to the maximum of a run. Where values are not shown, names within them are not either: a flow
// may compute them.
func (c *comparison) add(d Difference) {
	if c.hides(d) {
		if d.Path = shortPath(d.Path); slices.Contains(c.found, d) {
			return
		}
	}
	if len(c.found) < maxPerRun {
		c.found = append(c.found, d)
	}
}

// shortPath returns the beginning of a path that no value has a part in: "body" of a request, and the names of its headers.
func shortPath(path string) string {
	if strings.HasPrefix(path, "headers.") {
		return path
	}
	if at := strings.IndexAny(path, ".["); at >= 0 {
		return path[:at]
	}
	return path
}

// hides reports whether the values of a difference are not shown: a step redacts some, or they are those of a called flow, which
// has other authors.
func (c *comparison) hides(d Difference) bool { return c.hidden || strings.Contains(d.Step, "/") }

// ends compares outputs and failures.
func (c *comparison) ends(before, after *flows.Rehearsal) {
	if before.Failure == nil && after.Failure == nil {
		c.values(Difference{Kind: KindOutput}, before.Output, after.Output)
		return
	}
	was, is := failureText(before.Failure), failureText(after.Failure)
	if was == is {
		return
	}
	failed := after.Failure
	if failed == nil {
		failed = before.Failure
	}
	d := Difference{Kind: KindFailure, Step: failed.Step}
	d.Before, d.After = c.shown(d, was), c.shown(d, is)
	c.add(d)
}

func failureText(e *flows.Error) string {
	if e == nil {
		return ""
	}
	return string(e.Code) + ": " + e.Error()
}

// effects compares what is asked of the outside. Equal requests are no difference, whichever steps make them. What is left is
// compared by step, and within a step by item.
func (c *comparison) effects(before, after *flows.Rehearsal) {
	unmatched := newMatches(before.Effects)
	var added []*flows.RehearsedEffect
	for i := range after.Effects {
		e := &after.Effects[i]
		if unmatched.take(e.Identity()+e.Step) == nil && unmatched.take(e.Identity()) == nil {
			added = append(added, e)
		}
	}
	for _, e := range added {
		was := unmatched.take(e.Kind + " " + e.Key)
		if was == nil {
			was = unmatched.take(e.Kind + " " + e.Step)
		}
		d := Difference{Kind: KindChanged, Step: e.Step, Key: e.Key}
		switch {
		case was != nil:
			c.values(d, was.Request, e.Request)
		case before.Stopped == "", before.Stopped == after.Stopped, e.Step == after.Stopped:
			d.Kind = KindNew
			d.After = c.request(d, e)
			c.add(d)
		}
	}
	if after.Stopped != "" && after.Stopped != before.Stopped {
		return // what comes after the stop is unknown
	}
	for i := range before.Effects {
		if e := &before.Effects[i]; !unmatched.taken[e] {
			d := Difference{Kind: KindGone, Step: e.Step, Key: e.Key}
			d.Before = c.request(d, e)
			c.add(d)
		}
	}
}

// matches finds effects by what they have in common with those of another rehearsal. Each is taken once.
type matches struct {
	by    map[string][]*flows.RehearsedEffect
	taken map[*flows.RehearsedEffect]bool
}

func newMatches(effects []flows.RehearsedEffect) *matches {
	m := &matches{by: map[string][]*flows.RehearsedEffect{}, taken: map[*flows.RehearsedEffect]bool{}}
	for i := range effects {
		e := &effects[i]
		for _, name := range []string{e.Identity() + e.Step, e.Identity(), e.Kind + " " + e.Key, e.Kind + " " + e.Step} {
			m.by[name] = append(m.by[name], e)
		}
	}
	return m
}

// take takes the first effect that goes by the name; nil: there is none any more.
func (m *matches) take(name string) *flows.RehearsedEffect {
	for list := m.by[name]; len(list) > 0; list = m.by[name] {
		e := list[0]
		if m.by[name] = list[1:]; !m.taken[e] {
			m.taken[e] = true
			return e
		}
	}
	return nil
}

// request summarizes what an effect asks of the outside.
func (c *comparison) request(d Difference, e *flows.RehearsedEffect) string {
	if request, ok := e.Request.(map[string]any); ok && e.Kind == "http" {
		return c.shown(d, fmt.Sprint(request["method"], " ", request["url"]))
	}
	return c.shown(d, string(flows.EncodeJSON(c.masker.Value(e.Request))))
}

// values adds the differences between two values, each with its path.
func (c *comparison) values(d Difference, before, after any) {
	most := min(len(c.found)+maxPerValue, maxPerRun)
	c.diff(d, before, after, most)
}

func (c *comparison) diff(d Difference, before, after any, most int) {
	if len(c.found) >= most {
		return
	}
	switch was := before.(type) {
	case map[string]any:
		if is, ok := after.(map[string]any); ok {
			for _, name := range members(was, is) {
				inner := d
				inner.Path = strings.TrimPrefix(d.Path+"."+name, ".")
				c.diff(inner, memberOf(was, name), memberOf(is, name), most)
			}
			return
		}
	case []any:
		if is, ok := after.([]any); ok {
			for i := range max(len(was), len(is)) {
				inner := d
				inner.Path += "[" + strconv.Itoa(i) + "]"
				c.diff(inner, elementOf(was, i), elementOf(is, i), most)
			}
			return
		}
	}
	if same(before, after) {
		return
	}
	if was, ok := before.(string); ok {
		if is, ok := after.(string); ok {
			before, after = excerpts(was, is)
		}
	}
	if slices.ContainsFunc(strings.Split(d.Path, "."), c.masker.Masks) {
		before, after = maskOf(before), maskOf(after)
	}
	d.Before, d.After = c.shown(d, c.encode(before)), c.shown(d, c.encode(after))
	c.add(d)
}

// absent stands for a value that is not there.
type absent struct{}

func memberOf(object map[string]any, name string) any {
	if v, ok := object[name]; ok {
		return v
	}
	return absent{}
}

func elementOf(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return absent{}
}

func same(a, b any) bool {
	if text, ok := a.(string); ok {
		return text == b
	}
	_, noA := a.(absent)
	_, noB := b.(absent)
	return noA == noB && string(flows.EncodeJSON(a)) == string(flows.EncodeJSON(b))
}

func (c *comparison) encode(v any) string {
	if _, none := v.(absent); none {
		return ""
	}
	return string(flows.EncodeJSON(c.masker.Value(v)))
}

func maskOf(v any) any {
	if _, none := v.(absent); none {
		return v
	}
	return mask.Text
}

// shown shortens a value.
func (c *comparison) shown(d Difference, text string) string {
	switch {
	case text == "":
		return ""
	case c.hides(d):
		return hiddenValue
	case len(text) > maxValue:
		return cut(text, maxValue) + "…"
	}
	return text
}

// cut returns at most n bytes of a text, whole characters.
func cut(text string, n int) string {
	for n = min(n, len(text)); n > 0 && n < len(text) && !utf8.RuneStart(text[n]); {
		n--
	}
	return text[:n]
}

// excerpts returns the parts of two long texts around the first difference.
func excerpts(a, b string) (string, string) {
	if len(a) <= maxValue && len(b) <= maxValue {
		return a, b
	}
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	from := max(0, at-textAround)
	return excerpt(a, from), excerpt(b, from)
}

func excerpt(text string, from int) string {
	for from > 0 && from < len(text) && !utf8.RuneStart(text[from]) {
		from--
	}
	part := cut(text[min(from, len(text)):], 2*textAround)
	if from > 0 {
		part = "…" + part
	}
	if from+len(part) < len(text) {
		part += "…"
	}
	return part
}

// members returns the names of the members of two objects in order.
func members(a, b map[string]any) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}
