package steps

import (
	"net/http"
	"net/url"

	"github.com/penstock/penstock/flows"
)

// Bounds of follow_redirects.
const (
	defaultRedirects = 5
	maxRedirects     = 20
)

func (s *httpStep) setRedirects(args *flows.Args) error {
	if s.method == http.MethodGet || s.method == http.MethodHead {
		s.redirects = defaultRedirects
	}
	if !args.Has("follow_redirects") {
		return nil
	}
	s.redirects = args.Int("follow_redirects")
	if s.redirects < 0 || s.redirects > maxRedirects {
		return args.Errorf("follow_redirects", "follow_redirects is from 0 (none) to %d", maxRedirects)
	}
	return nil
}

// redirects decides on each redirect; net/http asks it before sending.
type redirects struct{ limit int }

func (r redirects) check(req *http.Request, via []*http.Request) error {
	switch {
	case r.limit == 0:
		return http.ErrUseLastResponse
	case len(via) > r.limit:
		return finalErrorf("more than %d redirects", r.limit)
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return finalErrorf("a redirect to a %s: address", req.URL.Scheme)
	}
	// The address left may hold secrets in its query.
	req.Header.Del("Referer")
	if leavesOrigin(req, via) {
		dropCredentialHeaders(req.Header)
	}
	return nil
}

// leavesOrigin reports whether any hop went to another origin. Coming back does
// not help: net/http starts each hop from the headers of the first.
func leavesOrigin(req *http.Request, via []*http.Request) bool {
	for _, hop := range append(via[1:len(via):len(via)], req) {
		if !sameOrigin(hop.URL, via[0].URL) {
			return true
		}
	}
	return false
}

// dropCredentialHeaders drops every header that might be a credential, which a flow
// may name as it likes: all but a few known ones.
func dropCredentialHeaders(header http.Header) {
	for name := range header {
		switch name {
		case "Accept", "Accept-Language", "Content-Type", "Range", "User-Agent":
		default:
			delete(header, name)
		}
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

// origin is a URL up to its host, for messages.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }
