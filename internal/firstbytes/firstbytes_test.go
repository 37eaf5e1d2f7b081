package firstbytes_test

import (
	"io"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/firstbytes"
)

func TestBuffer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		kept     string
		complete bool
	}{
		"": {"", true}, "abc": {"abc", true}, "abcd": {"abcd", true}, "abcdef": {"abcd", false},
	} {
		b := firstbytes.New(4)
		for part := range strings.SplitSeq(text, "") {
			if n, err := io.WriteString(b, part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if b.String() != want.kept || string(b.Bytes()) != want.kept || b.Complete() != want.complete || b.Size() != len(text) {
			t.Errorf("%q: %q, complete %v, size %d", text, b, b.Complete(), b.Size())
		}
	}
	whole := firstbytes.New(2)
	if n, err := io.Copy(whole, strings.NewReader("long")); n != 4 || err != nil || whole.String() != "lo" {
		t.Error(n, err, whole)
	}
}
