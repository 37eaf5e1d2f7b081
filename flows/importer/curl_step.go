package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/credential"
)

// stepWriter writes the body of a step, with secrets by their names.
type stepWriter struct {
	*call
	notes []Note
}

func (s *stepWriter) body(http *mapping) {
	if s.media == "" {
		return
	}
	media := plainMedia(s.media)
	switch {
	case s.upload:
		*http = append(*http, entry{"file", program(".file")})
		if s.media != "application/octet-stream" {
			http.add("content_type", s.media)
		}
	case media == "application/x-www-form-urlencoded" && s.fields != nil:
		*http = append(*http, entry{"form", s.form()})
	case media == "multipart/form-data" && s.fields != nil:
		http.add("multipart", s.parts())
	case isJSON(media) && !s.asText:
		*http = append(*http, entry{"json", s.value("the body", "", s.call.body)})
		if media != "application/json" {
			http.add("content_type", s.media)
		}
	default:
		text, _ := s.call.body.(string)
		*http = append(*http, entry{"raw", s.text(text)})
		http.add("content_type", s.media)
	}
}

func (s *stepWriter) form() mapping {
	var all []pair
	for _, f := range s.fields {
		all = append(all, f.pair)
	}
	m := mapping{}
	for _, g := range grouped(all) {
		list := make([]any, len(g.values))
		for i, v := range g.values {
			list[i] = s.member("the member "+g.name+" of the body", g.name, v)
		}
		if len(list) == 1 {
			m = append(m, entry{g.name, list[0]})
		} else {
			m = append(m, entry{g.name, list})
		}
	}
	return m
}

func (s *stepWriter) parts() (parts []any) {
	taken := map[string]bool{}
	for _, f := range s.fields {
		m := mapping{{"name", escapeTemplate(f.name)}}
		switch {
		case f.file:
			m = append(m, entry{"file", program("." + unique(paramName(f.name), taken))})
		case f.read:
			m = append(m, entry{"value", program("." + unique(paramName(f.name), taken))})
		default:
			m = append(m, entry{"value", s.member("the part "+f.name, f.name, f.value)})
		}
		m.add("filename", escapeTemplate(f.filename))
		m.add("content_type", escapeTemplate(f.media))
		parts = append(parts, m)
	}
	return parts
}

// value copies a value of a body; credentials become secrets of the name of their member.
func (s *stepWriter) value(place, name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, e := range sorted(v) {
			out[e.key] = s.value(place+"."+e.key, e.key, e.value)
		}
		return sorted(out)
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = s.value(fmt.Sprintf("%s[%d]", place, i), name, element)
		}
		return out
	case string:
		return s.member(place, name, v)
	}
	if v != nil && credential.Name(name) {
		return s.secret(place, name)
	}
	return v
}

// member is a text of a body, or the secret that stands for it.
func (s *stepWriter) member(place, name, value string) string {
	if value != "" && (credential.Name(name) || credential.Value(value)) {
		return s.secret(place, name)
	}
	return escapeTemplate(value)
}

// text is a body that is neither JSON nor a form.
func (s *stepWriter) text(value string) string {
	return credential.Text(value, func(name string) string { return s.secret("the body", name) }, escapeTemplate)
}

func (s *stepWriter) secret(place, name string) string {
	if name = snake(name); name == "" {
		name = "secret"
	}
	if n := (Note{Place: place, Reason: "is a credential: the step reads the secret " + name}); !slices.Contains(s.notes, n) {
		s.notes = append(s.notes, n)
	}
	return program("secret(" + quoted(name) + ")")
}

// eachSecret calls with the places of the credentials in a body of JSON.
func eachSecret(place string, v any, with func(place string)) {
	if place == "" {
		place = "the body"
	}
	name := place[strings.LastIndexByte(place, '.')+1:]
	switch v := v.(type) {
	case map[string]any:
		for _, e := range sorted(v) {
			eachSecret(place+"."+e.key, e.value, with)
		}
	case []any:
		for _, element := range v {
			eachSecret(place, element, with)
		}
	case string:
		hidden := v != "" && (credential.Name(name) || credential.Value(v))
		credential.Text(v, func(string) string { hidden = true; return "" }, strings.Clone)
		if hidden {
			with(place)
		}
	case nil:
	default:
		if credential.Name(name) {
			with(place)
		}
	}
}
