package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/store"
)

// personalPrincipal returns the principal of a personal token: its user as it is now, with the scopes of the token that the user still
// holds. Nobody is told why a token of an existing user does not count.
func (a *Authority) personalPrincipal(ctx context.Context, text string, now time.Time) (*Principal, error) {
	if a.config.Personal == nil {
		return nil, errUnknownToken
	}
	t, err := a.config.Personal.Find(ctx, text)
	switch {
	case errors.Is(err, personal.ErrNotFound):
		return nil, errUnknownToken
	case err != nil:
		return nil, fmt.Errorf("check token: %w: %w", ErrUnavailable, err)
	case !now.Before(t.ExpiresAt):
		return nil, errDeadToken
	}
	u, err := a.config.Store.Users().User(ctx, t.User)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, errDeadToken
	case err != nil:
		return nil, fmt.Errorf("check token: %w: %w", ErrUnavailable, err)
	case !u.CreatedAt.Equal(t.Born):
		return nil, errDeadToken
	}
	v, err := viewOf(ctx, a.config.Store.Folders())
	if err != nil {
		return nil, err
	}
	p := UserPrincipal(u, v)
	if !u.Is(store.RoleAPIUser) && len(p.Granted) == 0 {
		return nil, errDeadToken
	}
	if err := a.config.Personal.Used(ctx, t, now); err != nil {
		return nil, fmt.Errorf("check token: %w: %w", ErrUnavailable, err)
	}
	p.Narrow(scopesFrom(t.Scopes))
	return p, nil
}

// Personal returns the personal tokens; nil: there are none.
func (a *Authority) Personal() *personal.Tokens { return a.config.Personal }

// PersonalRequest is what a user asks for.
type PersonalRequest struct {
	Name   string
	Scopes []string      // within those that the user holds now; empty: not allowed
	Life   time.Duration // zero: 90 days
}

// IssuePersonal makes a personal token of a user, who has just proved the password or is signed in to the console. The text is
// returned once. Errors: *store.InvalidError, *Error for a scope that the user does not hold.
func (a *Authority) IssuePersonal(ctx context.Context, u *store.User, r PersonalRequest) (string, *personal.Token, error) {
	may, err := a.mayUseAPI(ctx, u)
	if err != nil {
		return "", nil, err
	}
	if a.config.Personal == nil || !may {
		return "", nil, &Error{Code: CodeForbidden, Message: "personal tokens are for users who may use the API: they have the role api_user, or rights in a folder"}
	}
	v, err := viewOf(ctx, a.config.Store.Folders())
	if err != nil {
		return "", nil, err
	}
	held := UserPrincipal(u, v)
	scopes := scopesFrom(r.Scopes)
	for _, s := range scopes {
		if s.Name() == "" {
			return "", nil, &store.InvalidError{Member: "scopes", Reason: fmt.Sprintf("has %.60q, which is no scope", s)}
		}
		if !held.holdsAll(s) {
			return "", nil, MissingScope(s, ": a token has no scope that its user does not hold")
		}
	}
	if r.Life == 0 {
		r.Life = personal.DefaultLife
	}
	now := a.config.Now().UTC().Truncate(time.Second)
	slices.Sort(r.Scopes)
	text, t, err := a.config.Personal.Issue(ctx, personal.Token{
		User: u.Name, Born: u.CreatedAt, Name: strings.TrimSpace(r.Name), Scopes: slices.Compact(r.Scopes), IssuedAt: now, ExpiresAt: now.Add(r.Life),
	})
	if invalid := new(personal.InvalidError); errors.As(err, &invalid) {
		err = &store.InvalidError{Member: invalid.Member, Reason: invalid.Reason}
	}
	return text, t, err
}
