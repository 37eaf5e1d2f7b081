package portal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/console/samples"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// maxAnswer is the maximum number of bytes that a page shows of an answer. The rest is counted.
const maxAnswer = 64 << 10

// prefixParam begins the names of form fields with the values of parameters: "param.query.since".
const prefixParam = "param."

// call is a request to an operation, as the form says it.
type call struct {
	method, target string // path and query
	header         http.Header
	kind, body     string // media type; empty: no body
}

// example fills the form as the description does: with the examples of parameters that are required, and of the body.
func example(o *view.Operation) {
	o.Values = map[string]string{}
	for _, m := range o.Sheet.Params {
		if m.Required {
			o.Values[m.In+"."+m.Name] = cmp.Or(m.Example, m.Default, first(m.Enum))
		}
	}
	o.Body = o.Sheet.Request()
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// read fills the form with what was sent.
func read(r *Request, o *view.Operation) {
	o.Values = map[string]string{}
	for _, m := range o.Sheet.Params {
		o.Values[m.In+"."+m.Name] = r.HTTP.PostFormValue(prefixParam + m.In + "." + m.Name)
	}
	o.Body = strings.ReplaceAll(r.HTTP.PostFormValue("body"), "\r\n", "\n")
}

// callOf returns the request of a form. Empty values are left out; those of the path are required.
func callOf(o *view.Operation) (*call, error) {
	c := &call{method: strings.ToUpper(o.Sheet.Method), target: o.Sheet.Path, header: http.Header{}}
	query := url.Values{}
	for _, m := range o.Sheet.Params {
		value := o.Values[m.In+"."+m.Name]
		switch {
		case m.In == "path" && value == "":
			return nil, &store.InvalidError{Member: m.Name, Reason: "is a part of the path: it is required"}
		case value == "":
		case m.In == "path":
			c.target = strings.ReplaceAll(c.target, "{"+m.Name+"}", url.PathEscape(value))
		case m.In == "query":
			query.Set(m.Name, value)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return nil, &store.InvalidError{Member: m.Name, Reason: "is a header: it has one line"}
		default:
			c.header.Set(m.Name, value)
		}
	}
	if len(query) > 0 {
		c.target += "?" + query.Encode()
	}
	if o.Sheet.Body != nil && strings.TrimSpace(o.Body) != "" {
		c.kind, c.body = cmp.Or(concrete(o.Sheet.Body), "application/json"), o.Body
	}
	return c, nil
}

// concrete returns the media type of a body; empty: any is accepted.
func concrete(c *flowdoc.Content) string {
	if strings.Contains(c.MediaType, "*") {
		return ""
	}
	return c.MediaType
}

// samples returns the call in each language, with a placeholder for the token.
func (c *call) samples(o *view.Operation) []samples.Sample {
	s := samples.Call{Method: c.method, URL: o.Base + c.target, Type: c.kind, Body: c.body, Bearer: len(o.Sheet.Ways) > 0}
	for _, name := range slices.Sorted(maps.Keys(c.header)) {
		s.Header = append(s.Header, [2]string{name, c.header.Get(name)})
	}
	return samples.Of(s)
}

// tryOperation calls an operation as the signed-in developer, within what was granted, and shows the answer.
func (p *Portal) tryOperation(r *Request) error {
	o, err := p.operation(r)
	if err != nil {
		return err
	}
	if p.config.Call == nil {
		return store.ErrNotFound
	}
	read(r, &o)
	c, err := callOf(&o)
	if err != nil {
		if o.Trouble, _ = troubleOf(err); o.Trouble == "" {
			return err
		}
		return p.renderOperation(r, http.StatusBadRequest, &o)
	}
	o.Answer, err = p.send(r, c)
	if err != nil {
		return err
	}
	return p.renderOperation(r, http.StatusOK, &o)
}

// send calls the API within this process. None of the browser's headers go with the request.
func (p *Portal) send(r *Request, c *call) (*view.Answer, error) {
	inner, err := http.NewRequestWithContext(r.HTTP.Context(), c.method, c.target, strings.NewReader(c.body))
	if err != nil {
		return nil, &store.InvalidError{Member: "the request", Reason: "cannot be made of these values"}
	}
	inner.Header = c.header.Clone()
	inner.Header.Set("Accept", "application/json")
	inner.Header.Set("User-Agent", "Penstock developer portal")
	if c.body != "" {
		inner.Header.Set("Content-Type", c.kind)
	} else {
		inner.Body = http.NoBody
	}
	inner.Host, inner.RequestURI, inner.RemoteAddr = r.HTTP.Host, c.target, net.JoinHostPort(r.IP, "0")
	w := &recorder{header: http.Header{}, browser: http.NewResponseController(r.Writer)}
	began := p.config.Now()
	p.config.Call(w, inner, r.Who)
	a := &view.Answer{Method: c.method, Target: c.target, Status: cmp.Or(w.status, http.StatusOK), Took: p.config.Now().Sub(began), Size: w.size}
	a.Sent, a.Header = lines(inner.Header), lines(w.header)
	a.Body = shown(w.body.Bytes(), w.size)
	return a, nil
}

// lines returns the lines of a header, by name.
func lines(h http.Header) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			all = append(all, name+": "+value)
		}
	}
	return all
}

// shown returns the text of a body, indented if it is JSON and complete.
func shown(body []byte, size int) string {
	var b bytes.Buffer
	switch {
	case len(body) == size && json.Indent(&b, body, "", "  ") == nil && b.Len() <= 2*maxAnswer:
		return b.String()
	case utf8.Valid(body) || size > len(body) && utf8.Valid(body[:max(0, len(body)-utf8.UTFMax)]):
		return strings.ToValidUTF8(string(body), "")
	}
	return fmt.Sprintf("(%d bytes that are no text)", size)
}

// recorder is the response of a call: its beginning, and its size. Waits of the call move the deadlines of the browser's
// connection.
type recorder struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	size    int
	browser *http.ResponseController
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(part []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.size += len(part)
	w.body.Write(part[:min(len(part), maxAnswer-w.body.Len())])
	return len(part), nil
}

func (w *recorder) Flush()                                 { w.WriteHeader(http.StatusOK) }
func (w *recorder) SetReadDeadline(until time.Time) error  { return w.browser.SetReadDeadline(until) }
func (w *recorder) SetWriteDeadline(until time.Time) error { return w.browser.SetWriteDeadline(until) }
