package sender

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of a template, so that a description stays small.
const (
	maxTemplate     = 1024 // bytes
	maxPlaceholders = 32
)

// template is text with placeholders, for instance v0:{timestamp}:{body}. It is immutable.
type template struct {
	source string
	parts  []part
}

// part is literal text, or a placeholder with its argument.
type part struct {
	literal string
	name    string // empty: literal
	arg     string
}

// placeholders says which placeholders there are, and whether each has an argument. Read only.
var placeholders = map[string]bool{
	"body": false, "sha256": false, "crc32": false, "form": false, "timestamp": false, "method": false, "url": false, "path": false, "secret": false,
	"header": true, "param": true, "member": true, "lines": true, "headers": true, "hmac": true,
}

var (
	headerForm = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]{1,128}$`)
	paramForm  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	memberForm = regexp.MustCompile(`^[A-Za-z0-9_*-]{1,64}(\.[A-Za-z0-9_*-]{1,64}){0,7}$`)
)

// parseTemplate returns an error that says which placeholder is wrong. Each { begins a placeholder. only, if given, are
// the placeholders that the place allows.
func parseTemplate(source string, only ...string) (*template, error) {
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("the template is longer than %d bytes", maxTemplate)
	}
	t := &template{source: source}
	for rest := source; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return nil, fmt.Errorf("the template %q has a } without {", source)
		}
		if literal != "" {
			t.parts = append(t.parts, part{literal: literal})
		}
		if !found {
			break
		}
		inside, next, closed := strings.Cut(after, "}")
		if !closed {
			return nil, fmt.Errorf("the template %q has a { without }", source)
		}
		p, err := parsePlaceholder(inside, only)
		if err != nil {
			return nil, err
		}
		t.parts, rest = append(t.parts, p), next
	}
	if len(t.parts) > maxPlaceholders {
		return nil, fmt.Errorf("the template has more than %d parts", maxPlaceholders)
	}
	return t, nil
}

func parsePlaceholder(text string, only []string) (part, error) {
	name, arg, hasArg := strings.Cut(text, ":")
	wants, known := placeholders[name]
	switch {
	case !known || len(only) > 0 && !slices.Contains(only, name):
		return part{}, fmt.Errorf("there is no placeholder {%s} here: expected one of %s", text, placeholderList(only))
	case wants != hasArg:
		return part{}, fmt.Errorf("the placeholder {%s} must be written %s", text, written(name))
	}
	return part{name: name, arg: arg}, checkArg(name, arg)
}

func checkArg(name, arg string) error {
	ok := true
	switch name {
	case "header", "headers":
		ok = headerForm.MatchString(arg)
	case "param":
		ok = paramForm.MatchString(arg)
	case "member":
		ok = memberForm.MatchString(arg)
	case "lines":
		names := strings.Split(arg, ",")
		ok = len(names) <= maxPlaceholders && !slices.ContainsFunc(names, func(n string) bool { return !memberForm.MatchString(n) })
	case "hmac":
		_, err := parsePlaceholder(arg, []string{"header", "param", "member"})
		return err
	}
	if !ok {
		return fmt.Errorf("the placeholder {%s:%s} has no valid name", name, arg)
	}
	return nil
}

func placeholderList(only []string) string {
	if len(only) == 0 {
		for name := range placeholders {
			only = append(only, name)
		}
	}
	all := make([]string, len(only))
	for i, name := range slices.Sorted(slices.Values(only)) {
		all[i] = written(name)
	}
	return strings.Join(all, " ")
}

func written(name string) string {
	if placeholders[name] {
		return "{" + name + ":NAME}"
	}
	return "{" + name + "}"
}

// has reports whether the template has one of the placeholders.
func (t *template) has(names ...string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.name != "" && slices.Contains(names, p.name) })
}

// values are what a template is rendered with, besides the delivery.
type values struct {
	*Delivery
	timestamp string
	url       string
	secret    string
	hmac      func(text string) string // of challenges
	hashParam string                   // query parameter with the hash of a body that is no form
}

// text renders a template that names values of a delivery only; empty when one of them is missing.
func (t *template) text(d *Delivery) string {
	text, complete := t.render(&values{Delivery: d})
	if !complete {
		return ""
	}
	return text
}

// render returns the text, and whether each header, parameter and member was there.
func (t *template) render(v *values) (string, bool) {
	var b strings.Builder
	complete := true
	for _, p := range t.parts {
		n := b.Len()
		v.write(&b, p)
		if b.Len() == n && slices.Contains([]string{"header", "param", "member", "hmac"}, p.name) {
			complete = false
		}
	}
	return b.String(), complete
}

// write renders the template without a copy of the body. Writers are hashes, which return no errors.
func (t *template) write(w io.Writer, v *values) {
	for _, p := range t.parts {
		v.write(w, p)
	}
}

func (v *values) write(w io.Writer, p part) {
	if p.name == "body" {
		w.Write(v.Body) //nolint:errcheck // a hash or a strings.Builder
		return
	}
	io.WriteString(w, v.value(p)) //nolint:errcheck // a hash or a strings.Builder
}

// value returns the text of a part other than {body}.
func (v *values) value(p part) string {
	switch p.name {
	case "":
		return p.literal
	case "timestamp":
		return v.timestamp
	case "url":
		return v.url
	case "path":
		return v.Path
	case "method":
		return v.Method
	case "secret":
		return v.secret
	case "header":
		return v.Header.Get(p.arg)
	case "param":
		return v.Query.Get(p.arg)
	case "member":
		return v.document.text(v.Body, p.arg)
	case "lines":
		return v.lines(strings.Split(p.arg, ","))
	case "headers":
		return v.listedHeaders(p.arg)
	case "hmac":
		return v.hmacOf(p.arg)
	case "form":
		return v.form()
	case "sha256":
		sum := sha256.Sum256(v.Body)
		return hex.EncodeToString(sum[:])
	case "crc32":
		return strconv.FormatUint(uint64(crc32.ChecksumIEEE(v.Body)), 10)
	}
	return ""
}

// lines returns name and value of each member that is there, each with a line end, as AWS SNS signs them.
func (v *values) lines(names []string) string {
	var b strings.Builder
	for _, name := range names {
		if text, ok := v.document.find(v.Body, name); ok {
			b.WriteString(name + "\n" + text + "\n")
		}
	}
	return b.String()
}

// maxListed is the maximum number of headers that a header lists as signed.
const maxListed = 64

// listedHeaders returns the headers that a header lists, as Contentful signs them: name:value;name:value.
func (v *values) listedHeaders(header string) string {
	names := strings.Split(v.Header.Get(header), ",")
	if len(names) > maxListed {
		return ""
	}
	all := make([]string, len(names))
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		all[i] = name + ":" + strings.TrimSpace(v.Header.Get(name))
	}
	return strings.Join(all, ";")
}

func (v *values) hmacOf(arg string) string {
	p, err := parsePlaceholder(arg, nil)
	if err != nil || v.hmac == nil {
		return ""
	}
	text := v.value(p)
	if text == "" {
		return ""
	}
	return v.hmac(text)
}

// form returns the fields of a form as Twilio signs them: sorted names and values without separators, equal values of a
// name once. It is empty for a body that is no form and whose hash is in the URL.
func (v *values) form() string {
	if v.hashParam != "" && v.Query.Get(v.hashParam) != "" {
		return ""
	}
	form, err := url.ParseQuery(string(v.Body))
	if err != nil {
		return ""
	}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		all := slices.Clone(form[name])
		slices.Sort(all)
		for _, value := range slices.Compact(all) {
			b.WriteString(name + value)
		}
	}
	return b.String()
}
