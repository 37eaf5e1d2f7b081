package app

import (
	"fmt"
	"os"
	"strings"

	"github.com/penstock/penstock/internal/secretstore"
	"github.com/penstock/penstock/internal/secretstore/vault"
)

// secretPrefix is the prefix of environment variables for env:// references; docs/secrets.md recommends it.
const secretPrefix = EnvPrefix + "SECRET_"

// openSecretStores opens the stores of secrets that the file of --secret-stores allows; without one, none.
func (p *Program) openSecretStores() (*secretstore.Stores, error) {
	config := secretstore.Config{Log: p.log}
	if file := p.settings.SecretStores; file != "" {
		text, err := os.ReadFile(file)
		if err == nil {
			config.Rules, err = secretstore.ParseRules(text)
		}
		if err == nil {
			err = checkEnvPrefix(config.Rules.Env)
		}
		if err != nil {
			return nil, fmt.Errorf("--secret-stores %s: %w", file, err)
		}
	}
	if config.Rules.Vault != nil {
		client, err := vault.New(*config.Rules.Vault, os.Getenv)
		if err != nil {
			return nil, fmt.Errorf("--secret-stores %s: %w", p.settings.SecretStores, err)
		}
		p.onClose(client.Close)
		config.Sources = map[string]secretstore.Source{secretstore.StoreVault: client}
	}
	stores, err := secretstore.New(config)
	if err != nil {
		return nil, err
	}
	p.onClose(stores.Close)
	if p.metrics != nil {
		p.metrics.SecretStores(stores)
	}
	return stores, nil
}

// checkEnvPrefix refuses a prefix that secrets of the process itself have: who may store a reference must not read the master key.
func checkEnvPrefix(rules *secretstore.EnvRules) error {
	if rules == nil {
		return nil
	}
	for _, name := range secretVariables {
		if strings.HasPrefix(name, rules.Prefix) || strings.HasPrefix(name+"_FILE", rules.Prefix) {
			return fmt.Errorf("env.prefix: %s also begins with %s", name, rules.Prefix)
		}
	}
	return nil
}
