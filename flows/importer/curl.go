package importer

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/credential"
)

// Curl makes a connector with one operation of a line of curl. Credentials of the line become a connection and are not
// written.
func Curl(line string, c Config) (*Result, error) {
	parsed, notes, err := parseCurl(line)
	if err != nil {
		return nil, fmt.Errorf("read curl: %w", err)
	}
	if !slices.Contains(methods, parsed.method) {
		return nil, fmt.Errorf("read curl: an operation of a connector does not send %s: use --step", strings.ToUpper(parsed.method))
	}
	if parsed.asText && !isText(parsed.media) {
		return nil, fmt.Errorf("read curl: the body is not what its type %s says: use --step", shorten(plainMedia(parsed.media), 60))
	}
	r, err := fromCalls(hostTitle(parsed.base), "curl", []*call{parsed}, c)
	if err == nil {
		r.Left = append(r.Left, append(notes, parsed.hidden()...)...)
	}
	return r, err
}

// hidden notes the members of the body whose values are left out.
func (c *call) hidden() (notes []Note) {
	for _, f := range c.fields {
		if f.filename != "" {
			notes = append(notes, Note{Operation: c.name, Place: "the part " + f.name, Reason: "filename= is not taken over"})
		}
		if f.value != "" && (credential.Name(f.name) || credential.Value(f.value)) {
			notes = append(notes, Note{Operation: c.name, Place: "the member " + f.name + " of the body", Reason: "is a credential: its value is left out"})
		}
	}
	eachSecret("", c.body, func(place string) {
		notes = append(notes, Note{Operation: c.name, Place: place, Reason: "is a credential: its value is left out"})
	})
	return notes
}

// CurlStep makes an http step of a line of curl. Credentials are left to a connection, or to secrets of the names in the step.
func CurlStep(line string) (step []byte, notes []Note, err error) {
	c, notes, err := parseCurl(line)
	if err != nil {
		return nil, nil, fmt.Errorf("read curl: %w", err)
	}
	http := mapping{}
	path := c.path
	for name := range c.pathValues {
		path = strings.ReplaceAll(path, "{"+name+"}", program("$vars."+name))
		notes = append(notes, Note{Place: "the URL", Reason: "the step reads a part of the path from $vars." + name})
	}
	http.add(c.method, escapeTemplate(c.base)+path)
	if !slices.Contains(methods, c.method) {
		http = mapping{{"url", c.base + path}, {"method", strings.ToUpper(c.method)}}
	}
	http.add("query", pairs(c.query))
	http.add("headers", pairs(c.headers))
	s := &stepWriter{call: c}
	s.body(&http)
	notes = append(notes, s.notes...)
	if len(c.needs) > 0 {
		var names []any
		for i, need := range c.needs {
			name := connectorName(hostTitle(c.base), "")
			if i > 0 {
				name = fmt.Sprintf("%s_%d", name, i+1)
			}
			names = append(names, name)
			notes = append(notes, Note{Place: "credentials", Reason: fmt.Sprintf("the step needs the connection %q (%s) with the host %s", name, c.connectionTypes(need), strings.TrimPrefix(c.base, "https://"))})
		}
		if len(names) == 1 {
			http.add("connection", names[0])
		} else {
			http.add("connection", names)
		}
	}
	return encode(mapping{{"http", http}}), notes, nil
}

// connectionTypes names the types of connections that carry a credential that a call needs.
func (c *call) connectionTypes(need string) string {
	doc := newDocuments(&source{}).document(documentOf("", []*call{c}))
	s := newSecurity(&spec{root: doc.node()})
	var all []string
	for _, t := range s.typesOf(need) {
		said := t.name
		for _, e := range t.settings {
			said += fmt.Sprintf(", %s: %v", e.key, e.value)
		}
		all = append(all, said)
	}
	return strings.Join(all, "; ")
}

func pairs(all []pair) mapping {
	m := mapping{}
	for _, g := range grouped(all) {
		list := make([]any, len(g.values))
		for i, v := range g.values {
			list[i] = escapeTemplate(v)
		}
		if len(list) == 1 {
			m = append(m, entry{g.name, list[0]})
		} else {
			m = append(m, entry{g.name, list})
		}
	}
	return m
}

// escapeTemplate keeps ${ of a text from being a program.
func escapeTemplate(s string) string { return strings.ReplaceAll(s, "${", "$${") }

// hostTitle makes a title of a host: api.crm.example.org becomes crm example.
func hostTitle(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return "api"
	}
	parts := strings.Split(u.Hostname(), ".")
	parts = slices.DeleteFunc(parts[:max(1, len(parts)-1)], func(p string) bool { return p == "api" || p == "www" })
	return strings.Join(parts, " ")
}

// parseCurl reads a line of curl, as a shell does.
func parseCurl(line string) (*call, []Note, error) {
	if len(line) > 1<<20 {
		return nil, nil, errors.New("the line has more than 1 MB")
	}
	words, notes, err := commandLine(line)
	if err != nil {
		return nil, nil, err
	}
	if len(words) == 0 || !curlCommand.MatchString(words[0]) {
		return nil, nil, errors.New("the line does not begin with curl")
	}
	r := &curlReader{words: words[1:]}
	for len(r.words) > 0 {
		if err := r.option(r.next()); err != nil {
			return nil, nil, err
		}
	}
	if err := r.finish(); err != nil {
		return nil, nil, err
	}
	return &r.call, append(notes, r.notes...), nil
}

var curlCommand = regexp.MustCompile(`^(.*[/\\])?curl(\.exe)?$`)

// finish makes the call of what was read.
func (r *curlReader) finish() error {
	c := &r.call
	if len(r.urls) != 1 {
		return fmt.Errorf("the line has %d URLs, one is expected", len(r.urls))
	}
	if at := strings.IndexAny(beforeCut(r.urls[0], "?"), "{["); at >= 0 && !r.globs && !strings.Contains(r.urls[0], "://[") {
		return fmt.Errorf("{ } and [ ] in the URL are lists for curl: write one value in their place, or --globoff")
	}
	if err := c.addURL(r.urls[0]); err != nil {
		return err
	}
	if r.upload && strings.HasSuffix(c.path, "/") {
		c.path += url.PathEscape(baseName(r.file))
	}
	for _, query := range r.added {
		if err := c.addRawQuery(query); err != nil {
			return err
		}
	}
	data := strings.Join(r.data, "&")
	switch {
	case r.get:
		if err := c.addRawQuery(data); err != nil {
			return err
		}
		c.media = ""
	case r.upload:
		if c.upload = true; c.media == "" {
			c.media = "application/octet-stream"
		}
	case c.fields != nil:
		c.media = "multipart/form-data"
	case r.file != "" || r.data != nil:
		if r.json && c.media == "" {
			c.media = "application/json"
		}
		if r.file == "" {
			c.setBody(data)
		} else if c.upload = true; c.media == "" {
			c.media = "application/x-www-form-urlencoded"
		}
	case r.unformed:
	default:
		c.media = "" // of no body
	}
	c.setMethod(r.upload)
	return nil
}

// setMethod sets the method that curl takes without -X.
func (c *call) setMethod(upload bool) {
	if c.method != "" {
		return
	}
	switch c.method = "get"; {
	case upload:
		c.method = "put"
	case c.media != "":
		c.method = "post"
	}
}
