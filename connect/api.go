package connect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// apiType adds whatever an API wants as a credential, at several places of a request.
func apiType() Type {
	return Type{
		Name: "api", Summary: "Headers, query parameters and members of the body: whatever an API wants as its credential.", Pinned: true,
		Fields: []Field{
			{Name: "headers", Kind: FieldPairs, Secret: true, Summary: "Headers, one per line: `X-Api-Key: …`."},
			{Name: "query", Kind: FieldPairs, Secret: true, Summary: "Query parameters, one per line: `key: …`."},
			{Name: "body", Kind: FieldPairs, Secret: true, Summary: "Members of a JSON object or fields of a form in the body, one per line: `api_key: …`."},
		},
		open: openAPI,
	}
}

func openAPI(_ *Resolver, s settings) (any, error) {
	var all [3][]pair
	given := 0
	for i, name := range []string{"headers", "query", "body"} {
		pairs, err := readPairs(name, s.Text[name])
		if err != nil {
			return nil, err
		}
		all[i], given = pairs, given+len(pairs)
	}
	headers, query, body := all[0], all[1], all[2]
	if given == 0 {
		return nil, errors.New("headers, query and body are empty: there is nothing to send")
	}
	for _, h := range headers {
		if !httpguts.ValidHeaderFieldName(h.name) || !httpguts.ValidHeaderFieldValue(h.value) || frames(h.name) {
			return nil, fmt.Errorf("headers: the header %.60q cannot be sent", h.name)
		}
	}
	change := func(req *http.Request) error {
		for _, h := range headers {
			req.Header.Set(h.name, h.value)
		}
		for _, q := range query {
			setQuery(req.URL, q.name, q.value)
		}
		if len(body) == 0 {
			return nil
		}
		return addToBody(req, body)
	}
	names := make([]string, len(headers))
	for i, h := range headers {
		names[i] = h.name
	}
	return changed(0, change).sets(names...), nil
}

// frames reports whether a header frames the message or names the host.
func frames(name string) bool {
	switch strings.ToLower(name) {
	case "host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect":
		return true
	}
	return false
}

// pair is a name with a value.
type pair struct{ name, value string }

// readPairs reads a setting with one "name: value" per line. Its errors show no value.
func readPairs(setting, text string) ([]pair, error) {
	var pairs []pair
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fmt.Errorf("%s: line %d is not written as name: value", setting, number)
		}
		pairs = append(pairs, pair{name, strings.TrimSpace(value)})
	}
	return pairs, nil
}

// maxChangedBody is the maximum size in bytes of a body that a connection reads to change or sign it.
const maxChangedBody = 32 << 20

// readBody reads the body of a request that is to be sent, and puts it back.
func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	content, err := io.ReadAll(io.LimitReader(req.Body, maxChangedBody+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxChangedBody {
		return nil, fmt.Errorf("the connection reads bodies of at most %d MB", maxChangedBody>>20)
	}
	req.Body.Close()
	replaceBody(req, content)
	return content, nil
}

func replaceBody(req *http.Request, content []byte) {
	req.Body = io.NopCloser(bytes.NewReader(content))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	req.ContentLength = int64(len(content))
}

// errBody says that a body takes no further members.
var errBody = errors.New("the connection adds members to the body, which is no JSON object and no form")

// addToBody adds members to a JSON object, or fields to a form.
func addToBody(req *http.Request, pairs []pair) error {
	content, err := readBody(req)
	if err != nil {
		return err
	}
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" {
		form := make([]string, 0, len(pairs)+1)
		if len(content) > 0 {
			form = append(form, string(content))
		}
		for _, p := range pairs {
			form = append(form, url.QueryEscape(p.name)+"="+url.QueryEscape(p.value))
		}
		replaceBody(req, []byte(strings.Join(form, "&")))
		return nil
	}
	var members map[string]json.RawMessage
	if (kind != "application/json" && !strings.HasSuffix(kind, "+json")) || json.Unmarshal(content, &members) != nil || members == nil {
		return errBody
	}
	for _, p := range pairs {
		if members[p.name], err = json.Marshal(p.value); err != nil {
			return err
		}
	}
	if content, err = json.Marshal(members); err != nil {
		return err
	}
	replaceBody(req, content)
	return nil
}
