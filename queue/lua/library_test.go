package lua

import (
	"strings"
	"testing"
)

// files of a library that a test makes.
func libraryOf(files map[string]string) *Library {
	return NewLibrary(func(file string) string { return files[file] })
}

func TestASourceHasWhatItUsesAndNothingElse(t *testing.T) {
	t.Parallel()
	l := libraryOf(map[string]string{
		"lib/base": "local HOUR = 3600 -- seconds\nlocal unused, used = 1, 2\nlocal function spare()\n  return HOUR\nend\n",
		"lib/run":  "local DAY = 24 * HOUR\nlocal function lone()\n  return used\nend\n",
		"claim":    "-- uses: base run\n-- Returns a day.\nreturn DAY -- in seconds\n",
	})
	want := "local HOUR = 3600\nlocal DAY = 24 * HOUR\nreturn DAY\n"
	if got := l.Source("claim"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAScriptSaysWhatItUses(t *testing.T) {
	t.Parallel()
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "claim.lua") {
			t.Errorf("the panic is %q", said)
		}
	}()
	libraryOf(map[string]string{"claim": "return 1\n"}).Source("claim")
}

func TestNoFileIsAProgrammingError(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a file that is not there was returned")
		}
	}()
	Text("no_such_script")
}
