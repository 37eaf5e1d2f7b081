package deliveries

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/internal/payload"
)

// Secrets says what of a request is a secret, besides what sounds like one.
type Secrets struct {
	Headers    []string // names of headers
	Signatures []string // names of headers with signatures, of which it is shown how they are written
	Names      []string // names of query parameters, fields of forms and members of JSON
	Values     []string // texts that are secrets wherever they are
}

// NewContent returns what is kept of a request. omitted is the reason why the body is not kept; empty: there is none. It
// does not change its arguments.
func NewContent(h http.Header, query string, body []byte, omitted string, secrets *Secrets) *Content {
	r := &redactor{Masker: mask.New(secrets.Names...), values: spellings(secrets.Values)}
	c := &Content{Header: r.header(h, secrets), Query: r.form(query), Omitted: omitted}
	if omitted == "" {
		c.Body, c.Omitted = plain(h, body)
	}
	c.Body = r.body(h.Get("Content-Type"), c.Body)
	c.Masked = r.masked
	return c
}

// TooLarge is the reason why a body of more than MaxBody bytes is not kept.
const TooLarge = "it is larger than 65,536 bytes"

// plain returns a body without its Content-Encoding, or the reason why it is not kept.
func plain(h http.Header, body []byte) (text, omitted string) {
	codings, err := payload.Codings(h)
	if err == nil && len(codings) > 0 {
		body, err = unpack(codings, body)
	}
	switch {
	case errors.Is(err, payload.ErrTooLarge) || len(body) > MaxBody:
		return "", TooLarge
	case err != nil:
		return "", "its Content-Encoding cannot be read"
	case !utf8.Valid(body): // secrets in it would not be found
		return "", "it is no text in UTF-8"
	}
	return string(body), ""
}

func unpack(codings []string, body []byte) ([]byte, error) {
	unpacked, closeAll, err := payload.Unpack(codings, body, MaxBody)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	return io.ReadAll(unpacked)
}

// maxEncoded is the maximum size in bytes of a content in Redis: JSON may need six bytes for one.
const maxEncoded = 2 * MaxBody

// encode returns the content as it is stored. It omits a body that would be too large.
func (c *Content) encode() ([]byte, error) {
	text, err := json.Marshal(c)
	if err == nil && len(text) > maxEncoded {
		c.Body, c.Omitted = "", TooLarge
		text, err = json.Marshal(c)
	}
	if err != nil {
		return nil, fmt.Errorf("encode content: %w", err)
	}
	return text, nil
}

// redactor masks the secrets of one request.
type redactor struct {
	*mask.Masker
	values *strings.Replacer // masks the known secrets in a text
	masked bool              // something was masked besides headers
}

// spellings returns a replacer for secrets as they are, in JSON, in XML and in a URL.
func spellings(values []string) *strings.Replacer {
	all := map[string]bool{}
	for _, v := range values {
		if v = strings.TrimSpace(v); v == "" {
			continue
		}
		quoted, _ := json.Marshal(v) // texts always encode
		markup := html.EscapeString(v)
		for _, s := range []string{v, string(quoted[1 : len(quoted)-1]), markup, strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;").Replace(markup), url.QueryEscape(v), url.PathEscape(v)} {
			all[s] = true
		}
	}
	longest := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	pairs := make([]string, 0, 2*len(longest))
	for _, s := range longest {
		pairs = append(pairs, s, mask.Text)
	}
	return strings.NewReplacer(pairs...)
}

// text returns a text without the known secrets.
func (r *redactor) text(s string) string {
	masked := r.values.Replace(s)
	r.masked = r.masked || masked != s
	return masked
}

// secretHeaders are headers with credentials whose names do not say so. Read only.
var secretHeaders = []string{"X-Api-Key", "X-Auth", "X-Key"}

// header returns the headers without secrets: of a secret its length is shown.
func (r *redactor) header(h http.Header, secrets *Secrets) http.Header {
	out, size := http.Header{}, 0
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			value = shorten(r.headerValue(name, value, secrets), maxValue)
			if size += len(name) + len(value); size > maxHeader {
				return out
			}
			out[name] = append(out[name], value)
		}
	}
	return out
}

func (r *redactor) headerValue(name, value string, secrets *Secrets) string {
	in := func(names []string) bool {
		return slices.ContainsFunc(names, func(s string) bool { return strings.EqualFold(s, name) })
	}
	switch {
	case in([]string{"Authorization", "Proxy-Authorization"}):
		if scheme, rest, ok := strings.Cut(value, " "); ok {
			return scheme + " " + length(rest)
		}
		return length(value)
	case in(secrets.Headers), in(secretHeaders):
		return length(value)
	case in(secrets.Signatures), strings.Contains(strings.ToLower(name), "signature"), strings.Contains(strings.ToLower(name), "hmac"):
		return signaturePiece.ReplaceAllStringFunc(value, signatureForm)
	case r.Masks(name):
		return length(value)
	}
	return r.values.Replace(value)
}

// length is shown in place of a secret.
func length(secret string) string { return mask.Text + " (" + strconv.Itoa(len(secret)) + " bytes)" }

// signaturePiece is one value of a header with signatures.
var signaturePiece = regexp.MustCompile(`[^,;\s]+`)

// plainPiece is a version or a time, which is no secret.
var plainPiece = regexp.MustCompile(`^(v\d|\d{1,13})$`)

// signatureForm returns how a value is written: v1=*** (64 bytes).
func signatureForm(piece string) string {
	name, value, given := strings.Cut(piece, "=")
	switch {
	case plainPiece.MatchString(piece):
		return piece
	case !given || strings.Trim(value, "=") == "": // the = of base64
		return length(piece)
	case plainPiece.MatchString(value):
		return piece
	}
	return name + "=" + length(value)
}

// form returns a query string, or the body of a form, without secrets.
func (r *redactor) form(text string) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, given := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		switch {
		case !given || value == "":
		case err != nil || r.Masks(strings.TrimSuffix(plain, "[]")):
			pairs[i], r.masked = name+"="+mask.Text, true
		default:
			pairs[i] = name + "=" + r.field(value)
		}
	}
	return r.text(strings.Join(pairs, "&"))
}

// field returns the value of a form's field without secrets. Some senders put JSON into it.
func (r *redactor) field(value string) string {
	plain, err := url.QueryUnescape(value)
	if err != nil {
		return value
	}
	if out := r.text(r.json(plain)); out != plain {
		return strings.ReplaceAll(url.QueryEscape(out), url.QueryEscape(mask.Text), mask.Text)
	}
	return value
}

// json returns JSON without secrets. What is no JSON, or has none, is returned as it is.
func (r *redactor) json(text string) string {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if !strings.ContainsAny(text, "{[\"") || d.Decode(&v) != nil {
		return text
	}
	if d.More() {
		return r.lines(text)
	}
	r.Collect(v, false)
	before, _ := json.Marshal(v) // what was decoded encodes
	after, _ := json.Marshal(r.Value(v))
	if masked := r.values.Replace(string(after)); masked != string(before) {
		r.masked = true
		return masked
	}
	return text
}

// lines returns a text with the JSON of each line without secrets (NDJSON).
func (r *redactor) lines(text string) string {
	all := strings.Split(text, "\n")
	if len(all) == 1 {
		return text
	}
	for i, line := range all {
		all[i] = r.json(line)
	}
	return strings.Join(all, "\n")
}

// body returns a body without secrets: by the names of its fields if it is JSON or a form.
func (r *redactor) body(contentType, body string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err == nil && payload.FormOf(media) == payload.URLEncoded && !strings.HasPrefix(strings.TrimSpace(body), "{") {
		return r.form(body)
	}
	return r.text(r.json(body))
}

// shorten returns a text of at most n bytes, and … if something is missing.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
