package app

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/penstock/penstock/flows"
)

// EnvPrefix is the prefix of all environment variables of the product.
const EnvPrefix = "PENSTOCK_"

// Environment variables without a flag, because every user of the machine can see command lines.
const (
	EnvAPIKey    = EnvPrefix + "API_KEY"
	EnvAPISecret = EnvPrefix + "API_SECRET"
	EnvAdminUser = EnvPrefix + "ADMIN_USER"
	EnvAdminPass = EnvPrefix + "ADMIN_PASSWORD"
	EnvMasterKey = EnvPrefix + "MASTER_KEY"
	// The credential of the S3-compatible store of --files.
	EnvFilesAccessKey = EnvPrefix + "FILES_ACCESS_KEY"
	EnvFilesSecretKey = EnvPrefix + "FILES_SECRET_KEY"

	// EnvAuditHTTPHeader is the header with which the audit log is posted, "Name: value".
	EnvAuditHTTPHeader = EnvPrefix + "AUDIT_HTTP_HEADER"

	// EnvSignOnSecret is the secret of the client at the provider of --sign-on.
	EnvSignOnSecret = EnvPrefix + "SIGN_ON_SECRET"
	EnvRedisURL     = EnvPrefix + "REDIS_URL"    // also has a flag, for URLs without a password
	EnvHistory      = EnvPrefix + "HISTORY"      // likewise
	EnvHistoryFrom  = EnvPrefix + "HISTORY_FROM" // of penstock history copy
)

// Env contains the environment variables with EnvPrefix.
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

// Variable returns the environment variable of a flag: --max-body is PENSTOCK_MAX_BODY. Empty: the flag has none,
// because it applies to one call only.
func Variable(flag string) string {
	switch flag {
	case "redis":
		return EnvRedisURL
	case "help", "ready-file":
		return ""
	}
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Fill sets flags that are not on the command line from their environment variables: a flag wins over its variable, and
// the variable over the default.
func (e Env) Fill(flags *pflag.FlagSet) (err error) {
	flags.VisitAll(func(flag *pflag.Flag) {
		name := Variable(flag.Name)
		if flag.Changed || name == "" || err != nil {
			return
		}
		value := e[name]
		if name == EnvRedisURL || name == EnvHistory {
			value, err = e.Secret(name)
		}
		if value == "" || err != nil {
			return
		}
		if failure := flag.Value.Set(value); failure != nil {
			err = fmt.Errorf("read settings: %s: %w", name, describeInvalid(flag.Value.Type(), value, failure))
		}
	})
	return err
}

// InvalidFlag describes the invalid value of a flag in plain words. It returns other errors unchanged.
func InvalidFlag(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	f := invalid.GetFlag()
	return fmt.Errorf("--%s: %w", f.Name, describeInvalid(f.Value.Type(), invalid.GetValue(), invalid.Unwrap()))
}

// describeInvalid replaces the errors of strconv and time by plain words.
func describeInvalid(kind, value string, failure error) error {
	words := map[string]string{
		"int": "a whole number", "int64": "a whole number", "float64": "a number", "bool": "true or false",
		"duration": "a time such as 30s, 5m or 1h30m",
	}[kind]
	if words == "" {
		return failure
	}
	return fmt.Errorf("%q is not %s", value, words)
}

// Secret returns a variable, or the content of the file in NAME_FILE, as Docker and Kubernetes provide secrets, without
// trailing newlines. It is an error if both are set.
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

// varPrefix is the prefix of environment variables that are values for vars of flows.
const varPrefix = EnvPrefix + "VAR_"

// Vars returns values for the vars of flows: those of a file, in YAML or JSON, and in place of them the texts in
// PENSTOCK_VAR_NAME, for the var name in small letters. An empty file name: there is no file. Error: problem.List for the
// content of the file.
func (e Env) Vars(file string) (map[string]any, error) {
	vars := map[string]any{}
	if file != "" {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read vars: %w", err)
		}
		if vars, err = flows.ParseVars(file, source); err != nil {
			return nil, err
		}
	}
	for name, value := range e {
		if name, ok := strings.CutPrefix(name, varPrefix); ok {
			vars[strings.ToLower(name)] = value
		}
	}
	return vars, nil
}

// secretVariables are the variables with secrets of the process itself, each of which may be given as a file. Read only.
var secretVariables = []string{
	EnvAPIKey, EnvAPISecret, EnvAdminUser, EnvAdminPass, EnvMasterKey, EnvFilesAccessKey, EnvFilesSecretKey, EnvAuditHTTPHeader, EnvSignOnSecret,
	EnvRedisURL, EnvHistory, EnvHistoryFrom, EnvToken, EnvPassword,
}

// Unknown returns the variables that no command reads, probably misspelt.
func (e Env) Unknown() []string {
	var known []string
	for _, name := range secretVariables {
		known = append(known, name, name+"_FILE")
	}
	known = append(known, EnvURL, EnvUser, EnvContext) // read by client commands, possibly in the same shell
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(Settings).AddFlags(flags, Role{API: true, Worker: true, Dev: true})
	flags.VisitAll(func(flag *pflag.Flag) { known = append(known, Variable(flag.Name)) })
	return slices.DeleteFunc(slices.Sorted(maps.Keys(e)), func(name string) bool {
		return slices.Contains(known, name) || strings.HasPrefix(name, varPrefix) || strings.HasPrefix(name, secretPrefix) || strings.HasPrefix(name, NamedPrefix)
	})
}

// Environment variables of client commands: the server, and the credentials.
const (
	EnvURL      = EnvPrefix + "URL"
	EnvToken    = EnvPrefix + "TOKEN"
	EnvUser     = EnvPrefix + "USER"
	EnvPassword = EnvPrefix + "PASSWORD"
	EnvContext  = EnvPrefix + "CONTEXT"
)

// NamedPrefix begins the variables of client commands for a server with a name, as in PENSTOCK_AT_STAGING_URL.
const NamedPrefix = EnvPrefix + "AT_"
