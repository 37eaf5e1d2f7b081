package httpstep

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// httpHeader is a request header set by the flow.
type httpHeader struct {
	name  string // key of http.Header
	value *flows.Template
}

func (s *step) setHeaders(args *flows.Args) error {
	seen := map[string]bool{}
	s.headerSet = args.FieldSet("headers")
	for _, field := range s.headerSet.Fixed() {
		name, err := headerName(field.Name, seen)
		switch {
		case err != nil:
			return args.Errorf("headers", "%v", err)
		case name == "Content-Type" && args.Has("content_type"):
			return args.Errorf("headers", "content_type already says the content type")
		}
		s.headers = append(s.headers, httpHeader{name, field.Value})
	}
	return nil
}

// setKeyHeader reads the parameter idempotency_header.
func (s *step) setKeyHeader(args *flows.Args) error {
	if !args.Has("idempotency_header") {
		return nil
	}
	var err error
	if s.keyHeader, err = headerName(args.String("idempotency_header"), map[string]bool{}); err != nil {
		return args.Errorf("idempotency_header", "%v", err)
	}
	return nil
}

// headerName returns the key for a header that a flow sets. seen are the keys before it, to which it is added.
func headerName(name string, seen map[string]bool) (string, error) {
	key := headerKey(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return "", fmt.Errorf("%q is not a header name", failure.ShortLine(name))
	case seen[key]:
		return "", fmt.Errorf("the header %s comes twice: write a list of values", name)
	case reservedHeader(key):
		return "", fmt.Errorf("the header %s is set by Penstock", name)
	}
	seen[key] = true
	return key, nil
}

// allHeaders returns the headers for an item: those of the file, and those that an expression gives.
func (s *step) allHeaders(ctx context.Context, in *flows.Input) ([]httpHeader, error) {
	if s.headerSet.Fixed() != nil || !s.headerSet.Given() {
		return s.headers, nil
	}
	fields, err := s.headerSet.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	seen, all := map[string]bool{}, slices.Clone(s.headers)
	for _, h := range s.headers { // that of content_type
		seen[h.name] = true
	}
	if _, ok := s.body.(multipartBody); ok {
		seen["Content-Type"] = true
	}
	for _, field := range fields {
		name, err := headerName(field.Name, seen)
		if err != nil {
			return nil, failure.Errorf("headers: %v", err)
		}
		all = append(all, httpHeader{name, field.Value})
	}
	return all, nil
}

// headerKey returns the canonical name, except for Idempotency-Key and X-Idempotency-Key: see idempotencyKey.
func headerKey(name string) string {
	key := textproto.CanonicalMIMEHeaderKey(name)
	if key == "Idempotency-Key" || key == "X-Idempotency-Key" {
		return strings.ToLower(key)
	}
	return key
}

// reservedHeader reports whether a header frames the message, or belongs to a proxy. With such a header, a flow could
// smuggle a second request.
func reservedHeader(name string) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection",
		"Proxy-Authorization", "Te", "Trailer", "Upgrade", "Expect", "Accept-Encoding":
		return true
	}
	return false
}

func (s *step) header(ctx context.Context, in *flows.Input) (http.Header, error) {
	header := make(http.Header, len(s.headers)+3)
	header["User-Agent"] = []string{s.agent}
	headers, err := s.allHeaders(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		v, err := h.value.Render(ctx, in)
		if err != nil {
			return nil, err
		}
		values, err := headerValues(v)
		if err != nil {
			return nil, failure.Errorf("header %s %s", h.name, err)
		}
		if values != nil {
			header[h.name] = values
		}
	}
	return header, nil
}

// headerValues converts a value to header values. Its errors never show a value, which may be a credential.
func headerValues(v any) ([]string, error) {
	values, err := content.TextValues(v)
	if err != nil {
		return nil, err
	}
	for _, value := range values {
		if strings.ContainsAny(value, "\r\n") {
			return nil, errors.New("has a line break in its value")
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, errors.New("has a control character in its value")
		}
	}
	return values, nil
}

// takeHost removes the header Host, which net/http takes from elsewhere, and returns its value; "" without one.
func takeHost(header http.Header) (string, error) {
	values := header["Host"]
	delete(header, "Host")
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1 || values[0] == "" || !httpguts.ValidHostHeader(values[0]):
		return "", failure.Errorf("header Host is not one host, such as api.example.org or api.example.org:8443")
	}
	return values[0], nil
}
