package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
)

// A damaged file of contexts fails only commands that need it.
func TestADamagedFileOfContexts(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	if err := os.Mkdir(filepath.Join(dir, "penstock"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "penstock", "contexts.json"), []byte("{bad"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := ""
	if _, err := (command.Env{}).ContextFor(&url); err == nil || !strings.Contains(err.Error(), "remove it, and log in again") {
		t.Errorf("without a URL: %v", err)
	}
	if _, err := (command.Env{app.EnvURL: "http://127.0.0.1:1"}).ContextFor(&url); err == nil {
		t.Error("without credentials")
	}
	if kept, err := (command.Env{app.EnvURL: "http://127.0.0.1:1", app.EnvToken: "t"}).ContextFor(&url); err != nil || kept != nil {
		t.Errorf("with URL and credentials: %v, %v", kept, err)
	}
}
