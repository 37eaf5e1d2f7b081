package app

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// EnvPrefix begins every variable of ours.
const EnvPrefix = "PENSTOCK_"

// The variables without a flag: a command line is visible to everybody on the
// machine.
const (
	EnvAPIKey    = EnvPrefix + "API_KEY"
	EnvAPISecret = EnvPrefix + "API_SECRET"
	EnvAdminUser = EnvPrefix + "ADMIN_USER"
	EnvAdminPass = EnvPrefix + "ADMIN_PASSWORD"
	EnvMasterKey = EnvPrefix + "MASTER_KEY"
	EnvRedisURL  = EnvPrefix + "REDIS_URL" // has a flag, for a URL without a password
)

// Env are the variables of the environment that begin with envPrefix.
type Env map[string]string

// Environment returns the variables of this process that begin with EnvPrefix.
func Environment() Env {
	e := Env{}
	for _, pair := range os.Environ() {
		if name, value, ok := strings.Cut(pair, "="); ok && strings.HasPrefix(name, EnvPrefix) {
			e[name] = value
		}
	}
	return e
}

// Variable names the variable of a flag: --max-body is PENSTOCK_MAX_BODY.
// Flags for one call of the program have none.
func Variable(flag string) string {
	switch flag {
	case "redis":
		return EnvRedisURL
	case "help", "ready-file":
		return ""
	}
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Fill gives every flag that the command line left alone the value of its
// variable: a flag wins over the environment, which wins over the default.
func (e Env) Fill(flags *pflag.FlagSet) (err error) {
	flags.VisitAll(func(flag *pflag.Flag) {
		name := Variable(flag.Name)
		if flag.Changed || name == "" || err != nil {
			return
		}
		value := e[name]
		if name == EnvRedisURL {
			value, err = e.Secret(name)
		}
		if value == "" || err != nil {
			return
		}
		if failure := flag.Value.Set(value); failure != nil {
			err = fmt.Errorf("read settings: %s: %w", name, inWords(flag.Value.Type(), value, failure))
		}
	})
	return err
}

// InvalidFlag says in words what is wrong with the value of a flag. Any other
// error stays as it is.
func InvalidFlag(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	f := invalid.GetFlag()
	return fmt.Errorf("--%s: %w", f.Name, inWords(f.Value.Type(), invalid.GetValue(), invalid.Unwrap()))
}

// inWords says in words what strconv and time say in names of their own.
func inWords(kind, value string, failure error) error {
	words := map[string]string{
		"int": "a whole number", "int64": "a whole number", "float64": "a number", "bool": "true or false",
		"duration": "a time such as 30s, 5m or 1h30m",
	}[kind]
	if words == "" {
		return failure
	}
	return fmt.Errorf("%q is not %s", value, words)
}

// Secret returns a variable, or the content of the file that NAME_FILE names,
// as Docker and Kubernetes hand out secrets, without the last newline.
func (e Env) Secret(name string) (string, error) {
	value, file := e[name], e[name+"_FILE"]
	switch {
	case value != "" && file != "":
		return "", fmt.Errorf("read settings: %s and %s_FILE are both set", name, name)
	case file == "":
		return value, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read settings: %s_FILE: %w", name, err)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

// Unknown returns the variables that no role reads: misspelt ones.
func (e Env) Unknown() []string {
	var known []string
	for _, name := range []string{EnvAPIKey, EnvAPISecret, EnvAdminUser, EnvAdminPass, EnvMasterKey, EnvRedisURL, EnvToken, EnvPassword} {
		known = append(known, name, name+"_FILE")
	}
	known = append(known, EnvURL, EnvUser, EnvContext) // the command line's, in whose shell dev may run
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(Settings).AddFlags(flags, Role{Door: true, Worker: true, Dev: true})
	flags.VisitAll(func(flag *pflag.Flag) { known = append(known, Variable(flag.Name)) })
	return slices.DeleteFunc(slices.Sorted(maps.Keys(e)), func(name string) bool { return slices.Contains(known, name) })
}

// The variables that say which server the command line talks to, and as whom.
const (
	EnvURL      = EnvPrefix + "URL"
	EnvToken    = EnvPrefix + "TOKEN"
	EnvUser     = EnvPrefix + "USER"
	EnvPassword = EnvPrefix + "PASSWORD"
	EnvContext  = EnvPrefix + "CONTEXT"
)
