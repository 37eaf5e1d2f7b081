package importer

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/flows/internal/credential"
	"github.com/penstock/penstock/internal/localhost"
)

// addURL splits a URL into base, path and query. Segments of the path that look like credentials become parameters.
func (c *call) addURL(text string) error {
	if !strings.Contains(beforeCut(text, "?"), "://") {
		if host := beforeCut(beforeCut(text, "/"), "?"); isLocal(host) {
			text = "http://" + text
		} else {
			text = "https://" + text
			c.note("the URL", "it has no scheme: https:// is taken")
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is not a URL", shorten(credential.Redact(beforeCut(text, "?")), 100))
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is not an http:// or https:// URL", shorten(credential.Redact(beforeCut(text, "?")), 100))
	}
	if u.User != nil {
		c.needAt("the user in the URL", "basic", map[string]any{"type": "http", "scheme": "basic"})
	}
	u = u.ResolveReference(&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}) // without . and ..
	c.base, c.pathValues = u.Scheme+"://"+u.Host, map[string]string{}
	if c.path = c.maskPath(u.EscapedPath()); c.path == "" {
		c.path = "/"
	}
	return c.addRawQuery(u.RawQuery)
}

// isLocal reports whether a host, with or without a port, is this machine.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return localhost.Is(host)
}

// maskPath puts parameters in the place of segments that look like credentials.
func (c *call) maskPath(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if plain, _ := url.PathUnescape(segment); !credential.Value(plain) {
			continue
		}
		name := "secret"
		for n := 2; ; n++ {
			if _, taken := c.pathValues[name]; !taken {
				break
			}
			name = fmt.Sprintf("secret_%d", n)
		}
		c.pathValues[name] = ""
		segments[i] = "{" + name + "}"
		c.note("the path of the URL", "a part of it looks like a credential: it is read from "+name)
	}
	return strings.Join(segments, "/")
}

// addRawQuery adds the parameters of a query as it is sent.
func (c *call) addRawQuery(query string) error {
	for item := range strings.SplitSeq(query, "&") {
		if item == "" {
			continue
		}
		name, value, given := strings.Cut(item, "=")
		plain, err := url.QueryUnescape(name)
		content, err2 := url.QueryUnescape(value)
		switch {
		case err != nil || err2 != nil || !utf8.ValidString(plain+content):
			return fmt.Errorf("the query parameter %q has escapes that are none of UTF-8", shorten(name, 40))
		case plain == "":
			return fmt.Errorf("a query parameter has no name")
		case credential.Value(plain) && !given:
			c.needAt("the query", "query", map[string]any{"type": "apiKey", "in": "query", "name": "query"})
			continue
		case !given:
			c.note("the query parameter "+shorten(plain, 60), "is sent with =, and an empty value")
		}
		c.addQuery(plain, content)
	}
	return nil
}
