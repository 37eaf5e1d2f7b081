package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "file")
	for content, mode := range map[string]fs.FileMode{"one": 0o600, "another": 0o644} {
		if err := Replace(name, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		info, err2 := os.Stat(name)
		if err != nil || err2 != nil || string(text) != content || info.Mode() != mode {
			t.Errorf("%q %v, %v %v", text, info.Mode(), err, err2)
		}
	}
	if err := Replace(filepath.Join(name, "below"), nil, 0o600); err == nil {
		t.Error("a file is written below a file")
	}
	if left, err := os.ReadDir(filepath.Dir(name)); err != nil || len(left) != 1 {
		t.Errorf("what is left: %v, %v", left, err)
	}
}
