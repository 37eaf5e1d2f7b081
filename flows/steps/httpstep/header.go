package httpstep

import (
	"context"
	"errors"
	"net/http"
	"net/textproto"
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
	for _, field := range args.Fields("headers") {
		name := headerKey(field.Name)
		switch {
		case !httpguts.ValidHeaderFieldName(field.Name):
			return args.Errorf("headers", "%q is not a header name", field.Name)
		case seen[name]:
			return args.Errorf("headers", "the header %s comes twice: write a list of values", field.Name)
		case reservedHeader(name):
			return args.Errorf("headers", "the header %s is set by Penstock", field.Name)
		case name == "Content-Type" && args.Has("content_type"):
			return args.Errorf("headers", "content_type already says the content type")
		}
		seen[name] = true
		s.headers = append(s.headers, httpHeader{name, field.Value})
	}
	return nil
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
	for _, h := range s.headers {
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
