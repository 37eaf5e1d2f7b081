package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
)

// Role is the role of a user.
type Role string

// The roles. Of them only RoleAPIUser gives access to the API, as rights in folders do for these; RoleDeveloper gives access to the
// developer portal alone.
const (
	RoleAdmin    Role = "admin"
	RoleOperator Role = "operator"
	RoleAuthor   Role = "author"
	RoleViewer   Role = "viewer"
	RoleAPIUser  Role = "api_user"

	RoleDeveloper Role = "developer" // makes API clients within User.Scopes
)

// Roles returns all roles.
func Roles() []Role { return slices.Clone(roles) }

var (
	roles    = []Role{RoleAdmin, RoleOperator, RoleAuthor, RoleViewer, RoleAPIUser, RoleDeveloper} // read only
	userName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}$`)
)

// External is a person at an OpenID Connect provider: the subject is never reassigned (OpenID Connect Core, section 2).
type External struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// maxSubject is the maximum length of a subject in bytes, of the same section.
const maxSubject = 255

// externalIn returns the user who is a person at a provider; nil: there is none.
func externalIn(v *snapshot, external *External) *User {
	if external == nil {
		return nil
	}
	for _, u := range v.users {
		if u.External != nil && *u.External == *external {
			return u
		}
	}
	return nil
}

// User is a person, or a program that logs in as one. A *User returned by the store is shared and must not be
// modified.
type User struct {
	Name     string `json:"name"`
	Hash     string `json:"hash"` // of the password, see package password; empty: there is none, and External says who it is
	Roles    []Role `json:"roles"`
	Disabled bool   `json:"disabled"`

	// Scopes are those that the user holds besides those of the roles: of the installation's own making, and for a
	// developer also those of the server that clients may be made with. A developer's clients hold no others.
	Scopes []string `json:"scopes,omitempty"`
	// Groups are those to which folders may grant rights, sorted: of a user with External as the provider said at the last sign-in.
	Groups []string `json:"groups,omitempty"`
	// RefreshTokens says that the password grant issues refresh tokens to the user.
	RefreshTokens bool `json:"refresh_tokens,omitempty"`
	// External is who the user is at the OpenID Connect provider; nil: the user signs in with a password.
	External *External `json:"external,omitempty"`
	Profile
	Preferences Preferences `json:"preferences,omitzero"`
	SecondFactor
	CredentialState
}

var _ principalMethods[User] = (*User)(nil)

// Is reports whether the user has a role and is not disabled.
func (u *User) Is(r Role) bool { return !u.Disabled && slices.Contains(u.Roles, r) }

// LogValue keeps the hash out of logs.
func (u User) LogValue() slog.Value { return slog.StringValue(u.Name) }

func (u *User) name() string { return u.Name }

// admit: two users are never the same person at the provider.
func (u *User) admit(v *snapshot, _ *User) error {
	if other := externalIn(v, u.External); other != nil && other.Name != u.Name {
		return &InvalidError{"external", "is that of the user " + other.Name}
	}
	return nil
}

func (u *User) validate() error {
	switch {
	case !userName.MatchString(u.Name):
		return &InvalidError{"name", "must be 1 to 64 letters, digits, '_', '.', '@', '+' or '-', and begin with a letter or digit"}
	case u.External != nil && (u.External.Issuer == "" || u.External.Subject == "" || len(u.External.Subject) > maxSubject):
		return &InvalidError{"external", "must have an issuer and a subject of at most 255 bytes"}
	case u.Hash == "" && u.External == nil:
		return &InvalidError{"password", "is required"}
	case len(u.Scopes) > maxScopes:
		return &InvalidError{"scopes", fmt.Sprintf("must be at most %d", maxScopes)}
	}
	if err := u.validateGroups(); err != nil {
		return err
	}
	for i, r := range u.Roles {
		if !slices.Contains(roles, r) {
			return &InvalidError{"roles", fmt.Sprintf("%q is not one of %v", r, roles)}
		}
		if slices.Contains(u.Roles[:i], r) {
			return &InvalidError{"roles", fmt.Sprintf("%q comes twice", r)}
		}
	}
	if err := u.Preferences.validate(); err != nil {
		return err
	}
	return u.Profile.Validate()
}

// validateGroups checks the groups and sorts them.
func (u *User) validateGroups() error {
	if len(u.Groups) > MaxGroups {
		return &InvalidError{"groups", fmt.Sprintf("must be at most %d", MaxGroups)}
	}
	for _, g := range u.Groups {
		if wrong := checkGroup(g); wrong != "" {
			return &InvalidError{"groups", fmt.Sprintf("has %.40q: a group %s", g, wrong)}
		}
	}
	u.Groups = slices.Clone(u.Groups)
	slices.Sort(u.Groups)
	u.Groups = slices.Compact(u.Groups)
	return nil
}

// keepsTokens: a change of the password, the loss of a role or scope, and disabling revoke tokens.
func (u *User) keepsTokens(old *User) bool {
	lost := slices.ContainsFunc(old.Roles, func(r Role) bool { return !slices.Contains(u.Roles, r) })
	return u.Hash == old.Hash && !lost && containsAll(u.Scopes, old.Scopes) && !u.Disabled
}

// InvalidError reports an invalid member of a record. Its text is for the caller.
type InvalidError struct{ Member, Reason string }

func (e *InvalidError) Error() string { return e.Member + " " + e.Reason }

// Users gives access to the users. Safe for concurrent use.
type Users struct{ all principalRecords[User, *User] }

// Users gives access to the users.
func (s *Store) Users() *Users { return &Users{s.users()} }

func (s *Store) users() principalRecords[User, *User] {
	return principalRecords[User, *User]{s, PrincipalUser, func(v *snapshot) map[string]*User { return v.users }}
}

// User returns a user, at most a second old; ErrNotFound.
func (us *Users) User(ctx context.Context, name string) (*User, error) { return us.all.find(ctx, name) }

// External returns the user who is a person at a provider, at most a second old; ErrNotFound.
func (us *Users) External(ctx context.Context, external External) (*User, error) {
	v, err := us.all.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	if found := externalIn(v, &external); found != nil {
		return found, nil
	}
	return nil, ErrNotFound
}

// List returns all users by name.
func (us *Users) List(ctx context.Context) ([]*User, error) { return us.all.list(ctx) }

// Create stores a new user. Errors: ErrExists, *InvalidError.
func (us *Users) Create(ctx context.Context, u User) (*User, error) { return us.all.create(ctx, u) }

// Change edits a user. edit may be called more than once. Errors: ErrNotFound, *InvalidError.
func (us *Users) Change(ctx context.Context, name string, edit func(*User) error) (*User, error) {
	return us.all.change(ctx, name, func(u *User) error {
		err := edit(u)
		if err == nil && u.Name != name {
			err = errors.New("a user's name cannot change")
		}
		return err
	})
}

// Delete removes a user with the user's saved searches and API clients, and revokes the tokens of all of them. A later user of
// the same name owns none of them. Error: ErrNotFound.
func (us *Users) Delete(ctx context.Context, name string) error {
	return us.all.remove(ctx, name, func(v *snapshot, w *transactionWrites) {
		w.Del(ctx, keySearches(name))
		gone := []string{PrincipalUser.of(name)}
		for id, c := range v.clients {
			if c.Owner == name {
				us.all.store.clients().erase(ctx, w, id)
				gone = append(gone, PrincipalClient.of(id))
			}
		}
		w.forgetGrants(ctx, v, gone...)
	})
}
