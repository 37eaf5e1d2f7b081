package jq

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Every function that a program may call is documented once, with its arity, and no other is. The functions of this
// package hide none of jq.
func TestFunctionsAreDocumented(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, f := range Functions() {
		arity := 0
		if f.Args != "" {
			arity = 1 + strings.Count(f.Args, ";")
		}
		call := fmt.Sprintf("%s/%d", f.Name, arity)
		if documented[call] || f.Doc == "" || f.Group == "" {
			t.Errorf("%s is documented twice, or without a text or group", call)
		}
		documented[call] = true
	}
	own := libraryNames()
	for _, call := range builtins() {
		name, _, _ := strings.Cut(call, "/")
		_, refused := refusedFunctions[name]
		if documented[call] == refused {
			t.Errorf("%s: documented: %t, refused: %t", call, documented[call], refused)
		}
		if slices.Contains(own, name) {
			t.Errorf("%s is a function of jq", call)
		}
		delete(documented, call)
	}
	for call := range documented {
		if name, _, _ := strings.Cut(call, "/"); !slices.Contains(own, name) {
			t.Errorf("%s is documented, and not there", call)
		}
	}
}
