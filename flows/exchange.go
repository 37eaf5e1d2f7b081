package flows

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/internal/payload"
)

// Bounds of one recorded exchange, in bytes.
const (
	MaxExchangeBody   = 4 << 10  // of a body as it is recorded
	maxExchangeURL    = 1 << 10  // of the URL
	maxExchangeHeader = 2 << 10  // of the headers of the request, and of those of the response
	maxExchangeValue  = 512      // of one header
	maxExchangeError  = 512      // of the reason why there is no usable response
	maxReadBody       = 64 << 10 // of a body that is looked at: a secret in it is found before it is cut
)

// ExchangeTracer is a Tracer that also receives HTTP exchanges.
type ExchangeTracer interface {
	Tracer
	// TakesSuccesses reports whether exchanges are received that succeeded, besides those that failed.
	TakesSuccesses() bool
	// Exchange receives an exchange. read returns it masked and cut, and may be called later, from any goroutine, or never.
	Exchange(failed bool, read func() Exchange)
}

// Exchange is an HTTP request of a step with its response, as a run's record may contain it: without secrets, with the fields
// of redact masked, and cut.
type Exchange struct {
	Step        string           `json:"step"`
	Within      string           `json:"within,omitempty"`      // as of StepEnd
	Item        int              `json:"item"`                  // index
	Attempt     int              `json:"attempt,omitempty"`     // of the run; 0: unknown
	Try         int              `json:"try,omitempty"`         // of the item in this attempt, from 1
	At          time.Time        `json:"at"`                    // when the request was sent
	Micros      int64            `json:"us"`                    // duration in microseconds
	Method      string           `json:"method"`                //
	URL         string           `json:"url"`                   // without user information
	Connections []string         `json:"connections,omitempty"` // whose credentials the request had, which are not recorded
	Status      int              `json:"status,omitempty"`      // 0: no response came
	Error       string           `json:"error,omitempty"`       // why the response is not usable; empty: it is
	Request     ExchangeContent  `json:"request"`
	Response    *ExchangeContent `json:"response,omitempty"` // nil: no response came
}

// ExchangeContent is one side of an exchange.
type ExchangeContent struct {
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Size    int64             `json:"size,omitempty"`    // of the body in bytes; of a response that was not read to its end: of what was read
	Cut     bool              `json:"cut,omitempty"`     // Headers or Body lack something at their end
	Omitted string            `json:"omitted,omitempty"` // why there is no body; empty: Body is it
}

// HTTPExchange is an exchange as a step has seen it. What it refers to must not change any more.
type HTTPExchange struct {
	At          time.Time
	Method      string
	URL         *url.URL
	Connections []string
	Status      int // 0: no response came
	Err         error
	Request     HTTPContent
	Response    HTTPContent
}

// HTTPContent is one side of an HTTPExchange.
type HTTPContent struct {
	Header  http.Header
	Body    []byte
	Size    int64  // of the body in bytes
	Omitted string // why Body is not it
}

// RecordsExchange reports whether an exchange that has failed, or one that has succeeded, is recorded. in may be nil.
func (in *Input) RecordsExchange(failed bool) bool {
	if in == nil {
		return false
	}
	tracer, ok := in.p.x.env.Trace.(ExchangeTracer)
	return ok && (failed || tracer.TakesSuccesses())
}

// RecordExchange records an exchange, if RecordsExchange.
func (in *Input) RecordExchange(ctx context.Context, x HTTPExchange) {
	if !in.RecordsExchange(x.Err != nil) {
		return
	}
	whole := Exchange{
		Step: in.p.path(), Within: in.p.at, Item: in.index, At: x.At.UTC(), Micros: time.Since(x.At).Microseconds(),
		Method: x.Method, Connections: x.Connections, Status: x.Status,
	}
	if in.outcome != nil {
		whole.Try = in.outcome.Attempts
	}
	for _, c := range []*HTTPContent{&x.Request, &x.Response} { // what is not looked at is not kept in memory
		if len(c.Body) > maxReadBody {
			c.Body, c.Omitted = nil, "it is larger than 65,536 bytes"
		}
	}
	redact, secrets := in.p.step.redact, mask.Of(ctx)
	in.p.x.env.Trace.(ExchangeTracer).Exchange(x.Err != nil, func() Exchange {
		r := exchangeReader{masker: mask.New(redact...), redact: redact, secrets: secrets}
		return r.read(whole, &x)
	})
}

// exchangeReader reads an exchange for the record.
type exchangeReader struct {
	masker  *mask.Masker // by the names of fields
	redact  mask.Fields
	secrets *mask.Secrets // known ones
	sent    *mask.Secrets // what the request has in fields that are masked: a response may quote it elsewhere
}

func (r exchangeReader) read(e Exchange, x *HTTPExchange) Exchange {
	r.sent = r.sentSecrets(x)
	e.URL, _ = shortened(r.url(x.URL), maxExchangeURL)
	e.Request = r.content(&x.Request)
	if x.Status != 0 {
		response := r.content(&x.Response)
		e.Response = &response
	}
	if x.Err != nil {
		e.Error, _ = shortened(r.text(x.Err.Error()), maxExchangeError)
	}
	return e
}

// text returns a text without secrets.
func (r exchangeReader) text(s string) string { return r.sent.Text(r.secrets.Text(s)) }

// sentSecrets returns the texts of a request in fields that are masked by their names.
func (r exchangeReader) sentSecrets(x *HTTPExchange) *mask.Secrets {
	ctx, sent := mask.With(context.Background())
	for name, values := range x.Request.Header {
		for _, value := range values {
			if r.header(name, "x") == mask.Text {
				_, credential, _ := strings.Cut(value, " ") // behind the scheme
				mask.Add(ctx, value, credential)
			}
		}
	}
	forms := []string{}
	if x.URL != nil {
		forms = append(forms, x.URL.RawQuery)
	}
	if v, err := DecodeJSON(x.Request.Body); err == nil {
		r.addSent(ctx, v, false)
	} else if formOf(&x.Request) == payload.URLEncoded {
		forms = append(forms, string(x.Request.Body))
	}
	for _, form := range forms {
		values, _ := url.ParseQuery(form) // those before a mistake
		for name, all := range values {
			if r.masker.Masks(strings.TrimSuffix(name, "[]")) {
				mask.Add(ctx, all...)
			}
		}
	}
	return sent
}

// addSent adds the texts of a value in fields that are masked. masked says that v is in such a field.
func (r exchangeReader) addSent(ctx context.Context, v any, masked bool) {
	switch v := v.(type) {
	case string:
		if masked {
			mask.Add(ctx, v)
		}
	case map[string]any:
		for name, member := range v {
			r.addSent(ctx, member, masked || r.masker.Masks(name))
		}
	case []any:
		for _, element := range v {
			r.addSent(ctx, element, masked)
		}
	}
}

// formOf returns the form of a body by its content type.
func formOf(c *HTTPContent) payload.Form {
	media, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	return payload.FormOf(media)
}

// url returns a URL without user information and secrets.
func (r exchangeReader) url(u *url.URL) string {
	if u == nil {
		return ""
	}
	plain := *u
	plain.User, plain.RawQuery, plain.Fragment = nil, "", ""
	text := plain.String()
	if u.RawQuery != "" {
		text += "?" + r.form(u.RawQuery)
	}
	return r.text(text)
}

func (r exchangeReader) content(c *HTTPContent) ExchangeContent {
	out := ExchangeContent{Size: c.Size, Omitted: c.Omitted}
	out.Headers, out.Cut = r.headers(c.Header)
	if out.Omitted != "" || len(c.Body) == 0 {
		return out
	}
	text, omitted := r.body(c)
	if out.Omitted = omitted; omitted == "" {
		var cut bool
		out.Body, cut = shortened(text, MaxExchangeBody)
		out.Cut = out.Cut || cut
	}
	return out
}

// headers returns the headers without those that have credentials by their names; cut: not all of it.
func (r exchangeReader) headers(h http.Header) (out map[string]string, cut bool) {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(h)) {
		value, long := shortened(r.header(name, strings.Join(h[name], ", ")), maxExchangeValue)
		if size += len(name) + len(value); size > maxExchangeHeader {
			return out, true
		}
		if out == nil {
			out = make(map[string]string, len(h))
		}
		out[name], cut = value, cut || long
	}
	return out, cut
}

// header returns the value of a header without secrets.
func (r exchangeReader) header(name, value string) string {
	switch http.CanonicalHeaderKey(name) {
	case "X-Auth", "X-Key": // credentials, although their names do not sound like it
		return mask.Text
	case "Location", "Referer":
		u, err := url.Parse(value)
		if err != nil {
			return mask.Text
		}
		return r.url(u)
	}
	if r.masker.Masks(name) {
		return mask.Text
	}
	return r.text(strings.ToValidUTF8(value, "\uFFFD"))
}

// body returns a body without secrets, or why it is not recorded.
func (r exchangeReader) body(c *HTTPContent) (text, omitted string) {
	if !utf8.Valid(c.Body) {
		return "", "it is no text in UTF-8"
	}
	text = string(c.Body)
	form := formOf(c)
	switch trimmed := strings.TrimSpace(text); {
	case form == payload.URLEncoded && !strings.HasPrefix(trimmed, "{"):
		return r.text(r.form(text)), ""
	case form == payload.JSON, strings.HasPrefix(trimmed, "{"), strings.HasPrefix(trimmed, "["):
		masked, ok := r.json(trimmed)
		if !ok {
			return "", "it is no JSON that can be read, so that fields with secrets would not be found"
		}
		return r.text(masked), ""
	case len(r.redact) > 0:
		return "", "the step has redact, and the body has no fields"
	}
	return r.text(text), ""
}

// json returns JSON with the values masked of fields that sound like secrets, and of those of redact; false: it is none.
func (r exchangeReader) json(text string) (string, bool) {
	v, err := DecodeJSON(json.RawMessage(text))
	if err != nil {
		return "", false
	}
	if v = r.masker.Value(v); len(r.redact) > 0 {
		v = r.redact.Unnamed(v)
	}
	return string(EncodeJSON(v)), true
}

// form returns a query, or the body of a form, with the values masked of fields that sound like secrets, and of those of redact.
func (r exchangeReader) form(text string) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, given := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if given && value != "" && (err != nil || r.masker.Masks(strings.TrimSuffix(plain, "[]"))) {
			pairs[i] = name + "=" + mask.Text
		}
	}
	return strings.Join(pairs, "&")
}

// shortened returns a text of at most n bytes, and whether something is missing at its end.
func shortened(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	return strings.ToValidUTF8(s[:n], ""), true
}

// Size is about how many bytes the exchange needs in the record.
func (e *Exchange) Size() int {
	n := len(e.URL) + len(e.Error) + 200
	for _, c := range []*ExchangeContent{&e.Request, cmp.Or(e.Response, &ExchangeContent{})} {
		n += len(c.Body) + len(c.Omitted)
		for name, value := range c.Headers {
			n += len(name) + len(value)
		}
	}
	return n
}
