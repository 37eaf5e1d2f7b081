package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/store"
)

// Identity is a person whom the provider has let in.
type Identity struct {
	Subject string // of the provider: never another person's
	Name    string // for a new user; empty: the claim is missing
	Profile store.Profile
	Groups  []string
	Granted bool         // folders grant rights to the groups, or to the user; set by the caller of Enter
	Roles   []store.Role // that the groups give
	SID     string       // of the session there; empty: the provider does not say
	IDToken string       // for signing out there; empty: too long
	TooMany bool         // the provider left the groups out, because there are many
}

// identify reads the claims about a person.
func (p *Provider) identify(subject string, claims map[string]any) *Identity {
	text := func(name string) string {
		value, _ := lookUp(claims, name)
		said, _ := value.(string)
		return strings.TrimSpace(said)
	}
	id := &Identity{Subject: subject, Name: text(p.settings.Claims.User)}
	id.Profile = store.Profile{Email: text("email"), FirstName: text("given_name"), LastName: text("family_name")}
	if id.Profile.Validate() != nil { // they are for people only
		id.Profile = store.Profile{}
	}
	groups, _ := lookUp(claims, p.settings.Claims.Groups)
	id.Groups = texts(groups)
	if names, ok := claims["_claim_names"].(map[string]any); ok && len(id.Groups) == 0 {
		_, id.TooMany = names[p.settings.Claims.Groups] // as Microsoft Entra ID does with more than 200 groups
	}
	id.Roles = p.settings.rolesOf(id.Groups)
	return id
}

// lookUp returns a claim by its name, or by a path with dots.
func lookUp(claims map[string]any, path string) (any, bool) {
	if value, ok := claims[path]; ok { // names of claims may have dots: https://example.org/groups
		return value, true
	}
	var at any = claims
	for name := range strings.SplitSeq(path, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = object[name]; !ok {
			return nil, false
		}
	}
	return at, true
}

// texts returns a text, or the texts of a list.
func texts(value any) (all []string) {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		for _, one := range value {
			if text, ok := one.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}

// UserOf returns the name of the user who is a person; empty: there is none yet.
func (p *Provider) UserOf(ctx context.Context, users *store.Users, id *Identity) string {
	known, err := users.External(ctx, store.External{Issuer: p.settings.Issuer, Subject: id.Subject})
	if err != nil {
		return ""
	}
	return known.Name
}

// Errors that end a change.
var (
	errSame  = errors.New("nothing would change")
	errOther = errors.New("the user is somebody else")
)

// mayEnter reports whether there is something for the person.
func (id *Identity) mayEnter() bool { return len(id.Roles) > 0 || id.Granted }

// Enter returns the user of a person, with the roles that the groups give now: the person's first sign-in makes the user. changed reports
// whether the user was made or changed, which may be so with an error. A user who signs in with a password is not taken over. Errors: *RefusedError, those of the store.
func (p *Provider) Enter(ctx context.Context, users *store.Users, id *Identity) (user *store.User, changed bool, err error) {
	external := store.External{Issuer: p.settings.Issuer, Subject: id.Subject}
	known, err := users.External(ctx, external)
	switch {
	case err == nil:
		return p.renew(ctx, users, known.Name, id)
	case !errors.Is(err, store.ErrNotFound):
		return nil, false, err
	case !id.mayEnter():
		return nil, false, p.noRole(id)
	}
	groups, _ := store.BoundGroups(id.Groups)
	made, err := users.Create(ctx, store.User{Name: id.Name, Roles: id.Roles, Groups: groups, Profile: id.Profile, External: &external})
	var invalid *store.InvalidError
	switch {
	case errors.Is(err, store.ErrExists): // perhaps by another first sign-in at the same moment
		return p.renew(ctx, users, id.Name, id)
	case errors.As(err, &invalid):
		return nil, false, &RefusedError{ReasonName, fmt.Sprintf("the claim %s is %q: %v", p.settings.Claims.User, clip(id.Name), invalid)}
	}
	return made, err == nil, err
}

// renew gives a user the roles of now. Who has none left keeps none, so that sessions and tokens end.
func (p *Provider) renew(ctx context.Context, users *store.Users, name string, id *Identity) (*store.User, bool, error) {
	var same *store.User
	groups, _ := store.BoundGroups(id.Groups)
	user, err := users.Change(ctx, name, func(u *store.User) error {
		if u.External == nil || *u.External != (store.External{Issuer: p.settings.Issuer, Subject: id.Subject}) {
			return errOther
		}
		if slices.Equal(u.Roles, id.Roles) && slices.Equal(u.Groups, groups) && (id.Profile == store.Profile{} || u.Profile == id.Profile) {
			same = u
			return errSame
		}
		u.Roles, u.Groups = id.Roles, groups
		if (id.Profile != store.Profile{}) {
			u.Profile = id.Profile
		}
		return nil
	})
	changed := err == nil
	if errors.Is(err, errSame) {
		user, err = same, nil
	}
	switch {
	case errors.Is(err, errOther):
		return nil, false, &RefusedError{ReasonTaken, fmt.Sprintf("there is another user %q; the subject is %q", name, clip(id.Subject))}
	case err != nil:
		return nil, false, err
	case !id.mayEnter():
		return user, changed, p.noRole(id)
	case user.Disabled:
		return user, changed, &RefusedError{ReasonDisabled, fmt.Sprintf("the user %q is disabled", user.Name)}
	}
	return user, changed, nil
}

func (p *Provider) noRole(id *Identity) error {
	detail := fmt.Sprintf("no group of %q gives a role: %s", clip(id.Name), clip(strings.Join(id.Groups, ", ")))
	if id.TooMany {
		detail = fmt.Sprintf("the provider left out the groups of %q, who has too many: let it send only those that are assigned to the application", clip(id.Name))
	} else if len(id.Groups) == 0 {
		detail = fmt.Sprintf("the provider sent no groups of %q in the claim %s", clip(id.Name), p.settings.Claims.Groups)
	}
	return &RefusedError{ReasonNoRole, detail}
}
