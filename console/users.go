package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/penstock/penstock/console/account"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/store"
)

// The length of passwords of programs, which have only the role api_user, in bytes. For people account.Refuse says more.
const (
	minPassword = 6
	maxPassword = 1024
)

// usersPage lists the users.
func usersPage(req *requestState) error {
	users, err := req.console.config.Store.Users().List(req.ctx())
	if err != nil {
		return err
	}
	uses, err := lastUses(req, lastuse.User, users, func(u *store.User) string { return u.Name })
	if err != nil {
		return err
	}
	return req.render(200, view.UsersPage(req.page("access", language.T(req.ctx(), "Users")), users, req.scopeChoices(nil), uses))
}

func userPage(req *requestState) error {
	user, err := req.console.config.Store.Users().User(req.ctx(), req.r.PathValue("user"))
	if err != nil {
		return err
	}
	return req.render(200, view.UserPage(req.page("access", user.Name), user, user.Name == req.user.Name, req.scopeChoices(user.Scopes)))
}

func createUser(req *requestState) error {
	user := store.User{Name: strings.TrimSpace(req.r.PostFormValue("name")), Roles: req.roles(), Groups: strings.Fields(req.r.PostFormValue("groups")), Profile: req.profile()}
	hash, err := req.passwordHash(&user)
	if err == nil && hash == "" {
		err = &store.InvalidError{Member: "password", Reason: "is required"}
	}
	if err != nil {
		return err
	}
	user.Hash = hash
	if user.Scopes, err = req.userScopes(&user); err != nil {
		return err
	}
	made, err := req.console.config.Store.Users().Create(req.ctx(), user)
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/access/users", made.Name)
	req.setNotice(language.T(req.ctx(), "The user %s was created.", made.Name))
	return req.redirect(Root + "/access/users")
}

// profile returns the profile in the form.
func (req *requestState) profile() store.Profile {
	form := func(name string) string { return strings.TrimSpace(req.r.PostFormValue(name)) }
	return store.Profile{Email: form("email"), FirstName: form("first_name"), LastName: form("last_name")}
}

// roles returns the roles in the form.
func (req *requestState) roles() []store.Role {
	var roles []store.Role
	for _, r := range req.r.PostForm["role"] {
		roles = append(roles, store.Role(r))
	}
	return roles
}

// passwordHash returns the hash of the password in the form for a user with these names and roles; empty when there is none.
func (req *requestState) passwordHash(u *store.User) (string, error) {
	secret := req.r.PostFormValue("password")
	if secret == "" {
		return "", nil
	}
	person := slices.ContainsFunc(u.Roles, func(r store.Role) bool { return r == store.RoleDeveloper || slices.Contains(consoleRoles, r) })
	if reason := account.Refuse(secret, u); person && reason != "" {
		return "", &store.InvalidError{Member: "password", Reason: reason}
	}
	if len(secret) < minPassword || len(secret) > maxPassword {
		return "", &store.InvalidError{Member: "password", Reason: "must have 6 to 1024 bytes"}
	}
	return req.console.config.Hasher.Hash(req.ctx(), secret)
}

// errOwnAccount prevents an administrator from removing their own access.
var errOwnAccount = &fault{http.StatusConflict, language.Key("That is you"), language.Key("You cannot delete or disable yourself, or give up the role admin: another administrator can.")}

func changeUser(req *requestState) error {
	roles, disabled, name := req.roles(), req.r.PostFormValue("disabled") == "on", req.r.PathValue("user")
	hash, err := req.passwordHash(&store.User{Name: name, Roles: roles, Profile: req.profile()})
	if err != nil {
		return err
	}
	removes := req.r.PostFormValue("remove_totp") == "on" && name != req.user.Name // an own one takes the password and a code
	if name == req.user.Name && (disabled || !slices.Contains(roles, store.RoleAdmin)) {
		return errOwnAccount
	}
	user, err := req.console.config.Store.Users().Change(req.ctx(), name, func(u *store.User) error {
		if err := req.checkSeen(view.SeenUser(u)); err != nil {
			return err
		}
		u.Roles, u.Disabled, u.Profile = roles, disabled, req.profile()
		if removes {
			u.RemoveTOTP()
		}
		if u.External == nil && req.r.PostForm.Has("groups") {
			u.Groups = strings.Fields(req.r.PostFormValue("groups"))
		}
		scopes, err := req.userScopes(u)
		if err != nil {
			return err
		}
		u.Scopes = scopes
		if hash != "" {
			u.Hash = hash
		}
		return nil
	})
	if err != nil {
		return err
	}
	req.audit("POST "+Root+"/access/users/{user}", user.Name)
	if user.Name == req.user.Name && user.Epoch != req.session.Epoch { // the user's own password changed: keep this browser signed in
		if err := req.renewSession(user); err != nil {
			return err
		}
	}
	req.setNotice(language.T(req.ctx(), "The user %s was saved.", user.Name))
	return req.redirect(Root + "/access/users")
}

// renewSession replaces the session of this browser by a new one.
func (req *requestState) renewSession(user *store.User) error {
	s, err := req.console.sessions.Begin(req.ctx(), user.Name, user.Epoch, req.origin())
	if err != nil {
		return err
	}
	req.setCookie(cookieSession, s.Token, int(session.LifeLimit.Seconds()))
	old := req.session.Token
	req.session, req.user = s, user
	return req.console.sessions.End(req.ctx(), old)
}

func deleteUser(req *requestState) error {
	name := req.r.PathValue("user")
	if name == req.user.Name {
		return errOwnAccount
	}
	if err := req.console.config.Store.Users().Delete(req.ctx(), name); err != nil {
		return err
	}
	req.forgetUse(lastuse.User, name)
	req.audit("POST "+Root+"/access/users/{user}/delete", name)
	req.setNotice(language.T(req.ctx(), "The user %s was deleted, with all tokens and sessions.", name))
	return req.redirect(Root + "/access/users")
}
