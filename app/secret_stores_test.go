package app

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/secretstore"
)

// No prefix lets a reference read a secret of the process itself.
func TestCheckEnvPrefix(t *testing.T) {
	t.Parallel()
	for prefix, allowed := range map[string]bool{
		"PENSTOCK_SECRET_": true, "CRM_": true, "PENSTOCK_": false, "PE": false, "PENSTOCK_M": false, "PENSTOCK_REDIS_URL": false, "PENSTOCK_MASTER_KEY_F": false, "PENSTOCK_ADMIN_PASSWORD": false,
	} {
		if err := checkEnvPrefix(&secretstore.EnvRules{Prefix: prefix}); (err == nil) != allowed {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

// A process does not start with rules that it cannot read.
func TestRulesOfSecretStores(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"env: {prefix: PENSTOCK_SECRET_}": "", "env: {prefix: PENSTOCK_}": "PENSTOCK_API_KEY", "vualt: {}": "vualt", "vault: {address: 'http://vault:8200', paths: [kv/], token_file: /t}": "http://",
	} {
		file := filepath.Join(t.TempDir(), "stores.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &Program{settings: Settings{SecretStores: file}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
		_, err := p.openSecretStores()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file)) {
			t.Errorf("%s: %v", text, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	p := &Program{settings: Settings{SecretStores: "/nowhere"}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if _, err := p.openSecretStores(); err == nil {
		t.Error("a file that does not exist is taken for no rules")
	}
}
