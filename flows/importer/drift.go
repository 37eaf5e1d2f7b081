package importer

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Change is a difference between a connector and a specification.
type Change struct {
	Operation string `json:"operation,omitempty"` // empty: of the connector
	What      string `json:"what"`
	Affects   bool   `json:"affects"` // a call of the connector as it is may fail, or mean something else
}

// Drift compares the operations of a connector with a newer specification: name and content are as for Import. Operations
// are the same when their method and URL are, whatever their names. New operations of the specification are not
// changes: a connector need not have all.
func Drift(connector []byte, r *Result) ([]Change, error) {
	v, err := decode(connector)
	if err != nil {
		return nil, fmt.Errorf("read connector: %w", err)
	}
	old, ok := v.(map[string]any)
	if ok {
		_, ok = old["operations"].(map[string]any)
	}
	if !ok {
		return nil, fmt.Errorf("read connector: the file has no operations")
	}
	fresh, err := decode(r.YAML())
	if err != nil {
		return nil, fmt.Errorf("read the new connector: %w", err)
	}
	d := drift{old: old, fresh: fresh.(map[string]any)}
	d.compare()
	return d.changes, nil
}

type drift struct {
	old, fresh map[string]any
	changes    []Change
}

func (d *drift) add(op string, affects bool, format string, args ...any) {
	d.changes = append(d.changes, Change{op, fmt.Sprintf(format, args...), affects})
}

func (d *drift) compare() {
	if before, after := textAt(d.old, "base"), textAt(d.fresh, "base"); trimmed(before) != trimmed(after) && after != "" && !strings.Contains(after, "base_url") {
		d.add("", true, "the base is %s, no longer %s", after, before)
	}
	known := map[string]string{}
	for name, op := range d.fresh["operations"].(map[string]any) {
		known[signature(op)] = name
	}
	old := d.old["operations"].(map[string]any)
	var both []pair
	for _, e := range sorted(old) {
		if s := signature(e.value); known[s] != "" {
			both = append(both, pair{e.key, s})
		}
	}
	told := d.needs(both)
	if !told {
		d.connection(at(d.old, "connection", "types"), at(d.fresh, "connection", "types"))
	}
	d.settings(told)
	for _, e := range sorted(old) {
		name, ok := known[signature(e.value)]
		if !ok {
			d.add(e.key, true, "is gone: %s", signature(e.value))
			continue
		}
		d.operation(e.key, e.value, at(d.fresh, "operations", name))
	}
}

// settings compares those that are no secrets. Scopes that the needs of the operations tell are not compared again.
func (d *drift) settings(told bool) {
	before, _ := at(d.old, "connection", "settings").(map[string]any)
	for _, e := range sorted(before) {
		after := at(d.fresh, "connection", "settings", e.key)
		if after == nil || reflect.DeepEqual(after, e.value) || e.key == "scope" && told {
			continue
		}
		affects := true
		if was, text := e.value.(string); text && e.key == "scope" {
			affects = slices.ContainsFunc(strings.Fields(wordOf(after)), func(s string) bool { return !slices.Contains(strings.Fields(was), s) })
		}
		d.add("", affects, "the setting %s of the connection is %s, no longer %s", e.key, wordOf(after), wordOf(e.value))
	}
}

// connection compares the types of the connection; nil: there is none.
func (d *drift) connection(before, after any) {
	switch {
	case reflect.DeepEqual(before, after):
	case after == nil:
		d.add("", false, "no connection is needed, before one of %s: the document has no security scheme that is taken over", words(before))
	case before == nil:
		d.add("", true, "a connection of one of %s is needed", words(after))
	default:
		common := slices.ContainsFunc(list(before), func(t any) bool { return slices.Contains(list(after), t) })
		d.add("", !common, "the connection is one of %s, no longer of %s", words(after), words(before))
	}
}

// operation compares one operation.
func (d *drift) operation(name string, old, fresh any) {
	if said := textAt(fresh, "doc"); strings.HasPrefix(said, "**Deprecated.**") && !strings.HasPrefix(textAt(old, "doc"), "**Deprecated.**") {
		d.add(name, false, "is deprecated")
	}
	before, _ := at(old, "params", "properties").(map[string]any)
	after, _ := at(fresh, "params", "properties").(map[string]any)
	needed := func(op any, param string) bool {
		return slices.Contains(list(at(op, "params", "required")), any(param))
	}
	open := at(fresh, "params", "additionalProperties") == true
	for _, e := range sorted(before) {
		v, ok := after[e.key]
		switch {
		case !ok && !open:
			d.add(name, true, "the param %s is gone", e.key)
		case ok:
			if strings.HasPrefix(sentAs(fresh, e.key)[0], "path ") {
				v = withoutLeast(v)
			}
			d.param(name, e.key, e.value, v)
			if needed(fresh, e.key) && !needed(old, e.key) && at(e.value, "default") == nil {
				d.add(name, true, "the param %s is required", e.key)
			}
		}
	}
	for _, e := range sorted(after) {
		if _, ok := before[e.key]; ok {
			continue
		}
		if needed(fresh, e.key) {
			d.add(name, true, "there is a new param %s, which is required", e.key)
		} else {
			d.add(name, false, "there is a new param %s", e.key)
		}
	}
	for _, body := range []string{"json", "form", "multipart", "raw", "file"} {
		if (at(old, "http", body) == nil) != (at(fresh, "http", body) == nil) {
			d.add(name, true, "the body is sent otherwise: %s", body)
			break
		}
	}
	if at(old, "params", "additionalProperties") == true && !open {
		d.add(name, true, "further params are refused")
	}
	d.request(name, old, fresh, sorted(before))
}

// param compares what a param may be.
func (d *drift) param(op, name string, old, fresh any) {
	if before, after := types(old), types(fresh); before != nil && after != nil && !slices.Equal(before, after) {
		wider := !slices.ContainsFunc(before, func(t string) bool {
			return !slices.Contains(after, t) && !(t == "integer" && slices.Contains(after, "number"))
		})
		d.add(op, !wider, "the param %s is %s, no longer %s", name, strings.Join(after, " or "), strings.Join(before, " or "))
	}
	before, after := list(at(old, "enum")), list(at(fresh, "enum"))
	var gone []any
	for _, v := range before {
		if after != nil && !slices.Contains(after, v) {
			gone = append(gone, v)
		}
	}
	if gone != nil {
		d.add(op, true, "the param %s is no longer one of %s", name, words(gone))
	}
	if before == nil && after != nil && len(types(old)) > 0 {
		d.add(op, true, "the param %s is one of %s", name, shorten(words(after), 120))
	}
	if p := textAt(fresh, "pattern"); p != "" && p != textAt(old, "pattern") {
		d.add(op, true, "the param %s has the pattern %s", name, shorten(p, 100))
	}
	for _, key := range []string{"default"} {
		if before, after := at(old, key), at(fresh, key); before != nil && after != nil && !reflect.DeepEqual(before, after) {
			d.add(op, true, "the default of the param %s is %v, no longer %v", name, after, before)
		}
	}
	d.limits(op, name, old, fresh)
	d.parts(op, name, old, fresh)
	inner, _ := at(old, "properties").(map[string]any)
	for _, e := range sorted(inner) {
		if v := at(fresh, "properties", e.key); v != nil {
			d.param(op, name+"."+e.key, e.value, v)
		} else if at(fresh, "properties") != nil {
			d.add(op, true, "the member %s.%s is gone", name, e.key)
		}
	}
}

var templatePart = regexp.MustCompile(`\$\{[^}]*\}`)

// signature is the method and URL of an operation, whatever its params are called.
func signature(op any) string {
	http, _ := at(op, "http").(map[string]any)
	for _, method := range methods {
		if url, ok := http[method].(string); ok {
			return signatureOf(method, url)
		}
	}
	return signatureOf(textAt(http, "method"), textAt(http, "url"))
}

func signatureOf(method, url string) string {
	return strings.ToUpper(method) + " " + templatePart.ReplaceAllString(url, "{}")
}

func trimmed(url string) string {
	return strings.TrimRight(templatePart.ReplaceAllString(url, "{}"), "/")
}

// at returns a member of members; nil when one is missing.
func at(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func textAt(v any, names ...string) string {
	s, _ := at(v, names...).(string)
	return s
}

func list(v any) []any {
	all, _ := v.([]any)
	return all
}

func types(schema any) []string {
	var all []string
	switch t := at(schema, "type").(type) {
	case string:
		all = []string{t}
	case []any:
		for _, name := range t {
			if s, ok := name.(string); ok {
				all = append(all, s)
			}
		}
	}
	slices.Sort(all)
	return all
}

// words writes values of a list for a person.
func words(v any) string {
	var all []string
	for _, element := range list(v) {
		text, err := json.Marshal(element)
		if s, ok := element.(string); ok {
			text = []byte(s)
		}
		if err == nil {
			all = append(all, string(text))
		}
	}
	return strings.Join(all, ", ")
}
