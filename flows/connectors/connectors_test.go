package connectors_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/connectors"
	"github.com/penstock/penstock/flows/steps"
)

// Each connector that ships is without mistakes and warnings, and each of its operations has a test that passes, and an example.
func TestShipped(t *testing.T) {
	t.Parallel()
	names, err := connectors.Shipped().Names()
	if err != nil || len(names) < 2 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		file, source, err := connectors.Shipped().Connector(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := flows.ParseConnector(file, source, steps.Catalogue())
		if err != nil {
			t.Errorf("%s\n%v", name, err)
			continue
		}
		for _, w := range c.Warnings() {
			t.Error(w.Text())
		}
		for _, r := range flows.RunConnectorTests(t.Context(), c) {
			if r.Failure != "" {
				t.Errorf("%s:%d: %s: %s", file, r.Line, r.Name, r.Failure)
			}
		}
		tested := c.Tested()
		for _, o := range c.Operations {
			if !tested[o.Name] || o.Summary == "" || o.Example == nil {
				t.Errorf("%s.%s: a test, the summary or the example is missing", name, o.Name)
			}
		}
	}
}

// A connector of a directory hides one of the same name.
func TestDirectoryBeforeOthers(t *testing.T) {
	t.Parallel()
	here := connectors.In(fstest.MapFS{"slack.yaml": {Data: []byte("mine")}, "own.yaml": {Data: []byte("own")}}, "connectors", connectors.Shipped())
	for name, want := range map[string]string{"slack": "mine", "own": "own", "missing": "", "../slack": ""} {
		if _, source, err := here.Connector(name); string(source) != want || err != nil {
			t.Errorf("%s: %q %v", name, source, err)
		}
	}
	if names, err := here.Names(); err != nil || len(names) < 3 {
		t.Error(names, err)
	}
}

// What is no file is not opened: a pipe would wait for a writer.
func TestPipeInDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "crm.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := connectors.In(os.DirFS(dir), "connectors", nil).Connector("crm"); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("%v, want that it is no file", err)
	}
}
