package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/penstock/penstock/auth/oidc"
	"github.com/penstock/penstock/auth/workload"
)

// openSignOn returns the provider that the file of --sign-on describes; nil: there is no file. The provider is not contacted.
func (p *Program) openSignOn() (*oidc.Provider, error) {
	file, secret := p.settings.SignOn, p.settings.SignOnSecret
	if file == "" && secret != "" {
		return nil, fmt.Errorf("read settings: %s is only of use with --sign-on", EnvSignOnSecret)
	}
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	var settings oidc.Settings
	if err == nil {
		settings, err = oidc.ParseSettings(text)
	}
	if err == nil && !settings.TakesPasswords() && p.settings.AdminUser == "" {
		err = errors.New("passwords: administrator needs one: " + EnvAdminUser + " and " + EnvAdminPass + ", the way back when the provider is away")
	}
	if err != nil {
		return nil, fmt.Errorf("--sign-on %s: %w", file, err)
	}
	return oidc.New(settings, secret, nil), nil
}

// openWorkload returns the rules of the file of --workload-identity; nil: there is no file. issuer is that of this installation.
func (p *Program) openWorkload(issuer string) (*workload.Rules, error) {
	file := p.settings.WorkloadIdentity
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	var rules []workload.Rule
	if err == nil {
		rules, err = workload.Parse(text)
	}
	if err != nil {
		return nil, fmt.Errorf("--workload-identity %s: %w", file, err)
	}
	return workload.New(rules, strings.TrimSuffix(issuer, "/"), nil), nil
}
