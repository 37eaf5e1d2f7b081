package httpstep

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/flows"
)

// setMethod reads `get: URL`, or `method: PROPFIND` with `url: URL`.
func (s *step) setMethod(args *flows.Args) error {
	for _, name := range httpMethods() {
		if args.Has(name) {
			s.method, s.url = strings.ToUpper(name), args.Template(name)
			if args.Has("method") {
				return args.Errorf("method", "%s: already says the method; method goes with url", name)
			}
			return nil
		}
	}
	s.method, s.url = http.MethodGet, args.Template("url")
	if !args.Has("method") {
		return nil
	}
	s.method = args.String("method")
	switch {
	case !httpguts.ValidHeaderFieldName(s.method): // a method is a token, as a field name is (RFC 9110, section 9.1)
		return args.Errorf("method", "%q is not a method such as GET or PROPFIND", s.method)
	case s.method != strings.ToUpper(s.method):
		return args.Errorf("method", "methods are in upper case: %s", strings.ToUpper(s.method))
	case s.method == http.MethodConnect:
		return args.Errorf("method", "CONNECT asks for a tunnel, which a step cannot use")
	}
	return nil
}

// Effect follows RFC 9110, section 9.2, and the IANA registry of methods: safe methods are Read, idempotent ones may be
// repeated, the others, and those that are not registered, must not be.
func (s *step) Effect() flows.Effect {
	switch {
	case slices.Contains(safeMethods(), s.method):
		return flows.Read
	case slices.Contains(idempotentMethods(), s.method):
		return flows.Idempotent
	}
	return flows.Once
}

func safeMethods() []string {
	return []string{"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "REPORT", "SEARCH"}
}

func idempotentMethods() []string {
	return []string{
		"PUT", "DELETE", "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "MERGE", "MKACTIVITY", "MKCALENDAR",
		"MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH", "PROPPATCH", "REBIND", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE",
		"UPDATEREDIRECTREF", "VERSION-CONTROL",
	}
}
