package fileserver

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzNames(f *testing.F) {
	for _, seed := range []string{"a/b.csv", "M\xfcller.csv", "Müller.csv", "a\xff\xfe", "\uf7fc", "\uf780\xfc", "�", "", strings.Repeat("\xfc", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		text := nameText(path)
		if !utf8.ValidString(text) || serverPath(text) != path {
			t.Errorf("%q has the text %q, which stands for %q", path, text, serverPath(text))
		}
		if strings.Count(text, "/") != strings.Count(path, "/") || strings.Count(serverPath(path), "/") != strings.Count(path, "/") {
			t.Errorf("%q has another number of elements as %q", path, text)
		}
		if temporary := temporaryName(path, "0123456789abcdef"); !temporaryNames.MatchString(temporary) || len(temporary) > 255 {
			t.Errorf("the temporary name of %q is %q", path, temporary)
		}
	})
}
