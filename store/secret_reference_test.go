package store

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/secretstore"
)

// A secret with a reference has the value of its store, under the rules of the process that reads it. A process without rules, or of
// a version that does not know references, has no value that anybody could guess.
func TestASecretWithAReference(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(file, []byte("kept-in-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := f.config(t)
	var err error
	config.SecretStores, err = secretstore.New(secretstore.Config{
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Rules: secretstore.Rules{File: &secretstore.FileRules{Directories: []string{filepath.Dir(file)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer config.SecretStores.Close()
	s, err := Open(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	secrets := s.Secrets()
	for _, bad := range []string{"", "s3cr3t", "vault://kv/crm#s3cr3t", "file:///etc/shadow"} {
		var invalid *InvalidError
		if err := secrets.PutReference(ctx, "hook", bad, nil); !errors.As(err, &invalid) || invalid.Member != "from" || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := secrets.PutReference(ctx, "hook", "file://"+file, []int64{7}); err != nil {
		t.Fatal(err)
	}
	if got, err := secrets.Secret(ctx, "hook"); got != "kept-in-a-file" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := secrets.Test(ctx, "hook"); err != nil {
		t.Errorf("test: %v", err)
	}
	all, err := secrets.List(ctx)
	if err != nil || len(all) != 1 || all[0].From != "file://"+file || all[0].Value != "" || len(all[0].Flows) != 1 {
		t.Errorf("list: %#v, %v", all, err)
	}
	record, err := s.secrets.find(ctx, "hook")
	if err != nil || len(record.Value) < 20 || strings.Contains(record.Value, "kept") {
		t.Errorf("the value for processes without references: %d bytes, %v", len(record.Value), err)
	}
	var failed *secretstore.Error
	if got, err := f.openIdle(t).Secrets().Secret(ctx, "hook"); got != "" || !errors.As(err, &failed) || failed.Kind != secretstore.NotAllowed || !strings.Contains(err.Error(), file) {
		t.Errorf("in a process without rules: %q, %v", got, err)
	}
	if err := secrets.Put(ctx, "hook", "stored"); err != nil {
		t.Fatal(err)
	}
	if got, err := secrets.Secret(ctx, "hook"); got != "stored" || err != nil {
		t.Errorf("after a value was stored: %q, %v", got, err)
	}
}
