package connect

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

func basicType() Type {
	return Type{
		Name: "basic", Summary: "HTTP Basic: a user name and a password.", Pinned: true,
		Fields: []Field{
			{Name: "username", Required: true, Summary: "User name."},
			{Name: "password", Secret: true, Summary: "Password."},
		},
		open: func(_ *Resolver, s settings) (any, error) {
			return decorated(func(req *http.Request) { req.SetBasicAuth(s.Text["username"], s.Text["password"]) }).sets("Authorization"), nil
		},
	}
}

func bearerType() Type {
	return Type{
		Name: "bearer", Summary: "HTTP Bearer: a fixed token.", Pinned: true,
		Fields: []Field{{Name: "token", Required: true, Secret: true, Summary: "The token."}},
		open: func(_ *Resolver, s settings) (any, error) {
			header := "Bearer " + s.Text["token"]
			return decorated(func(req *http.Request) { req.Header.Set("Authorization", header) }).sets("Authorization"), nil
		},
	}
}

func apiKeyType() Type {
	return Type{
		Name: "api_key", Summary: "A key in a header or a query parameter.", Pinned: true,
		Fields: []Field{
			{Name: "value", Required: true, Secret: true, Summary: "The key."},
			{Name: "in", Kind: FieldChoice, Choices: []string{"header", "query"}, Default: "header", Summary: "Place of the key in the request."},
			{Name: "name", Default: "X-API-Key", Summary: "Name of the header or parameter."},
		},
		open: func(_ *Resolver, s settings) (any, error) {
			name, value := s.Text["name"], s.Text["value"]
			if s.Text["in"] == "query" {
				return decorated(func(req *http.Request) { setQuery(req.URL, name, value) }), nil
			}
			if !httpguts.ValidHeaderFieldName(name) {
				return nil, fmt.Errorf("name: %q is not a header name", name)
			}
			return decorated(func(req *http.Request) { req.Header.Set(name, value) }).sets(name), nil
		},
	}
}

// setQuery sets a parameter, in the place of those of the same name, and leaves the rest of the query as written.
func setQuery(u *url.URL, name, value string) {
	var kept []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		given, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(given); pair != "" && (err != nil || decoded != name) {
			kept = append(kept, pair)
		}
	}
	u.RawQuery = strings.Join(append(kept, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
}
