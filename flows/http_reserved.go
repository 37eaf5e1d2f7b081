package flows

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/internal/pathtree"
)

// ReservedPaths are the paths of the server itself, which no http trigger may have. One that ends in /* stands for
// itself and all below. A test holds the list against the routes of the front door, another against the documentation.
// Read only.
var ReservedPaths = []string{
	"/v1/*", "/hooks/*", "/callbacks/*", "/console/*", "/developers/*", "/docs/*", "/oauth/*", "/oauth2/*", "/.well-known/*",
	"/apis/execute", "/apis/execute.php", "/token", "/appservices/token",
	"/openapi.json", "/openapi.yaml", "/healthz", "/livez", "/readyz", "/metrics", "/favicon.ico", "/robots.txt",
}

// reservedBy returns the reserved path that a template may match; empty: none.
func reservedBy(t pathtree.Template) string {
	at := slices.IndexFunc(ReservedPaths, func(reserved string) bool {
		path, below := strings.CutSuffix(reserved, "/*")
		return t.Under(path, below)
	})
	if at < 0 {
		return ""
	}
	return ReservedPaths[at]
}

// ReservedScopes are the first words of scopes that mean something to the server: no scope of an installation begins
// with one of them. Read only.
var ReservedScopes = []string{
	"flows", "runs", "clients", "users", "queues", "keys", "secrets", "connections", "audit", "tokens", "workers", "admin", "penstock",
}

// CheckScope returns why a word is no scope of an installation's own making; empty: it is one.
func CheckScope(word string) string {
	resource, act, ok := strings.Cut(word, ":")
	switch {
	case !ok || !scopeForm.MatchString(resource) || !scopeForm.MatchString(act):
		return "a scope is two words with a colon between them, as in subscribers:read: small letters, digits, - and _, each beginning with a letter, at most 32"
	case slices.Contains(ReservedScopes, resource):
		return "scopes of " + resource + " are the server's own"
	}
	return ""
}
