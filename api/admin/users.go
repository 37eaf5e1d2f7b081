package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// minPassword is the minimum length of a user's password, in bytes.
const minPassword = 6

// userView is a user in responses to administrators.
type userView struct {
	Name      string          `json:"name"`
	Roles     []store.Role    `json:"roles"`
	Scopes    []string        `json:"scopes"` // besides those of the roles
	Groups    []string        `json:"groups"` // to which folders grant rights
	Disabled  bool            `json:"disabled"`
	Refresh   bool            `json:"refresh_tokens"`
	Email     string          `json:"email,omitempty"`
	FirstName string          `json:"first_name,omitempty"`
	LastName  string          `json:"last_name,omitempty"`
	External  *store.External `json:"external"` // null: the user signs in with a password
	TOTP      bool            `json:"totp"`     // the user proves a code besides the password
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

func viewUser(u *store.User) userView {
	return userView{
		Name: u.Name, Roles: append([]store.Role{}, u.Roles...), Scopes: append([]string{}, u.Scopes...), Groups: append([]string{}, u.Groups...), Disabled: u.Disabled, Refresh: u.RefreshTokens,
		Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, External: u.External, TOTP: u.HasTOTP(), CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

// userInput is the settable part of a user.
type userInput struct {
	Name     string                       `json:"name"`
	Password httpx.Optional[string]       `json:"password"`
	Roles    httpx.Optional[[]store.Role] `json:"roles"`
	Scopes   httpx.Optional[[]auth.Scope] `json:"scopes"`
	Groups   httpx.Optional[[]string]     `json:"groups"`
	Disabled httpx.Optional[bool]         `json:"disabled"`

	Refresh   httpx.Optional[bool]   `json:"refresh_tokens"`
	Email     httpx.Optional[string] `json:"email"`
	FirstName httpx.Optional[string] `json:"first_name"`
	LastName  httpx.Optional[string] `json:"last_name"`

	External httpx.Optional[*store.External] `json:"external"`
	TOTP     httpx.Optional[bool]            `json:"totp"` // only false, which removes it: the user alone sets it up
}

// profileInto changes the members of a profile that were sent.
func (in *userInput) profileInto(p *store.Profile) {
	in.Email.Into(&p.Email)
	in.FirstName.Into(&p.FirstName)
	in.LastName.Into(&p.LastName)
}

func (a *api) createUser(c *gin.Context) {
	var in userInput
	hash, err := a.readUserInput(c, &in)
	if err == nil && !in.Password.Set && in.External.Value == nil {
		err = &store.InvalidError{Member: "password", Reason: "is required"}
	}
	u := &store.User{Name: in.Name, Hash: hash, Roles: in.Roles.Value, Scopes: auth.Strings(in.Scopes.Value), Groups: in.Groups.Value, Disabled: in.Disabled.Value}
	u.RefreshTokens, u.External = in.Refresh.Value, in.External.Value
	in.profileInto(&u.Profile)
	if err == nil {
		err = a.checkHeld(u, nil)
	}
	var held []auth.Scope
	if err == nil {
		err = in.checkGroups(u)
	}
	if err == nil {
		held, err = a.scopesOf(c, u)
	}
	if err == nil {
		err = mayGrant(c, held)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	u, err = a.config.Store.Users().Create(c.Request.Context(), *u)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Object = u.Name
	httpx.Created(c, httpx.PathOf("users", u.Name), viewUser(u))
}

// errOwnFactor keeps who has found a token of a user from taking over the user.
var errOwnFactor = &httpx.Fault{Status: http.StatusForbidden, Code: "forbidden", Message: "your own password and second factor are changed in the console, under Your account, with both of them"}

func (a *api) changeUser(c *gin.Context) {
	var in userInput
	hash, err := a.readUserInput(c, &in)
	if err == nil && in.Name != "" && in.Name != c.Param("name") {
		err = &store.InvalidError{Member: "name", Reason: "cannot change"}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	u, err := a.config.Store.Users().Change(c.Request.Context(), c.Param("name"), func(u *store.User) error {
		held := u.Scopes
		before, err := a.scopesOf(c, u)
		if err != nil {
			return err
		}
		in.Roles.Into(&u.Roles)
		if in.Scopes.Set {
			u.Scopes = auth.Strings(in.Scopes.Value)
		}
		if in.Scopes.Set || in.Roles.Set {
			if err := a.checkHeld(u, held); err != nil {
				return err
			}
		}
		in.Disabled.Into(&u.Disabled)
		in.Refresh.Into(&u.RefreshTokens)
		in.profileInto(&u.Profile)
		in.External.Into(&u.External)
		if p := httpx.StateOf(c).Principal; u.HasTOTP() && (in.TOTP.Set || in.Password.Set) && p.Kind == auth.KindUser && p.ID == u.Name {
			return errOwnFactor
		}
		if in.TOTP.Set {
			u.RemoveTOTP()
		}
		if err := in.checkGroups(u); err != nil {
			return err
		}
		in.Groups.Into(&u.Groups)
		if in.Password.Set {
			u.Hash = hash
		}
		after, err := a.scopesOf(c, u)
		if err != nil {
			return err
		}
		return mayGrant(c, append(before, after...))
	})
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, viewUser(u))
}

// checkGroups rejects groups of a user who signs in at the provider, which says them.
func (in *userInput) checkGroups(u *store.User) error {
	if in.Groups.Set && u.External != nil {
		return &store.InvalidError{Member: "groups", Reason: "are those that the provider says at each sign-in"}
	}
	return nil
}

// readUserInput decodes the body and returns the hash of the password, "" without one.
func (a *api) readUserInput(c *gin.Context, in *userInput) (hash string, err error) {
	if err := httpx.ReadJSON(c, in); err != nil {
		return "", err
	}
	if in.TOTP.Value {
		return "", &store.InvalidError{Member: "totp", Reason: "may only be false, which removes it: users set it up themselves, in the console"}
	}
	if !in.Password.Set {
		return "", nil
	}
	if len(in.Password.Value) < minPassword || len(in.Password.Value) > maxPassword {
		return "", &store.InvalidError{Member: "password", Reason: "must have 6 to 1024 bytes"}
	}
	return a.config.Authority.Hash(c.Request.Context(), in.Password.Value)
}

const maxPassword = 1024

func (a *api) readUser(c *gin.Context) {
	u, err := a.config.Store.Users().User(c.Request.Context(), c.Param("name"))
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, viewUser(u))
}

func (a *api) deleteUser(c *gin.Context) {
	users, name := a.config.Store.Users(), c.Param("name")
	u, err := users.User(c.Request.Context(), name)
	var held []auth.Scope
	if err == nil {
		held, err = a.scopesOf(c, u)
	}
	if err == nil {
		err = mayGrant(c, held)
	}
	if err == nil {
		err = users.Delete(c.Request.Context(), name)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

func (a *api) listUsers(c *gin.Context) {
	views, err := viewAll(c.Request.Context(), a.config.Store.Users().List, viewUser)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.List(c, listing.Schema[userView]{Order: "name", Fields: []listing.Field[userView]{
		listing.Text("name", func(u *userView) string { return u.Name }),
		listing.List("roles", func(u *userView) []string { return texts(u.Roles) }),
		listing.List("scopes", func(u *userView) []string { return u.Scopes }),
		listing.List("groups", func(u *userView) []string { return u.Groups }),
		listing.Text("email", func(u *userView) string { return u.Email }),
		listing.Text("first_name", func(u *userView) string { return u.FirstName }),
		listing.Text("last_name", func(u *userView) string { return u.LastName }),
		listing.Bool("disabled", func(u *userView) bool { return u.Disabled }),
		listing.Bool("totp", func(u *userView) bool { return u.TOTP }),
		listing.Time("created_at", func(u *userView) time.Time { return u.CreatedAt }),
		listing.Time("updated_at", func(u *userView) time.Time { return u.UpdatedAt }),
	}}, views)
}
