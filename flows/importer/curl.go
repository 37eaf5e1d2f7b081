package importer

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Curl makes a connector with one operation of a line of curl. Credentials of the line become a connection and are not
// written.
func Curl(line string, c Config) (*Result, error) {
	parsed, notes, err := parseCurl(line)
	if err != nil {
		return nil, fmt.Errorf("read curl: %w", err)
	}
	r, err := fromCalls(hostTitle(parsed.base), "curl", []*call{parsed}, c)
	if err == nil {
		r.Left = append(r.Left, notes...)
	}
	return r, err
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
		notes = append(notes, Note{Place: "the URL", Reason: "a part of the path looks like a secret: the step reads it from $vars." + name})
	}
	http.add(c.method, escapeTemplate(c.base)+path)
	if !slices.Contains(methods, c.method) {
		http = mapping{{"url", c.base + path}, {"method", strings.ToUpper(c.method)}}
	}
	http.add("query", pairs(c.query))
	http.add("headers", pairs(c.headers))
	c.stepBody(&http)
	if len(c.needs) > 0 {
		name := connectorName(hostTitle(c.base), "")
		http.add("connection", name)
		notes = append(notes, Note{Place: "credentials", Reason: fmt.Sprintf("the step needs the connection %q (%s) with the host %s", name, c.connectionTypes(), strings.TrimPrefix(c.base, "https://"))})
	}
	return encode(mapping{{"http", http}}), notes, nil
}

// connectionTypes names the types of the connections that a call needs.
func (c *call) connectionTypes() string {
	doc := newDocuments(&source{}).document(documentOf("", []*call{c}))
	s := newSecurity(&spec{root: doc.node()})
	var all []string
	for _, name := range c.needs {
		for _, t := range s.typesOf(name) {
			said := t.name
			for _, e := range t.settings {
				said += fmt.Sprintf(", %s: %v", e.key, e.value)
			}
			all = append(all, said)
		}
	}
	return strings.Join(all, "; ")
}

func pairs(all []pair) mapping {
	m := mapping{}
	for _, p := range all {
		m = append(m, entry{p.name, escapeTemplate(p.value)})
	}
	return m
}

// escapeTemplate keeps ${ of a text from being a program.
func escapeTemplate(s string) string { return strings.ReplaceAll(s, "${", "$${") }

// stepBody writes the body of a step, with secrets by their names.
func (c *call) stepBody(http *mapping) {
	if c.media == "" {
		return
	}
	media := plainMedia(c.media)
	switch {
	case media == "application/x-www-form-urlencoded" && c.fields != nil:
		m := mapping{}
		for _, f := range c.fields {
			m = append(m, entry{f.name, secretOr(f.name, f.value)})
		}
		*http = append(*http, entry{"form", m})
	case media == "multipart/form-data":
		var parts []any
		for _, f := range c.fields {
			if f.file {
				parts = append(parts, mapping{{"name", f.name}, {"file", program("." + paramName(f.name))}})
			} else {
				parts = append(parts, mapping{{"name", f.name}, {"value", secretOr(f.name, f.value)}})
			}
		}
		http.add("multipart", parts)
	case isJSON(media) && !isString(c.body):
		*http = append(*http, entry{"json", stepValue("", c.body)})
		if media != "application/json" {
			http.add("content_type", c.media)
		}
	default:
		http.add("raw", stepValue("", c.body))
		http.add("content_type", c.media)
	}
}

func isString(v any) bool { _, ok := v.(string); return ok }

// stepValue copies a value of a body; credentials become secrets of the name of their member.
func stepValue(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, member := range v {
			out[key] = stepValue(key, member)
		}
		return sorted(out)
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = stepValue(name, element)
		}
		return out
	case string:
		return secretOr(name, v)
	}
	if v != nil && secretName(name) {
		return program("secret(" + quoted(snake(name)) + ")")
	}
	return v
}

func secretOr(name, value string) string {
	if value != "" && (name != "" && secretName(name) || secretValue(value)) {
		if name = snake(name); name == "" {
			name = "secret"
		}
		return program("secret(" + quoted(name) + ")")
	}
	return escapeTemplate(value)
}

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

// curlValues are the options with a value that have no meaning for a step. Read only.
var curlValues = []string{
	"-o", "--output", "-w", "--write-out", "-m", "--max-time", "--connect-timeout", "--retry", "--retry-delay", "--retry-max-time", "-c", "--cookie-jar", "-D", "--dump-header",
	"--limit-rate", "--max-redirs", "--resolve", "-A", "--user-agent", "-e", "--referer", "--trace", "--trace-ascii", "--stderr", "-K", "--config", "--interface", "--ciphers", "--tls-max",
}

// curlUnsaid are the options with a value that a step says elsewhere. Read only.
var curlUnsaid = map[string]string{
	"-x": "a proxy is a connection: `proxy`", "--proxy": "a proxy is a connection: `proxy`", "--cacert": "a certificate of an authority goes into `tls: {ca: …}`",
	"-E": "a client certificate is a connection of the type mtls", "--cert": "a client certificate is a connection of the type mtls", "--key": "a client certificate is a connection of the type mtls",
	"-T": "the file is not read: write `file: ${ … }`", "--upload-file": "the file is not read: write `file: ${ … }`", "--aws-sigv4": "a signature is a connection of the type aws_sigv4",
	"--oauth2-bearer": "",
}

// curlReader reads the words of a line.
type curlReader struct {
	call
	words []string
	notes []Note
	data  []string
	json  bool // --json
	get   bool // -G
	urls  []string
}

// parseCurl reads a line of curl, as a shell does.
func parseCurl(line string) (*call, []Note, error) {
	if len(line) > 1<<20 {
		return nil, nil, errors.New("the line has more than 1 MB")
	}
	words, err := shellWords(line)
	if err != nil {
		return nil, nil, err
	}
	if len(words) == 0 || words[0] != "curl" && !strings.HasSuffix(words[0], "/curl") {
		return nil, nil, errors.New("the line does not begin with curl")
	}
	r := &curlReader{words: words[1:]}
	for len(r.words) > 0 {
		if err := r.option(r.next()); err != nil {
			return nil, nil, err
		}
	}
	return r.finish()
}

func (r *curlReader) next() string {
	if len(r.words) == 0 {
		return ""
	}
	word := r.words[0]
	r.words = r.words[1:]
	return word
}

func (r *curlReader) note(place, reason string) {
	r.notes = append(r.notes, Note{Place: place, Reason: reason})
}

// shortValues are the letters of options that take a value, also in the same word: -XPOST. Read only.
const shortValues = "XHdFubAeowmcxETDK"

func (r *curlReader) option(word string) error {
	switch {
	case len(word) < 2 || word[0] != '-':
		r.urls = append(r.urls, word)
		return nil
	case strings.HasPrefix(word, "--"):
		if name, value, ok := strings.Cut(word, "="); ok {
			r.words = append([]string{value}, r.words...)
			word = name
		}
		return r.long(word)
	}
	for i := 1; i < len(word); i++ {
		letter := "-" + word[i:i+1]
		if strings.Contains(shortValues, word[i:i+1]) {
			if i+1 < len(word) {
				r.words = append([]string{word[i+1:]}, r.words...)
			}
			return r.long(letter)
		}
		if err := r.long(letter); err != nil {
			return err
		}
	}
	return nil
}

func (r *curlReader) long(name string) error {
	switch name {
	case "-X", "--request":
		r.method = strings.ToLower(r.next())
	case "-H", "--header":
		if header, value, ok := strings.Cut(r.next(), ":"); ok {
			r.addHeader(strings.TrimSpace(header), strings.TrimSpace(value))
		}
	case "-u", "--user":
		r.next()
		r.need("basic", map[string]any{"type": "http", "scheme": "basic"})
	case "--oauth2-bearer":
		r.next()
		r.need("bearer", map[string]any{"type": "http", "scheme": "bearer"})
	case "--digest":
		delete(r.schemes, "basic")
		r.needs = slices.DeleteFunc(r.needs, func(n string) bool { return n == "basic" })
		r.need("digest", map[string]any{"type": "http", "scheme": "digest"})
	case "-b", "--cookie":
		r.addHeader("Cookie", r.next())
	case "-d", "--data", "--data-ascii", "--data-binary", "--data-raw":
		value := r.next()
		if strings.HasPrefix(value, "@") && name != "--data-raw" {
			r.note(name, "the file "+shorten(value[1:], 60)+" is not read: write the body")
			value = ""
		}
		r.data = append(r.data, value)
	case "--json":
		r.json = true
		r.data = append(r.data, r.next())
	case "--data-urlencode":
		field, value, ok := strings.Cut(r.next(), "=")
		if !ok {
			field, value = "", field
		}
		r.data = append(r.data, strings.TrimPrefix(url.QueryEscape(field)+"="+url.QueryEscape(value), "="))
	case "-F", "--form", "--form-string":
		field, value, _ := strings.Cut(r.next(), "=")
		file := name != "--form-string" && (strings.HasPrefix(value, "@") || strings.HasPrefix(value, "<"))
		r.fields = append(r.fields, formField{pair{field, value}, file})
	case "-G", "--get":
		r.get = true
	case "-I", "--head":
		r.method = "head"
	case "--url":
		r.urls = append(r.urls, r.next())
	case "-k", "--insecure":
		r.note(name, "certificates are always verified: an authority of your own goes into `tls: {ca: …}`")
	default:
		if why, ok := curlUnsaid[name]; ok {
			r.next()
			r.note(name, why)
		} else if slices.Contains(curlValues, name) {
			r.next()
		}
	}
	return nil
}

// finish makes the call of what was read.
func (r *curlReader) finish() (*call, []Note, error) {
	c := &r.call
	if len(r.urls) != 1 {
		return nil, nil, fmt.Errorf("the line has %d URLs, one is expected", len(r.urls))
	}
	if err := c.addURL(r.urls[0]); err != nil {
		return nil, nil, err
	}
	data := strings.Join(r.data, "&")
	switch {
	case r.get:
		for item := range strings.SplitSeq(data, "&") {
			name, value, _ := strings.Cut(item, "=")
			name, _ = url.QueryUnescape(name)
			value, _ = url.QueryUnescape(value)
			c.addQuery(name, value)
		}
		c.media = ""
	case c.fields != nil:
		c.media = "multipart/form-data"
	case r.data != nil:
		if r.json {
			c.media = "application/json"
		}
		c.setBody(data)
	case c.media != "":
		c.media = "" // of no body
	}
	if c.method == "" {
		c.method = "get"
		if c.media != "" {
			c.method = "post"
		}
	}
	return c, r.notes, nil
}

// setBody reads the text of a body by its media type: a form, when none is said, as curl does.
func (c *call) setBody(data string) {
	if c.media == "" {
		c.media = "application/x-www-form-urlencoded"
		if v, err := decodeJSON([]byte(data)); err == nil && !scalarValue(v) { // sent as a form by mistake
			c.media, c.body = "application/json", v
			return
		}
	}
	switch {
	case isJSON(c.media):
		v, err := decodeJSON([]byte(data))
		if err != nil {
			c.body = data
			return
		}
		c.body = v
	case plainMedia(c.media) == "application/x-www-form-urlencoded":
		c.fields = []formField{}
		for item := range strings.SplitSeq(data, "&") {
			name, value, _ := strings.Cut(item, "=")
			name, _ = url.QueryUnescape(name)
			value, _ = url.QueryUnescape(value)
			if name != "" {
				c.fields = append(c.fields, formField{pair{name, value}, false})
			}
		}
	default:
		c.body = data
	}
}

// shellWords splits a line as a POSIX shell does, without expansions.
func shellWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	begun := false
	end := func() {
		if begun {
			words = append(words, word.String())
			word.Reset()
			begun = false
		}
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			if line[i] == '\r' && i+1 < len(line) && line[i+1] == '\n' {
				i++
			}
			if line[i] != '\n' {
				word.WriteByte(line[i])
				begun = true
			}
		case c == '\'' || c == '"' || c == '$' && i+1 < len(line) && line[i+1] == '\'':
			begun = true
			ansi := c == '$'
			if ansi {
				i, c = i+1, '\''
			}
			closed := false
			for i++; i < len(line); i++ {
				if line[i] == c {
					closed = true
					break
				}
				if line[i] == '\\' && i+1 < len(line) && (ansi || c == '"' && strings.IndexByte("\"\\$`\n", line[i+1]) >= 0) {
					i++
					if ansi {
						word.WriteString(strings.NewReplacer("n", "\n", "t", "\t", "r", "\r").Replace(line[i : i+1]))
					} else if line[i] != '\n' {
						word.WriteByte(line[i])
					}
					continue
				}
				word.WriteByte(line[i])
			}
			if !closed {
				return nil, fmt.Errorf("a quote %c is not closed", c)
			}
		case strings.IndexByte(" \t\r\n", c) >= 0:
			end()
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	end()
	return words, nil
}
