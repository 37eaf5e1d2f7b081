package app

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"penstock/api/client"
)

// The variables that say which server the command line talks to, and as whom.
const (
	envURL      = envPrefix + "URL"
	envToken    = envPrefix + "TOKEN"
	envUser     = envPrefix + "USER"
	envPassword = envPrefix + "PASSWORD"
	envContext  = envPrefix + "CONTEXT"
)

const remoteHelp = "The server is " + envURL + " or --url. Who calls: " + envToken + ", or " + envUser + " and " + envPassword +
	",\nor " + envAPIKey + " and " + envAPISecret + "; each secret may be in a file that NAME_FILE names."

// addURL gives a command the flag that every command against a server has.
func addURL(cmd *cobra.Command, url *string) {
	cmd.Flags().StringVar(url, "url", "", "base `URL` of the server; default "+envURL+", else http://127.0.0.1:8080")
}

// remote makes the client of a command. A nil transport is the usual one.
func (e env) remote(url string, transport http.RoundTripper) (*client.Client, error) {
	if url == "" {
		url = e[envURL]
	}
	if url == "" {
		url = "http://127.0.0.1:8080"
	}
	config := client.Config{URL: url, Key: e[envAPIKey], User: e[envUser]}
	for name, to := range map[string]*string{envToken: &config.Token, envPassword: &config.Password, envAPISecret: &config.Secret} {
		value, err := e.secret(name)
		if err != nil {
			return nil, err
		}
		*to = value
	}
	if config.Token == "" && config.User == "" && config.Key == "" {
		return nil, errNobody
	}
	if transport != nil {
		config.HTTP = &http.Client{Transport: transport}
	}
	c, err := client.New(config)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s or --url: %w", envURL, err)}
	}
	return c, nil
}

var errNobody = fmt.Errorf("say who calls: set %s, or %s and %s, or %s and %s", envToken, envUser, envPassword, envAPIKey, envAPISecret)
