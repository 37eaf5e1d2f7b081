package secretstore

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Rules say which stores may be read, and what in them. The zero value allows nothing.
type Rules struct {
	Vault *VaultRules         `yaml:"vault"`
	Env   *EnvRules           `yaml:"env"`
	File  *FileRules          `yaml:"file"`
	Exec  map[string]ExecRule `yaml:"exec"` // by the name of the command in references

	TTL   time.Duration `yaml:"ttl"`   // how long a value is used before it is read again; zero: 5 minutes
	Stale time.Duration `yaml:"stale"` // how old a value may be that is used while its store is away; zero: 24 hours
}

// VaultRules are those of a HashiCorp Vault or an OpenBao.
type VaultRules struct {
	Address   string   `yaml:"address"`   // empty: VAULT_ADDR
	Namespace string   `yaml:"namespace"` // empty: VAULT_NAMESPACE
	CA        string   `yaml:"ca"`        // file with the certificates of the authorities; empty: VAULT_CACERT, else the system's
	HTTP      bool     `yaml:"http"`      // the address may be http:// elsewhere than on this machine
	Paths     []string `yaml:"paths"`     // see allows

	TokenFile  string           `yaml:"token_file"`
	AppRole    *VaultAppRole    `yaml:"approle"`
	Kubernetes *VaultKubernetes `yaml:"kubernetes"`
}

// VaultAppRole is a login by AppRole.
type VaultAppRole struct {
	Mount        string `yaml:"mount"` // empty: approle
	RoleID       string `yaml:"role_id"`
	SecretIDFile string `yaml:"secret_id_file"` // empty: the role needs none
}

// VaultKubernetes is a login by the token of a service account.
type VaultKubernetes struct {
	Mount     string `yaml:"mount"` // empty: kubernetes
	Role      string `yaml:"role"`
	TokenFile string `yaml:"token_file"` // empty: where Kubernetes mounts it
}

// EnvRules are those of environment variables.
type EnvRules struct {
	Prefix string `yaml:"prefix"` // of the names that may be read
}

// FileRules are those of files.
type FileRules struct {
	Directories []string `yaml:"directories"` // absolute; files below them may be read
}

// ExecRule is a command that may be run.
type ExecRule struct {
	Command     []string      `yaml:"command"`     // absolute path of the program, and its arguments, before that of the reference
	Arguments   []string      `yaml:"arguments"`   // see allows; none: a reference has no argument
	Environment []string      `yaml:"environment"` // names of the variables of this process that the command gets besides PATH
	Timeout     time.Duration `yaml:"timeout"`     // zero: 10 seconds
}

const (
	defaultTTL         = 5 * time.Minute
	defaultStale       = 24 * time.Hour
	defaultExecTimeout = 10 * time.Second
	maxExecTimeout     = time.Minute
	minTTL             = time.Second
)

// ParseRules reads rules in YAML. It refuses what it does not know.
func ParseRules(text []byte) (Rules, error) {
	var r Rules
	if err := yaml.UnmarshalWithOptions(text, &r, yaml.Strict()); err != nil {
		return Rules{}, fmt.Errorf("read rules: %s", yaml.FormatError(err, false, false))
	}
	if err := r.check(); err != nil {
		return Rules{}, fmt.Errorf("read rules: %w", err)
	}
	return r, nil
}

func (r *Rules) check() error {
	switch {
	case r.TTL != 0 && r.TTL < minTTL:
		return fmt.Errorf("ttl: it is at least %v", minTTL)
	case r.Stale < 0:
		return errors.New("stale: it is no negative time")
	case r.Env != nil && len(r.Env.Prefix) < 2:
		return errors.New("env.prefix: names have at least two characters in common, such as PENSTOCK_SECRET_")
	case r.File != nil && len(r.File.Directories) == 0:
		return errors.New("file.directories: there is none")
	}
	if err := r.Vault.check(); err != nil {
		return err
	}
	if r.File != nil {
		for _, d := range r.File.Directories {
			if !filepath.IsAbs(d) || filepath.Clean(d) == "/" {
				return fmt.Errorf("file.directories: %s is no absolute path of a directory below /", d)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Exec)) {
		if err := r.Exec[name].check(); err != nil {
			return fmt.Errorf("exec.%s.%w", name, err)
		} else if !execName.MatchString(name) {
			return fmt.Errorf("exec.%s: a name consists of small letters, digits, '_' and '-'", name)
		}
	}
	return nil
}

func (v *VaultRules) check() error {
	if v == nil {
		return nil
	}
	logins := 0
	for _, given := range []bool{v.TokenFile != "", v.AppRole != nil, v.Kubernetes != nil} {
		if given {
			logins++
		}
	}
	switch {
	case len(v.Paths) == 0:
		return errors.New("vault.paths: there is none, so that nothing may be read: kv/penstock/")
	case logins > 1:
		return errors.New("vault: token_file, approle and kubernetes exclude each other")
	case v.AppRole != nil && v.AppRole.RoleID == "":
		return errors.New("vault.approle.role_id: it is missing")
	case v.Kubernetes != nil && v.Kubernetes.Role == "":
		return errors.New("vault.kubernetes.role: it is missing")
	}
	return checkPatterns("vault.paths", v.Paths)
}

func (e ExecRule) check() error {
	switch {
	case len(e.Command) == 0 || !filepath.IsAbs(e.Command[0]):
		return errors.New("command: it begins with the absolute path of a program")
	case e.Timeout < 0 || e.Timeout > maxExecTimeout:
		return fmt.Errorf("timeout: it is at most %v", maxExecTimeout)
	}
	return checkPatterns("arguments", e.Arguments)
}

func checkPatterns(where string, all []string) error {
	for _, p := range all {
		if p == "" || p == "/" || strings.HasPrefix(p, "/") && where == "vault.paths" {
			return fmt.Errorf("%s: %q allows nothing", where, p)
		}
	}
	return nil
}

// allows reports whether a text is allowed by one of the patterns: one that ends with / or * allows all that begins like it, any
// other one itself only.
func allows(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			return strings.HasPrefix(text, prefix)
		}
		return strings.HasSuffix(p, "/") && strings.HasPrefix(text, p) || text == p
	})
}

// Allowed returns why the rules do not allow a reference; nil: they do. It reads nothing.
func (r *Rules) Allowed(ref Reference) error {
	const operator = ", which the operator's rules (--secret-stores) do not allow"
	switch ref.Store {
	case StoreVault:
		if r.Vault == nil {
			return Failure(NotAllowed, "it is in Vault"+operator+" here")
		}
		if !allows(r.Vault.Paths, ref.Path) {
			return Failure(NotAllowed, "it is a path of Vault"+operator)
		}
	case StoreEnv:
		if r.Env == nil || !strings.HasPrefix(ref.Path, r.Env.Prefix) || strings.HasPrefix(ref.Path, "VAULT_") {
			return Failure(NotAllowed, "it is an environment variable"+operator)
		}
	case StoreFile:
		if r.File == nil || directoryOf(r.File.Directories, ref.Path) == "" {
			return Failure(NotAllowed, "it is a file"+operator)
		}
	case StoreExec:
		name, argument, given := strings.Cut(ref.Path, "/")
		rule, ok := r.Exec[name]
		if !ok {
			return Failure(NotAllowed, "it is a command"+operator+" here")
		}
		if given && !allows(rule.Arguments, argument) {
			return Failure(NotAllowed, "it is an argument"+operator)
		}
	}
	return nil
}

// directoryOf returns the directory of the rules that has the file; empty: none.
func directoryOf(directories []string, file string) string {
	for _, d := range directories {
		if d = filepath.Clean(d); strings.HasPrefix(file, d+"/") {
			return d
		}
	}
	return ""
}
