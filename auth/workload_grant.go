package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/auth/oidc"
	"github.com/penstock/penstock/auth/workload"
	"github.com/penstock/penstock/store"
)

// checkWorkload returns an error for a rule whose scopes there are not.
func checkWorkload(rules *workload.Rules) error {
	for _, r := range rules.All() {
		for _, s := range scopesFrom(r.Scopes) {
			if s.Name() == "" {
				return fmt.Errorf("workload identity: rule %s: %q is no scope", r.Name, s)
			}
		}
	}
	return nil
}

// workloadGrant lets a program of a CI act as an API client, by the token that the CI issued to it. The client, which is switched off in the
// console, is the principal; the token has no scope that the client or the rule lacks, and lives for minutes.
func (g exchangeGrant) workloadGrant(ctx context.Context, r *TokenRequest, text string) (*TokenGrant, error) {
	if g.config.Workload == nil {
		return nil, badJWT("this server has no rules for tokens of other issuers")
	}
	if r.Params["actor_token"] != "" || r.Params["actor_token_type"] != "" || r.Params["requested_subject"] != "" {
		return nil, &Error{Code: CodeInvalidRequest, Message: "a program of a CI acts as the client of its rule: there is no actor_token and no requested_subject"}
	}
	id, err := g.config.Workload.Check(ctx, text)
	var refused *workload.RefusedError
	var away *oidc.AwayError
	switch {
	case errors.As(err, &refused):
		return nil, badJWT(refused.Reason)
	case errors.As(err, &away):
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case err != nil:
		return nil, err
	}
	c, err := g.config.Store.Clients().Client(ctx, id.Rule.Client)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("find client: %w: %w", ErrUnavailable, err)
	}
	if err != nil || c.Disabled {
		return nil, badJWT("the client of the rule is disabled, or there is none")
	}
	granted, err := g.clientGrant(ctx, c)
	if err != nil {
		return nil, err
	}
	now := g.config.Now()
	first, err := g.config.Store.Tokens().MarkUsed(ctx, "workload:"+id.Rule.Issuer, id.ID, until(id.Expires, now))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !first {
		return nil, badJWT("the token was exchanged before: ask the CI for another one")
	}
	granted.Token.Name = "ci:" + id.Rule.Name
	granted.Scopes = Intersect(granted.Scopes, scopesFrom(id.Rule.Scopes))
	granted.TTL = min(granted.TTL, id.Rule.Life())
	granted.Extra = map[string]any{"issued_token_type": typeAccessToken}
	granted.Workload = id.Told
	return granted, nil
}
