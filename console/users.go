package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/penstock/penstock/api/auditlist"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// The length of passwords, in bytes.
const (
	minPassword = 6
	maxPassword = 1024
)

// usersPage lists the users.
func usersPage(x *exchange) error {
	users, err := x.console.config.Store.Users().List(x.ctx())
	if err != nil {
		return err
	}
	return x.show(200, view.UsersPage(x.page("access", "Users"), users))
}

func userPage(x *exchange) error {
	user, err := x.console.config.Store.Users().User(x.ctx(), x.r.PathValue("user"))
	if err != nil {
		return err
	}
	return x.show(200, view.UserPage(x.page("access", user.Name), user, user.Name == x.user.Name))
}

func createUser(x *exchange) error {
	user := store.User{Name: strings.TrimSpace(x.r.PostFormValue("name"))}
	hash, err := x.passwordHash()
	if err == nil && hash == "" {
		err = &store.InvalidError{Member: "password", Reason: "is required"}
	}
	if err != nil {
		return err
	}
	user.Hash, user.Roles = hash, x.roles()
	made, err := x.console.config.Store.Users().Create(x.ctx(), user)
	if err != nil {
		return err
	}
	x.audit("POST "+Root+"/access/users", made.Name)
	x.leaveNotice("The user " + made.Name + " was made.")
	return x.redirect(Root + "/access/users")
}

// roles are those that the form has.
func (x *exchange) roles() []store.Role {
	var roles []store.Role
	for _, r := range x.r.PostForm["role"] {
		roles = append(roles, store.Role(r))
	}
	return roles
}

// passwordHash is that of the form; empty: it has none.
func (x *exchange) passwordHash() (string, error) {
	secret := x.r.PostFormValue("password")
	if secret == "" {
		return "", nil
	}
	if len(secret) < minPassword || len(secret) > maxPassword {
		return "", &store.InvalidError{Member: "password", Reason: "must have 6 to 1024 bytes"}
	}
	return x.console.config.Hasher.Hash(x.ctx(), secret)
}

// errOwn keeps an administrator from locking the door from outside.
var errOwn = &fault{http.StatusConflict, "That is you", "You cannot delete or disable yourself, or give up the role admin: another administrator can."}

func changeUser(x *exchange) error {
	hash, err := x.passwordHash()
	if err != nil {
		return err
	}
	roles, disabled := x.roles(), x.r.PostFormValue("disabled") == "on"
	name := x.r.PathValue("user")
	if name == x.user.Name && (disabled || !slices.Contains(roles, store.RoleAdmin)) {
		return errOwn
	}
	user, err := x.console.config.Store.Users().Change(x.ctx(), name, func(u *store.User) error {
		u.Roles, u.Disabled = roles, disabled
		if hash != "" {
			u.Hash = hash
		}
		return nil
	})
	if err != nil {
		return err
	}
	x.audit("POST "+Root+"/access/users/{user}", user.Name)
	if user.Name == x.user.Name && user.Epoch != x.session.Epoch { // the password is another one: this session goes on
		if err := x.beginAgain(user); err != nil {
			return err
		}
	}
	x.leaveNotice("The user " + user.Name + " was saved.")
	return x.redirect(Root + "/access/users")
}

// beginAgain gives the browser a new session in the place of its own.
func (x *exchange) beginAgain(user *store.User) error {
	s, err := x.console.sessions.begin(x.ctx(), user.Name, user.Epoch)
	if err != nil {
		return err
	}
	x.setCookie(cookieSession, s.token, int(lifeLimit.Seconds()))
	return x.console.sessions.end(x.ctx(), x.session.token)
}

func deleteUser(x *exchange) error {
	name := x.r.PathValue("user")
	if name == x.user.Name {
		return errOwn
	}
	if err := x.console.config.Store.Users().Delete(x.ctx(), name); err != nil {
		return err
	}
	x.audit("POST "+Root+"/access/users/{user}/delete", name)
	x.leaveNotice("The user " + name + " was deleted, with all tokens and sessions.")
	return x.redirect(Root + "/access/users")
}

// auditPage lists what administrators did.
func auditPage(x *exchange) error {
	list := view.AuditList{Params: x.r.URL.Query()}
	list.Filter = list.Params.Get("filter")
	if list.Filter == "" {
		list.Params.Del("filter")
	}
	q, err := auditlist.Parse(list.Params.Encode())
	var wrong *listing.Error
	if errors.As(err, &wrong) {
		list.Trouble = wrong.Error()
		return x.show(http.StatusBadRequest, view.AuditPage(x.page("access", "Audit"), list))
	}
	page, err := auditlist.Page(x.ctx(), x.console.config.Store.Audit(), q, true)
	if err != nil {
		return err
	}
	list.Items, list.Page, list.Total, list.PageSize = page.Items, page.Page, page.Total, page.PageSize
	return x.show(200, view.AuditPage(x.page("access", "Audit"), list))
}
