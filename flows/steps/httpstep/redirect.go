package httpstep

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/mask"
)

// Limits of follow_redirects.
const (
	defaultRedirects = 5
	maxRedirects     = 20
)

func (s *step) setRedirects(args *flows.Args) error {
	if s.method == http.MethodGet || s.method == http.MethodHead {
		s.redirects = defaultRedirects
	}
	if !args.Has("follow_redirects") {
		return nil
	}
	s.redirects = args.Int("follow_redirects")
	if s.redirects < 0 || s.redirects > maxRedirects {
		return args.Refuse(problem.OutOfRange, "follow_redirects", "follow_redirects is from 0 (none) to %d", maxRedirects)
	}
	return nil
}

// redirects decides whether to follow a redirect; net/http calls check before it sends.
type redirects struct {
	limit int
	body  rendered
}

func (r redirects) check(req *http.Request, via []*http.Request) error {
	switch {
	case r.limit == 0:
		return http.ErrUseLastResponse
	case len(via) > r.limit:
		return finalErrorf("more than %d redirects", r.limit)
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return finalErrorf("a redirect to a %s: address", req.URL.Scheme)
	}
	req.URL.RawQuery = escape(req.URL.RawQuery) // net/http sends it as the server wrote it
	// The query of the previous URL may contain secrets.
	req.Header.Del("Referer")
	if leavesOrigin(req, via) {
		secrets := mask.Of(req.Context())
		if req.Body != nil && r.body.has(secrets) {
			return finalErrorf("a redirect to another host, %s, with a secret in the body", origin(req.URL))
		}
		dropCredentialHeaders(req.Header, secrets)
	}
	return nil
}

// leavesOrigin reports whether any request of the chain goes to another origin. A return to the first origin does not
// count: net/http builds each request from the headers of the first.
func leavesOrigin(req *http.Request, via []*http.Request) bool {
	for _, hop := range append(via[1:len(via):len(via)], req) {
		if !sameOrigin(hop.URL, via[0].URL) {
			return true
		}
	}
	return false
}

// dropCredentialHeaders removes all headers except a few known ones, because a flow may put a credential into a
// header of any name. Nor do the known ones keep a value that has a secret.
func dropCredentialHeaders(header http.Header, secrets *mask.Secrets) {
	for name, values := range header {
		switch name {
		case "Accept", "Accept-Language", "Content-Type", "Range", "User-Agent":
			if !slices.ContainsFunc(values, secrets.In) {
				continue
			}
		}
		delete(header, name)
	}
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// origin returns scheme and host of a URL, for messages.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }
