package api_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/flows"
)

// No http trigger can have a path of the server's own, and the documentation
// prints the list.
func TestReservedPathsAreThoseOfTheServer(t *testing.T) {
	t.Parallel()
	_, callable := callbacks(t)
	p := apitest.NewProduct(t, callable, func(c *api.Config) { c.Console = http.NotFoundHandler() })
	page, err := os.ReadFile("../docs/http-triggers.md")
	apitest.Fatal(t, err)
	for _, route := range p.API.Routes() {
		_, path, _ := strings.Cut(route, " ")
		if path != "/" && !slices.ContainsFunc(flows.ReservedPaths, func(reserved string) bool { return covers(reserved, path) }) {
			t.Errorf("%s is a route, and flows may take it", route)
		}
	}
	for _, reserved := range flows.ReservedPaths {
		if !strings.Contains(string(page), "`"+reserved+"`") {
			t.Errorf("the documentation does not say that %s is reserved", reserved)
		}
	}
	for _, word := range flows.ReservedScopes {
		if !strings.Contains(string(page), "`"+word+"`") {
			t.Errorf("the documentation does not say that scopes of %s are reserved", word)
		}
	}
}

func covers(reserved, path string) bool {
	prefix, below := strings.CutSuffix(reserved, "/*")
	return path == prefix || below && strings.HasPrefix(path, prefix+"/")
}
