// Package hostlist matches URLs with the hosts that may receive a credential.
package hostlist

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// List are hosts that may receive a credential. It is immutable.
type List []host

// Allows reports whether the URL is of one of the hosts, with its scheme and port.
func (l List) Allows(u *url.URL) bool {
	return slices.ContainsFunc(l, func(h host) bool { return h.matches(u) })
}

// host is a host that may receive a credential: "api.example.org", "*.example.org", "api.example.org:8443", each over
// TLS, or "http://crm.internal:8080".
type host struct {
	scheme string
	name   string // lower case; for a wildcard the part after the *
	any    bool   // any name with that suffix
	port   string
}

// hostName matches a name, an IPv4 address, or an IPv6 address without brackets.
var hostName = regexp.MustCompile(`^[a-z0-9_:.-]+$`)

// Read reads a list of hosts. The error names the first one that is none.
func Read(patterns []string) (List, error) {
	hosts := make(List, 0, len(patterns))
	for _, pattern := range patterns {
		h, ok := readHost(pattern)
		if !ok {
			return nil, fmt.Errorf("hosts: %q is no host such as api.example.org, *.example.org, api.example.org:8443 or http://crm.internal:8080", pattern)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

func readHost(pattern string) (host, bool) {
	h := host{scheme: "https", port: "443"}
	rest := strings.ToLower(pattern)
	if scheme, after, ok := strings.Cut(rest, "://"); ok {
		if h.scheme, rest = scheme, after; scheme == "http" {
			h.port = "80"
		} else if scheme != "https" {
			return h, false
		}
	}
	if name, port, err := net.SplitHostPort(rest); err == nil {
		rest, h.port = name, port
	} else {
		rest = strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]")
	}
	if suffix, ok := strings.CutPrefix(rest, "*"); ok {
		// *.org and *.co.uk would match any host; only the first is recognized here.
		if h.any, rest = true, suffix; !strings.HasPrefix(suffix, ".") || strings.Count(suffix, ".") < 2 {
			return h, false
		}
	}
	h.name = rest
	return h, hostName.MatchString(rest) && regexp.MustCompile(`^[0-9]{1,5}$`).MatchString(h.port)
}

func (h host) matches(u *url.URL) bool {
	name := strings.ToLower(u.Hostname())
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if u.Scheme != h.scheme || port != h.port {
		return false
	}
	if h.any {
		return len(name) > len(h.name) && strings.HasSuffix(name, h.name)
	}
	return name == h.name
}
