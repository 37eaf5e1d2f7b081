package flows

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/mask"
)

// Secret returns the secret of that name. From then on it is masked in what the step puts out, and in its errors.
func (in *Input) Secret(ctx context.Context, name string) (string, error) {
	secrets := in.Env().Secrets
	if secrets == nil {
		return "", &Error{Code: CodeStepFailed, Message: fmt.Sprintf("there is no secret %q: no secrets are configured here", name)}
	}
	secret, err := secrets.Secret(ctx, name)
	mask.Add(ctx, secret)
	return secret, err
}

// secretVariable returns the variable for a call of secret. It reports a call outside of the parameters that take secrets.
func (r *resolver) secretVariable(ref jq.Reference) string {
	if !r.takesSecrets {
		ref.Report(mistake.SecretPlace, "name a connection, or give the value to the system in an http step", "a secret is no value of a flow: secret may be called in %s only", r.secretParams())
		return ""
	}
	if !ValidName(ref.Member) {
		ref.Report(mistake.BadName, "", "%q cannot be the name of a secret: it is %s", ref.Member, NameRule)
		return ""
	}
	r.flow.uses = append(r.flow.uses, Use{Resource: ResourceSecret, Name: ref.Member, place: r.locate(ref.Offset)})
	v := variable{name: "$__secret_" + hex.EncodeToString([]byte(ref.Member)), kind: ofSecret, text: ref.Member}
	r.read(v)
	return v.name
}

// secretParams names the parameters that take secrets.
func (c *compiler) secretParams() string {
	var all []string
	for _, kind := range c.catalogue.kinds {
		var names []string
		for _, p := range kind.Params {
			if p.Secrets {
				names = append(names, p.Name)
			}
		}
		if len(names) > 0 {
			all = append(all, strings.Join(names, ", ")+" of "+kind.Name)
		}
	}
	return strings.Join(all, "; ")
}

// maskingResults returns a yield function that adds texts made of secrets to those that are masked.
func maskingResults(ctx context.Context, yield func(any) error) func(any) error {
	return func(v any) error {
		if text, ok := v.(string); ok {
			mask.Add(ctx, text)
		}
		return yield(v)
	}
}

// maskError returns the error of a step with the secrets masked.
func maskError(secrets *mask.Secrets, err error) error {
	if err == nil || asParked(err) != nil {
		return err
	}
	var known *Error
	if !errors.As(err, &known) {
		known = &Error{Code: CodeStepFailed, Message: err.Error(), Err: err}
	}
	message, excerpt := secrets.Text(known.Message), secrets.Text(known.Excerpt)
	if message == known.Message && excerpt == known.Excerpt {
		return err
	}
	masked := *known
	masked.Message, masked.Excerpt = message, excerpt
	return &masked
}
