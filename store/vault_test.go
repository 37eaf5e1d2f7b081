package store

import (
	"strings"
	"testing"
)

func TestValidName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"a": true, "Api_key.2-x": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
		"": false, "1a": false, "_a": false, "a b": false, "a/b": false, "ä": false,
	} {
		if ValidName(name) != want {
			t.Errorf("ValidName(%q) = %v", name, !want)
		}
	}
}
