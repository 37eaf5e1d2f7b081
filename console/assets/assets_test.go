package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func TestVendoredFilesAreThoseOfTheirSums(t *testing.T) {
	t.Parallel()
	sums, err := files.ReadFile("vendor/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(sums)) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		text, err := files.ReadFile("vendor/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s has the sum %s, want %s", name, got, want)
		}
		checked++
	}
	if checked != 2 {
		t.Errorf("%d files were checked, want htmx and CodeMirror", checked)
	}
}

// A stylesheet ends outside of every block, and each heading stands outside: a block that is not closed takes in all rules behind it.
func TestBlocksOfStylesheets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"console.css", "queues.css"} {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		depth, number := 0, 0
		for line := range strings.Lines(string(text)) {
			number++
			if strings.HasPrefix(line, "/*") && depth != 0 {
				t.Errorf("%s:%d: %d blocks are open", name, number, depth)
			}
			depth += strings.Count(line, "{") - strings.Count(line, "}")
		}
		if depth != 0 {
			t.Errorf("%s: %d blocks are open at the end", name, depth)
		}
	}
}
