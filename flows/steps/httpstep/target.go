package httpstep

import (
	"context"
	"net/url"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// target renders the URL and adds the query.
func (s *step) target(ctx context.Context, in *flows.Input) (*url.URL, error) {
	v, err := s.url.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	text, ok := v.(string)
	if !ok {
		return nil, failure.Errorf("the URL is %s, not text", content.TypeName(v))
	}
	if strings.HasPrefix(text, "/") {
		base, err := s.connections.base(ctx, in)
		if err != nil {
			return nil, err
		}
		text = strings.TrimSuffix(base, "/") + text
	}
	target, err := parseTarget(text)
	if err != nil {
		return nil, err
	}
	pairs, err := encodeFields(ctx, in, s.query, "query")
	if err != nil {
		return nil, err
	}
	if pairs != "" && target.RawQuery != "" {
		pairs = "&" + pairs
	}
	target.RawQuery += pairs
	return target, nil
}

// parseTarget accepts absolute http and https URLs. Its errors show no user information, query or fragment, which may
// contain credentials.
func parseTarget(text string) (*url.URL, error) {
	target, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, failure.Errorf("%q is not a URL", redactURL(text))
	case target.Scheme != "http" && target.Scheme != "https":
		return nil, failure.Errorf("%q is not an http:// or https:// URL", redactURL(text))
	case target.Hostname() == "":
		return nil, failure.Errorf("%q names no host", redactURL(text))
	}
	target.Fragment, target.RawFragment = "", ""
	target.RawQuery = escape(target.RawQuery)
	target.RawPath = escape(target.RawPath) // what is escaped already stays so: %2F is no /
	for segment := range strings.SplitSeq(target.EscapedPath(), "/") {
		if plain, _ := url.PathUnescape(segment); plain == "." || plain == ".." {
			return nil, failure.Errorf("the path of %q has the segment %q, with which servers reach another path", redactURL(text), plain)
		}
	}
	return target, nil
}

// redactURL returns the part of a URL that may appear in a message.
func redactURL(text string) string {
	if end := strings.IndexAny(text, "?#"); end >= 0 {
		text = text[:end]
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + rest
}

// escape escapes characters that a path or a query must not contain (RFC 3986), from interpolated text. A space would
// end the request line.
func escape(query string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// encodeFields encodes name=value pairs in the order of the flow. Arrays repeat the name, null omits it.
func encodeFields(ctx context.Context, in *flows.Input, set flows.FieldSet, what string) (string, error) {
	fields, err := set.Render(ctx, in)
	if err != nil {
		return "", err
	}
	var pairs []string
	for _, field := range fields {
		v, err := field.Value.Render(ctx, in)
		if err != nil {
			return "", err
		}
		values, err := content.TextValues(v)
		if err != nil {
			return "", failure.Errorf("%s %q %s", what, field.Name, err)
		}
		for _, value := range values {
			pairs = append(pairs, url.QueryEscape(field.Name)+"="+url.QueryEscape(value))
		}
	}
	return strings.Join(pairs, "&"), nil
}
