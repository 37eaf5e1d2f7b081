package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/embedded"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
)

// localStore is the store with the connections, secrets and variables of a run in this process: an empty one in memory, or that
// of an installation.
type localStore struct {
	*store.Store
	closing []func() error
}

// Close releases the store.
func (l *localStore) Close() {
	for _, release := range slices.Backward(l.closing) {
		_ = release() // the run has ended
	}
}

// openLocalStore opens the installation's store on --redis for reading, or a store in memory with what the file of --connections
// has.
func openLocalStore(cmd *cobra.Command, e command.Env, kinds *flows.Catalogue, args *runArgs) (_ *localStore, err error) {
	ctx, log := cmd.Context(), slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	l := &localStore{}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	config := store.Config{Catalogue: kinds, Log: log, ReadOnly: args.redis != ""}
	masterKeys, url := [][]byte{store.NewMasterKey()}, args.redis
	if url != "" {
		text, err := e.Secret(app.EnvMasterKey)
		if err == nil {
			masterKeys, err = store.ParseMasterKeys(text)
		}
		if err != nil {
			return nil, fmt.Errorf("--redis needs the master key of the installation, %s: %w", app.EnvMasterKey, err)
		}
	} else {
		server, err := embedded.Start(embedded.Config{Log: log})
		if err != nil {
			return nil, err
		}
		l.closing, url = append(l.closing, server.Close), server.URL()
	}
	if config.Sealer, err = store.NewSealer(masterKeys...); err != nil {
		return nil, err
	}
	conn, err := redisconn.Parse(url)
	if err != nil {
		return nil, command.Invalid(fmt.Errorf("--redis: %w", err))
	}
	config.Redis = conn.Client()
	l.closing = append(l.closing, config.Redis.Close)
	if l.Store, err = store.Open(ctx, config); err != nil {
		return nil, err
	}
	if args.connections == "" {
		return l, nil
	}
	return l, putResources(cmd, l.Store, args.connections)
}

// resources is the file of --connections. A text may be {env: NAME} instead: the environment variable, which is asked for when it
// is not set.
type resources struct {
	Connections map[string]struct {
		Type     string                     `json:"type"`
		Hosts    []string                   `json:"hosts"`
		Settings map[string]json.RawMessage `json:"settings"`
	} `json:"connections"`
	Secrets map[string]string `json:"secrets"`
}

// putResources stores what a file has.
func putResources(cmd *cobra.Command, s *store.Store, file string) error {
	all, err := readResources(cmd, file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, name := range slices.Sorted(maps.Keys(all.Connections)) {
		in := all.Connections[name]
		c := store.Connection{Name: name, Type: in.Type, Hosts: in.Hosts}
		if c.Settings, err = connect.Texts(in.Settings); err == nil {
			err = connect.Check(s.Catalogue(), &c)
		}
		if err == nil {
			_, err = s.Connections().Put(cmd.Context(), c)
		}
		if err != nil {
			return fmt.Errorf("%s: connection %s: %w", file, name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all.Secrets)) {
		if err := s.Secrets().Put(cmd.Context(), name, all.Secrets[name]); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func readResources(cmd *cobra.Command, file string) (*resources, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	tree, err := flows.ParseVars(file, source)
	if err != nil {
		return nil, err
	}
	filled, err := fillSecrets(cmd, tree)
	if err != nil {
		return nil, err
	}
	in := json.NewDecoder(bytes.NewReader(flows.EncodeJSON(filled)))
	in.DisallowUnknownFields()
	all := &resources{}
	var wrong *json.UnmarshalTypeError
	if err := in.Decode(all); errors.As(err, &wrong) {
		return nil, fmt.Errorf("%s: expected %s", wrong.Field, wrong.Type.Kind()) // without the value, which may be secret
	} else if err != nil {
		return nil, err
	}
	return all, nil
}

// fillSecrets replaces each {env: NAME} by a text.
func fillSecrets(cmd *cobra.Command, v any) (any, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return v, nil
	}
	if name, ok := object["env"].(string); ok && len(object) == 1 {
		return secretValue(cmd, name)
	}
	filled := make(map[string]any, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		var err error
		if filled[name], err = fillSecrets(cmd, object[name]); err != nil {
			return nil, err
		}
	}
	return filled, nil
}

// secretValue returns an environment variable. When it is not set and there is a terminal, it asks for the value.
func secretValue(cmd *cobra.Command, name string) (string, error) {
	if value := os.Getenv(name); value != "" {
		return value, nil
	}
	stdin, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(stdin.Fd())) {
		return "", fmt.Errorf("the environment variable %s is not set, and there is no terminal to ask on", name)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: ", name)
	typed, err := term.ReadPassword(int(stdin.Fd()))
	fmt.Fprintln(cmd.ErrOrStderr())
	return string(typed), err
}

// missing returns warnings of what the flow uses and the run does not have, besides values for vars.
func (l *localStore) missing(ctx context.Context, file string, flow *flows.Flow) problem.List {
	missing := slices.DeleteFunc(l.Flows().Missing(ctx, file, flow), func(p problem.Problem) bool { return p.Code == "missing_var" })
	for i := range missing {
		missing[i].Hint = "name a file with it, --connections FILE, or an installation, --redis URL"
	}
	return missing
}
