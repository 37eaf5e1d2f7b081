package importer

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// dataOption reads -d and its kin.
func (r *curlReader) dataOption(name, value string) {
	switch {
	case name == "--data-urlencode":
		r.data = append(r.data, r.urlencoded(name, value))
		return
	case name == "--json":
		r.json = true
	}
	if strings.HasPrefix(value, "@") && name != "--data-raw" {
		r.unformed = true
		if r.file != "" || len(r.data) > 0 {
			r.note(name, "the file "+shorten(value[1:], 60)+" is not read: write what it has into the body")
			return
		}
		r.file = value[1:]
		r.note(name, "the file "+shorten(value[1:], 60)+" is not read: the step sends the file of the run that it is given")
		return
	}
	if name == "--json" && len(r.data) > 0 { // without & between
		r.data[len(r.data)-1] += value
		return
	}
	r.data = append(r.data, value)
}

// urlencoded reads `content`, `=content`, `name=content`, `@file` and `name@file`.
func (r *curlReader) urlencoded(option, text string) string {
	at := strings.IndexAny(text, "=@")
	if at < 0 {
		return url.QueryEscape(text)
	}
	name, value := text[:at], text[at+1:]
	if text[at] == '@' {
		r.note(option, "the file "+shorten(value, 60)+" is not read: write the value "+quoted(shorten(name, 40)))
		value = ""
	}
	if name == "" {
		return url.QueryEscape(value)
	}
	return name + "=" + url.QueryEscape(value)
}

// formOption reads a part of a form: name=content, name=@file or name=<file, with ;type=…, ;filename=….
func (r *curlReader) formOption(option, text string) error {
	name, content, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%s: expected name=content", option)
	}
	name = strings.Trim(name, `"`)
	if option == "--form-string" {
		r.fields = append(r.fields, formField{pair: pair{name, content}})
		return nil
	}
	kind := byte(0)
	if content != "" && (content[0] == '@' || content[0] == '<') {
		kind, content = content[0], content[1:]
	}
	f := formField{file: kind == '@', read: kind == '<'}
	f.name = name
	value, rest := formWord(content, kind == '@')
	files := []string{value}
	for strings.HasPrefix(rest, ",") && kind == '@' {
		value, rest = formWord(rest[1:], true)
		files = append(files, value)
	}
	for typed := false; strings.HasPrefix(rest, ";"); {
		attribute, value := strings.TrimLeft(rest[1:], " "), ""
		key := attribute[:len(attribute)-len(strings.TrimLeft(attribute, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"))]
		if after, ok := strings.CutPrefix(attribute[len(key):], "="); ok {
			value, rest = formWord(after, false)
			attribute = key + "=" + value
		} else {
			attribute, rest = formWord(attribute, false)
		}
		switch key = strings.ToLower(key); {
		case key == "type":
			f.media, typed = value, true
			continue
		case key == "filename":
			f.filename = value
		case typed && key != "encoder" && key != "headers": // a parameter of the type
			f.media += "; " + attribute
			continue
		default:
			r.note(option, quoted(shorten(attribute, 40))+" of the part "+quoted(shorten(name, 40))+" is not taken over")
		}
		typed = false
	}
	for _, file := range files {
		one := f
		one.value = file
		switch {
		case kind == '@':
			r.note(option, "the file "+shorten(file, 60)+" is not read: the step sends the file of the run that it is given")
			one.value = ""
		case kind == '<':
			r.note(option, "the file "+shorten(file, 60)+" is not read: write the value of "+quoted(shorten(name, 40)))
			one.value = ""
		}
		r.fields = append(r.fields, one)
	}
	return nil
}

// formWord reads a text in quotes, or up to ; or, for files, a comma.
func formWord(text string, files bool) (word, rest string) {
	if strings.HasPrefix(text, `"`) {
		var b strings.Builder
		for i := 1; i < len(text); i++ {
			switch {
			case text[i] == '"':
				return b.String(), text[i+1:]
			case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
				i++
			}
			b.WriteByte(text[i])
		}
	}
	separators := ";"
	if files {
		separators = ";,"
	}
	if i := strings.IndexAny(text, separators); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// members reads a form or a query. ok is false for what a form cannot say again: a name without =, an escape that is none, or bytes
// that are not UTF-8.
func members(text string) (all []pair, ok bool) {
	for item := range strings.SplitSeq(text, "&") {
		if item == "" {
			continue
		}
		name, value, given := strings.Cut(item, "=")
		plain, err := url.QueryUnescape(name)
		content, err2 := url.QueryUnescape(value)
		if !given || err != nil || err2 != nil || plain == "" || !utf8.ValidString(plain) || !utf8.ValidString(content) {
			return nil, false
		}
		all = append(all, pair{plain, content})
	}
	return all, true
}

// setBody reads the text of a body by its media type: a form, when none is said, as curl does.
func (c *call) setBody(data string) {
	if c.media == "" {
		c.media = "application/x-www-form-urlencoded"
		if v, err := decodeJSON([]byte(data)); err == nil && !scalarValue(v) {
			c.note("the body", "it is JSON, and sent as application/json; curl sends it as a form, because the line has no header Content-Type")
			c.media, c.body = "application/json", v
			return
		}
	}
	c.body, c.asText = data, true
	switch {
	case isJSON(c.media):
		if v, err := decodeJSON([]byte(data)); err == nil {
			c.body, c.asText = v, false
		}
	case plainMedia(c.media) == "application/x-www-form-urlencoded":
		if all, ok := members(data); ok {
			c.fields, c.asText = []formField{}, false
			for _, p := range all {
				c.fields = append(c.fields, formField{pair: p})
			}
		}
	}
}
