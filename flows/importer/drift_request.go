package importer

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// request compares how the params of an operation are sent, and how its pages and its response are read.
func (d *drift) request(op string, old, fresh any, params mapping) {
	for _, e := range params {
		before, after := sentAs(old, e.key), sentAs(fresh, e.key)
		if at(fresh, "params", "properties", e.key) != nil && !slices.Equal(before, after) {
			d.add(op, true, "the param %s is sent as %s, no longer as %s", e.key, shorten(strings.Join(after, ", "), 120), shorten(strings.Join(before, ", "), 120))
		}
	}
	for _, part := range []string{"query", "json", "form", "raw", "file"} { // in programs
		before, after := withoutOthers(textAt(old, "http", part)), withoutOthers(textAt(fresh, "http", part))
		if before != "" && after != "" && before != after {
			d.add(op, true, "the %s is written otherwise: %s, no longer %s", part, shorten(after, 120), shorten(before, 120))
		}
	}
	if before, after := at(old, "http", "content_type"), at(fresh, "http", "content_type"); before != after {
		d.add(op, true, "the content type of the body is %s, no longer %s", orDefault(after), orDefault(before))
	}
	d.pages(op, at(old, "http", "paginate"), at(fresh, "http", "paginate"))
	if before, after := at(old, "http", "parse"), at(fresh, "http", "parse"); before != after && (before == "file" || after == "file") {
		d.add(op, true, "the response is read as %s, no longer as %s", orDefault(after), orDefault(before))
	}
	d.result(op, "", at(old, "output"), at(fresh, "output"))
}

func orDefault(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return "the default"
}

// sentAs says where a param is in the request: of each place its name there, and how it is written.
func sentAs(op any, param string) []string {
	reads := regexp.MustCompile(`\$params\.` + regexp.QuoteMeta(param) + `\b`)
	http, _ := at(op, "http").(map[string]any)
	var places []string
	for _, method := range append([]string{"url"}, methods...) {
		for _, program := range urlProgram.FindAllString(textAt(http, method), -1) {
			if reads.MatchString(program) {
				places = append(places, "path "+reads.ReplaceAllString(program, "."))
			}
		}
	}
	for _, part := range []string{"query", "headers"} {
		members, isMapping := at(http, part).(map[string]any)
		if !isMapping && regexp.MustCompile(`(\$params|[ (:])\.`+regexp.QuoteMeta(param)+`\b`).MatchString(textAt(http, part)) {
			places = append(places, part)
		}
		for _, e := range sorted(members) {
			if text, ok := e.value.(string); ok && reads.MatchString(text) {
				places = append(places, part+" "+e.key+" "+reads.ReplaceAllString(text, "."))
			}
		}
	}
	if places == nil {
		return []string{"body"}
	}
	return places
}

// urlProgram is a ${ } in a URL: imported ones have no braces within but those of texts.
var urlProgram = regexp.MustCompile(`\$\{.*?\}`)

var delProgram = regexp.MustCompile(` \| del\([^()]*\)`)

// withoutOthers removes from the program of a body the names of params that are sent elsewhere.
func withoutOthers(program string) string { return delProgram.ReplaceAllString(program, "") }

// pages compares how the records of all pages are found.
func (d *drift) pages(op string, old, fresh any) {
	before, _ := old.(map[string]any)
	after, _ := fresh.(map[string]any)
	switch {
	case before == nil && after == nil:
	case before == nil || after == nil:
		d.add(op, true, "%s", map[bool]string{true: "the pages are read", false: "the pages are no longer read"}[before == nil])
	default:
		for _, e := range sorted(before) {
			was, is := e.value, after[e.key]
			if e.key == "items" {
				was, is = plainItems(was), plainItems(is)
			}
			if !reflect.DeepEqual(was, is) {
				d.add(op, true, "the pages are read otherwise: %s is %s, no longer %s", e.key, shorten(wordOf(is), 120), shorten(wordOf(was), 120))
			}
		}
	}
}

// plainItems is the program of the records, whether the list is optional or not.
func plainItems(v any) string {
	s, _ := v.(string)
	s = strings.TrimPrefix(s, "(")
	return strings.Replace(s, " // [])", "", 1)
}

func wordOf(v any) string {
	if v == nil {
		return "not there"
	}
	return words([]any{v})
}

// result compares what the operation puts out: what is gone, and other types.
func (d *drift) result(op, name string, old, fresh any) {
	if before, after := types(old), types(fresh); before != nil && after != nil && !slices.Equal(before, after) {
		d.add(op, true, "the result%s is %s, no longer %s", name, strings.Join(after, " or "), strings.Join(before, " or "))
	}
	if items := at(old, "items"); items != nil && at(fresh, "items") != nil {
		d.result(op, name+"[]", items, at(fresh, "items"))
	}
	before, _ := at(old, "properties").(map[string]any)
	after, _ := at(fresh, "properties").(map[string]any)
	for _, e := range sorted(before) {
		if v, ok := after[e.key]; ok {
			d.result(op, name+"."+e.key, e.value, v)
		} else if len(after) > 0 {
			d.add(op, true, "the result has no member %s", strings.TrimPrefix(name+"."+e.key, "."))
		}
	}
}
