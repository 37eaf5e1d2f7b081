// Package oidc signs people in at an OpenID Connect provider (OpenID Connect Core 1.0), such as that of their company: by the
// authorization code flow with PKCE, with roles that follow from the groups that the provider knows them in.
package oidc

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/penstock/penstock/internal/localhost"
	"github.com/penstock/penstock/store"
)

// The values of Settings.Passwords: who may still sign in to the console with a password.
const (
	PasswordsAll   = "everyone"
	PasswordsAdmin = "administrator" // only the user of PENSTOCK_ADMIN_USER
)

// everyone is the group of all whom the provider lets in.
const everyone = "*"

// Settings describe the provider. Issuer, ClientID and Roles are required.
type Settings struct {
	Issuer   string `yaml:"issuer"`    // URL, as the provider's tokens have it
	ClientID string `yaml:"client_id"` // of this installation, at the provider
	Name     string `yaml:"name"`      // on the button; empty: the host of the issuer

	// Scopes are requested besides openid; empty: profile and email.
	Scopes []string `yaml:"scopes"`
	Claims Claims   `yaml:"claims"`

	// Roles says which groups give a role; "*" is everyone whom the provider lets in.
	Roles map[store.Role][]string `yaml:"roles"`

	// Passwords says who may sign in with a password, too; empty: PasswordsAll.
	Passwords string `yaml:"passwords"`

	// HTTP lets the issuer be http:// elsewhere than on this machine.
	HTTP bool `yaml:"http"`
}

// Claims names the claims that are read. A name with dots is a path: realm_access.roles.
type Claims struct {
	User   string `yaml:"user"`   // the name of a new user; empty: preferred_username
	Groups string `yaml:"groups"` // a list of texts, or one text; empty: groups
}

// ParseSettings reads settings in YAML. It refuses what it does not know.
func ParseSettings(text []byte) (Settings, error) {
	var s Settings
	if err := yaml.UnmarshalWithOptions(text, &s, yaml.Strict()); err != nil {
		return Settings{}, fmt.Errorf("read settings: %s", yaml.FormatError(err, false, false))
	}
	if err := s.check(); err != nil {
		return Settings{}, fmt.Errorf("read settings: %w", err)
	}
	return s.filled(), nil
}

func (s *Settings) check() error {
	issuer, err := url.Parse(s.Issuer)
	switch {
	case s.Issuer == "":
		return errors.New("issuer: it is missing")
	case err != nil || issuer.Host == "" || issuer.User != nil || issuer.RawQuery != "" || issuer.Fragment != "":
		return errors.New("issuer: it is a URL such as https://login.example.org, without user, query and fragment")
	case issuer.Scheme != "https" && issuer.Scheme != "http":
		return errors.New("issuer: it begins with https://")
	case issuer.Scheme == "http" && !s.HTTP && !localhost.Is(issuer.Hostname()):
		return errors.New("issuer: it is http://, so that others could sign in as anybody; say http: true if that is meant")
	case s.ClientID == "":
		return errors.New("client_id: it is missing")
	case len(s.Roles) == 0:
		return errors.New("roles: there is none, so that nobody could sign in; for example viewer: [\"*\"]")
	case s.Passwords != "" && s.Passwords != PasswordsAll && s.Passwords != PasswordsAdmin:
		return fmt.Errorf("passwords: it is %s or %s", PasswordsAll, PasswordsAdmin)
	}
	for role, groups := range s.Roles {
		if !slices.Contains(store.Roles(), role) {
			return fmt.Errorf("roles.%s: the roles are %v", role, store.Roles())
		}
		if len(groups) == 0 || slices.Contains(groups, "") {
			return fmt.Errorf("roles.%s: it is a list of groups", role)
		}
		if role == store.RoleAdmin && slices.Contains(groups, everyone) {
			return errors.New(`roles.admin: it is not for everyone ("*"): name a group`)
		}
	}
	return nil
}

func (s Settings) filled() Settings {
	if len(s.Scopes) == 0 {
		s.Scopes = []string{"profile", "email"}
	}
	s.Scopes = slices.DeleteFunc(slices.Clone(s.Scopes), func(scope string) bool { return scope == "openid" })
	if s.Claims.User == "" {
		s.Claims.User = "preferred_username"
	}
	if s.Claims.Groups == "" {
		s.Claims.Groups = "groups"
	}
	if s.Passwords == "" {
		s.Passwords = PasswordsAll
	}
	if s.Name == "" {
		issuer, _ := url.Parse(s.Issuer) // it was checked
		s.Name = strings.TrimPrefix(issuer.Hostname(), "www.")
	}
	return s
}

// rolesOf returns the roles that groups give, in the order of store.Roles.
func (s *Settings) rolesOf(groups []string) []store.Role {
	return slices.DeleteFunc(store.Roles(), func(role store.Role) bool {
		return !slices.ContainsFunc(s.Roles[role], func(group string) bool { return group == everyone || slices.Contains(groups, group) })
	})
}

// TakesPasswords reports whether every user may still sign in with a password.
func (s *Settings) TakesPasswords() bool { return s.Passwords != PasswordsAdmin }
