package app

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// envPrefix begins every variable of ours.
const envPrefix = "PENSTOCK_"

// The variables without a flag: a command line is visible to everybody on the
// machine.
const (
	envAPIKey    = envPrefix + "API_KEY"
	envAPISecret = envPrefix + "API_SECRET"
	envAdminUser = envPrefix + "ADMIN_USER"
	envAdminPass = envPrefix + "ADMIN_PASSWORD"
	envMasterKey = envPrefix + "MASTER_KEY"
	envRedisURL  = envPrefix + "REDIS_URL" // has a flag, for a URL without a password
)

// env are the variables of the environment that begin with envPrefix.
type env map[string]string

func environment() env {
	e := env{}
	for _, pair := range os.Environ() {
		if name, value, ok := strings.Cut(pair, "="); ok && strings.HasPrefix(name, envPrefix) {
			e[name] = value
		}
	}
	return e
}

// variable names the variable of a flag: --max-body is PENSTOCK_MAX_BODY.
// Flags for one call of the program have none.
func variable(flag string) string {
	switch flag {
	case "redis":
		return envRedisURL
	case "help", "ready-file":
		return ""
	}
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fill gives every flag that the command line left alone the value of its
// variable: a flag wins over the environment, which wins over the default.
func (e env) fill(flags *pflag.FlagSet) (err error) {
	flags.VisitAll(func(flag *pflag.Flag) {
		name := variable(flag.Name)
		if flag.Changed || name == "" || err != nil {
			return
		}
		value := e[name]
		if name == envRedisURL {
			value, err = e.secret(name)
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

// inWords says in words what strconv says in the names of its functions.
func inWords(kind, value string, failure error) error {
	words := map[string]string{"int": "a whole number", "int64": "a whole number", "bool": "true or false"}[kind]
	if words == "" {
		return failure
	}
	return fmt.Errorf("%q is not %s", value, words)
}

// secret returns a variable, or the content of the file that NAME_FILE names,
// as Docker and Kubernetes hand out secrets, without the last newline.
func (e env) secret(name string) (string, error) {
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

// unknown returns the variables that no role reads: misspelt ones.
func (e env) unknown() []string {
	var known []string
	for _, name := range []string{envAPIKey, envAPISecret, envAdminUser, envAdminPass, envMasterKey, envRedisURL, envToken, envPassword} {
		known = append(known, name, name+"_FILE")
	}
	known = append(known, envURL, envUser, envContext) // the command line's, in whose shell dev may run
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(Settings).addFlags(flags, role{door: true, worker: true, dev: true})
	flags.VisitAll(func(flag *pflag.Flag) { known = append(known, variable(flag.Name)) })
	return slices.DeleteFunc(slices.Sorted(maps.Keys(e)), func(name string) bool { return slices.Contains(known, name) })
}
