package command

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/client"
)

// Env contains the environment variables that the commands read.
type Env app.Env

// Fill sets the flags that are not given from the environment.
func (e Env) Fill(flags *pflag.FlagSet) error { return app.Env(e).Fill(flags) }

// Secret returns a variable, or the content of the file that NAME_FILE names.
func (e Env) Secret(name string) (string, error) { return app.Env(e).Secret(name) }

// RemoteHelp ends the help of commands that call a server.
const RemoteHelp = "The server is --url, " + app.EnvURL + " or that of `penstock login`. Credentials: " + app.EnvToken + ", or " + app.EnvUser + "\nand " + app.EnvPassword +
	", or " + app.EnvAPIKey + " and " + app.EnvAPISecret + ", else those of the login; NAME_FILE\nmay name a file with each secret."

// remoteTimeout is longer than the longest time for which a server lets a caller wait.
const remoteTimeout = 75 * time.Second

// AddURL adds the --url flag.
func AddURL(cmd *cobra.Command, url *string) {
	cmd.Flags().StringVar(url, "url", "", "base `URL` of the server; default "+app.EnvURL+", else that of the context, else http://127.0.0.1:8080")
}

// agent says in each request that it comes from this command. The audit log shows it.
type agent struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a agent) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "penstock-cli/"+app.BuildVersion())
	return a.RoundTripper.RoundTrip(r)
}

// Remote returns the client of a command. A nil transport means the default one.
func (e Env) Remote(url string, transport http.RoundTripper) (*client.Client, error) {
	kept, err := e.ContextFor(&url)
	if err != nil {
		return nil, err
	}
	return e.connect(url, app.EnvPrefix, kept, transport)
}

// connect returns the client of a server with the credentials of the variables with that prefix, or else of the context.
func (e Env) connect(url, prefix string, kept *ContextEntry, transport http.RoundTripper) (*client.Client, error) {
	named := func(name string) string { return prefix + strings.TrimPrefix(name, app.EnvPrefix) }
	config := client.Config{URL: url, Key: e[named(app.EnvAPIKey)], User: e[named(app.EnvUser)]}
	for name, to := range map[string]*string{app.EnvToken: &config.Token, app.EnvPassword: &config.Password, app.EnvAPISecret: &config.Secret} {
		value, err := e.Secret(named(name))
		if err != nil {
			return nil, err
		}
		*to = value
	}
	if config.Token == "" && config.User == "" && config.Key == "" {
		switch {
		case kept == nil:
			return nil, ErrNoCredentials
		case !kept.Expires.IsZero() && time.Now().After(kept.Expires):
			return nil, fmt.Errorf("%w: the token for %s ended at %s: penstock login %s", ErrNoCredentials, kept.URL, kept.Expires.Local().Format(time.DateTime), kept.URL)
		}
		config.Token = kept.Token
	}
	timeout := time.Duration(0)
	if transport == nil {
		timeout, transport = remoteTimeout, http.DefaultTransport
	}
	config.HTTP = &http.Client{Transport: agent{transport}, Timeout: timeout}
	c, err := client.New(config)
	if err != nil {
		return nil, Invalid(fmt.Errorf("%s or --url: %w", named(app.EnvURL), err))
	}
	return c, nil
}

// ContextFor completes the URL from the environment or the contexts, and returns the context of that server; nil when
// there is none.
func (e Env) ContextFor(url *string) (*ContextEntry, error) {
	if *url == "" {
		*url = e[app.EnvURL]
	}
	known, err := ReadContexts()
	if err != nil {
		if *url != "" && e.hasCredentials() {
			return nil, nil // noCompletion is needed of the contexts
		}
		return nil, err
	}
	if *url != "" {
		return known.forServer(*url), nil
	}
	current, err := known.current(e)
	if err != nil {
		return nil, err
	}
	*url = "http://127.0.0.1:8080"
	if current != nil {
		*url = current.URL
	}
	return current, nil
}

// hasCredentials reports whether the environment has credentials.
func (e Env) hasCredentials() bool {
	for _, name := range []string{app.EnvToken, app.EnvUser, app.EnvAPIKey} {
		if value, err := e.Secret(name); err == nil && value != "" {
			return true
		}
	}
	return false
}

// ErrNoCredentials reports that nothing says who calls.
var ErrNoCredentials = fmt.Errorf("say who calls: `penstock login URL`, or set %s, or %s and %s, or %s and %s", app.EnvToken, app.EnvUser, app.EnvPassword, app.EnvAPIKey, app.EnvAPISecret)
