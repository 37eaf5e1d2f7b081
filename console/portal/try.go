package portal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/samples"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/httprecorder"
	"github.com/penstock/penstock/store"
)

// maxAnswer is the maximum number of bytes that a page shows of an answer. The rest is counted.
const maxAnswer = 64 << 10

// prefixParam begins the names of form fields with the values of parameters: "param.query.since".
const prefixParam = "param."

// prefixFile begins the names of form fields with files: "file.document". The name of the field with a whole body ends there.
const prefixFile = "file."

// call is a request to an operation, as the form says it.
type call struct {
	method, target string // path and query
	header         http.Header
	kind, body     string          // content type; empty: no body
	fields         []samples.Field // of a form with files, whose bytes are in body; nil: another body
	file           bool            // the body is bytes
}

// example fills the form as the description does: with the examples of parameters that are required, and of the body.
func example(o *view.Operation) {
	o.Values = map[string]string{}
	for _, m := range o.Sheet.Params {
		if m.Required {
			o.Values[m.In+"."+m.Name] = cmp.Or(m.Example, m.Default, first(m.Enum))
		}
	}
	if o.Body = o.Sheet.Request(); o.Body == "" && len(o.Sheet.Bodies) > 0 && o.Sheet.Bodies[0].MediaType == "application/json" {
		o.Body = "{}" // of a body of which nothing is known
	}
	if len(o.Sheet.Bodies) > 0 {
		o.Media = o.Sheet.Bodies[0].MediaType
	}
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// read fills the form with what was sent, and returns the files.
func read(r *Request, o *view.Operation) map[string]*multipart.FileHeader {
	o.Values = map[string]string{}
	for _, m := range o.Sheet.Params {
		o.Values[m.In+"."+m.Name] = r.HTTP.PostFormValue(prefixParam + m.In + "." + m.Name)
	}
	o.Body = strings.ReplaceAll(r.HTTP.PostFormValue("body"), "\r\n", "\n")
	o.Media = r.HTTP.PostFormValue("media")
	if len(o.Sheet.Bodies) > 0 && o.Content() == nil {
		o.Media = o.Sheet.Bodies[0].MediaType
	}
	files := map[string]*multipart.FileHeader{}
	if r.HTTP.MultipartForm == nil {
		return files
	}
	for name, all := range r.HTTP.MultipartForm.File {
		if field, ok := strings.CutPrefix(name, prefixFile); ok && (all[0].Filename != "" || all[0].Size > 0) {
			files[field] = all[0]
		}
	}
	return files
}

// callOf returns the request of a form. Empty values are left out; those of the path are required. Of the files the request
// has the names alone.
func callOf(o *view.Operation) (*call, error) {
	c := &call{method: strings.ToUpper(o.Sheet.Method), target: o.Sheet.Path, header: http.Header{}}
	query := url.Values{}
	for _, m := range o.Sheet.Params {
		value := o.Values[m.In+"."+m.Name]
		switch {
		case m.In == "path" && value == "":
			return nil, &store.InvalidError{Member: m.Name, Reason: language.Key("is a part of the path: it is required")}
		case value == "":
		case m.In == "path":
			c.target = strings.ReplaceAll(c.target, "{"+m.Name+"}", url.PathEscape(value))
		case m.In == "query" && m.Explode:
			for line := range strings.SplitSeq(value, "\n") {
				if line = strings.TrimSuffix(line, "\r"); line != "" {
					query.Add(m.Name, line)
				}
			}
		case m.In == "query":
			query.Set(m.Name, value)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return nil, &store.InvalidError{Member: m.Name, Reason: language.Key("is a header: it has one line")}
		default:
			c.header.Set(m.Name, value)
		}
	}
	if len(query) > 0 {
		c.target += "?" + query.Encode()
	}
	return c, c.setBody(o)
}

// setBody sets the body in the chosen media type.
func (c *call) setBody(o *view.Operation) error {
	content := o.Content()
	switch {
	case content == nil:
	case content.Binary:
		c.kind, c.file = content.MediaType, true
	case content.MediaType == typeForm:
		fields := map[string]json.RawMessage{}
		if strings.TrimSpace(o.Body) != "" {
			if err := json.Unmarshal([]byte(o.Body), &fields); err != nil {
				return &store.InvalidError{Member: language.Key("the body"), Reason: language.Key("must be a JSON object with the fields of the form")}
			}
		}
		c.kind, c.fields = typeForm, []samples.Field{}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			f := samples.Field{Name: name}
			if json.Unmarshal(fields[name], &f.Value) != nil {
				f.Value, f.Type = string(fields[name]), "application/json"
			}
			c.fields = append(c.fields, f)
		}
	case strings.TrimSpace(o.Body) != "":
		c.kind, c.body = cmp.Or(concrete(content), "application/json"), o.Body
	}
	return nil
}

// typeForm is the media type of forms with files.
const typeForm = "multipart/form-data"

// attach adds the files to the body.
func (c *call) attach(files map[string]*multipart.FileHeader) error {
	switch {
	case c.file:
		c.kind, c.body = "", ""
		if f := files[""]; f != nil {
			text, err := contentOf(f)
			c.kind, c.body = cmp.Or(f.Header.Get("Content-Type"), "application/octet-stream"), text
			return err
		}
	case c.fields != nil:
		var b strings.Builder
		form := multipart.NewWriter(&b)
		for _, f := range c.fields {
			header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf("form-data; name=%q", f.Name)}}
			if f.Type != "" {
				header.Set("Content-Type", f.Type)
			}
			if err := writePart(form, header, f.Value); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			text, err := contentOf(files[name])
			if err != nil {
				return err
			}
			header := textproto.MIMEHeader{
				"Content-Disposition": {multipart.FileContentDisposition(cmp.Or(name, "file"), files[name].Filename)},
				"Content-Type":        {cmp.Or(files[name].Header.Get("Content-Type"), "application/octet-stream")},
			}
			if err := writePart(form, header, text); err != nil {
				return err
			}
		}
		err := form.Close()
		c.kind, c.body = form.FormDataContentType(), b.String()
		return err
	}
	return nil
}

func writePart(form *multipart.Writer, header textproto.MIMEHeader, content string) error {
	w, err := form.CreatePart(header)
	if err == nil {
		_, err = io.WriteString(w, content)
	}
	return err
}

func contentOf(f *multipart.FileHeader) (string, error) {
	content, err := f.Open()
	if err != nil {
		return "", fmt.Errorf("read file: %w", err)
	}
	defer content.Close()
	text, err := io.ReadAll(content)
	return string(text), err
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
	if c.file {
		s.File = "document.bin"
	}
	if s.Form = c.fields; s.Form != nil {
		for _, name := range o.Content().FileFields() {
			s.Form = append(s.Form, samples.Field{Name: name, Value: name + ".bin", IsFile: true})
		}
	}
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
	files := read(r, &o)
	c, err := callOf(&o)
	if err == nil {
		err = c.attach(files)
	}
	if err != nil {
		if o.Trouble, _ = troubleOf(r.HTTP.Context(), err); o.Trouble == "" {
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
	if c.kind != "" {
		inner.Header.Set("Content-Type", c.kind)
	} else {
		inner.Body = http.NoBody
	}
	inner.Host, inner.RequestURI, inner.RemoteAddr = r.HTTP.Host, c.target, net.JoinHostPort(r.IP, "0")
	w := &recorder{httprecorder.New(maxAnswer), http.NewResponseController(r.Writer)}
	began := p.config.Now()
	p.config.Call(w, inner, r.Who)
	a := &view.Answer{Method: c.method, Target: c.target, Status: cmp.Or(w.Status, http.StatusOK), Took: p.config.Now().Sub(began), Size: w.Body.Size()}
	a.Sent, a.Header = lines(inner.Header), lines(w.Header())
	a.Body = shown(w.Body.Bytes(), w.Body.Size())
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

// recorder is the response of a call. Waits of the call move the deadlines of the browser's connection.
type recorder struct {
	*httprecorder.Recorder
	browser *http.ResponseController
}

func (w *recorder) SetReadDeadline(until time.Time) error  { return w.browser.SetReadDeadline(until) }
func (w *recorder) SetWriteDeadline(until time.Time) error { return w.browser.SetWriteDeadline(until) }
