package asynqmon

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Ours are the files that may differ from the module's.
var ours = []string{"README.md", "copy_test.go", "go.mod", "go.sum", "static.go"}

func TestNothingElseDiffersFromTheModule(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "mod", "download", "-json", "github.com/hibiken/asynqmon@v0.7.2")
	cmd.Dir = t.TempDir() // outside of the module that replaces it
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("the module cannot be had: %v", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || slices.Contains(ours, name) {
			return err
		}
		name = strings.TrimSuffix(name, ".gz")
		copied, err := (&uiAssetsHandler{contents: staticContents}).readFile(name)
		if err != nil { // no file of the page
			copied, err = os.ReadFile(name)
		}
		if err != nil {
			return err
		}
		original, err := os.ReadFile(filepath.Join(module.Dir, name))
		if err != nil || !bytes.Equal(copied, original) {
			t.Errorf("%s is not the module's: %v", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheIndexPageHasItsValues(t *testing.T) {
	t.Parallel()
	h := &uiAssetsHandler{rootPath: `/a"b`, contents: staticContents, staticDirPath: "ui/build", indexFileName: "index.html", prometheusAddr: `http://p/"</script>`, readOnly: true}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/a%22b/queues/default", nil))
	page := w.Body.String()
	for _, want := range []string{`src="/a%22b/static/js/main.`, `FLAG_PROMETHEUS_SERVER_ADDRESS="http://p/\"\u003c/script\u003e"`, `FLAG_READ_ONLY="true"`, `i.p="/a%22b/"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %s", want)
		}
	}
	if strings.Contains(page, "[[") {
		t.Error("a value of the page is left out")
	}
}
