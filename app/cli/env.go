package cli

import (
	"github.com/spf13/pflag"

	"github.com/penstock/penstock/app"
)

// env contains the environment variables that the commands read.
type env app.Env

func (e env) fill(flags *pflag.FlagSet) error { return app.Env(e).Fill(flags) }

func (e env) secret(name string) (string, error) { return app.Env(e).Secret(name) }
