package cli

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The product does not import packages that only tests need.
func TestTheProductHasNoTestsInIt(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "github.com/penstock/penstock/cmd/penstock").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	for _, name := range []string{"testing", "net/http/httptest", "github.com/penstock/penstock/api/apitest", "github.com/penstock/penstock/internal/testenv"} {
		if slices.Contains(packages, name) {
			t.Errorf("the product imports %s", name)
		}
	}
}

// keepsMethods matches calls that find methods by names computed at run time, as text/template does. With one of them
// the linker keeps every exported method of every type (14 MB).
var keepsMethods = regexp.MustCompile(`"(?:text|html)/template"|\.(?:SetVersionTemplate|SetUsageTemplate|SetHelpTemplate|MethodByName)\(`)

func TestTheLinkerMayDropMethods(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "third_party" {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if found := keepsMethods.Find(text); found != nil {
			t.Errorf("%s has %s, for which the linker keeps every exported method of every type", path, found)
		}
		return err
	})
	if err != nil || files < 300 {
		t.Errorf("%d files, %v", files, err)
	}
}
