// Package account serves the page on which a signed-in user changes the own password and preferences, and ends the own sessions. The console and the
// developer portal each have it, and do for it what all their pages need.
package account

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// Authority verifies passwords. *auth.Authority implements it.
type Authority interface {
	// User returns the user with a name and a password; nil: they are wrong. The error may be an *auth.Error that says to wait.
	User(ctx context.Context, name, password, ip string) (*store.User, error)
	Codes
}

// Hasher hashes passwords. *password.Hasher implements it.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
}

// Config configures Accounts. All fields but Fixed, Tokens and Issuer are required.
type Config struct {
	Users     *store.Users
	Sessions  *session.Store
	Authority Authority
	Hasher    Hasher
	Sealer    Sealer // of the secrets of authenticators
	Now       func() time.Time

	// Tokens keeps personal tokens, which Issuer makes; nil: there are none.
	Tokens *personal.Tokens
	Issuer Issuer

	// Fixed is the user whose password the settings of the process have, and set again with each start; empty: none.
	Fixed string
}

// Accounts has the handlers of the page. Safe for concurrent use.
type Accounts struct{ config Config }

// New returns Accounts.
func New(config Config) (*Accounts, error) {
	if config.Users == nil || config.Sessions == nil || config.Authority == nil || config.Hasher == nil || config.Sealer == nil || config.Now == nil {
		return nil, errors.New("new accounts: Users, Sessions, Authority, Hasher, Sealer and Now are required")
	}
	return &Accounts{config}, nil
}

// Request is a request of a signed-in user, whose CSRF token is valid if it writes.
type Request struct {
	HTTP    *http.Request
	Root    string // path of the site
	User    *store.User
	Session *session.Session
	IP      string // address of the browser
	Host    string // of the installation, by which an authenticator names it

	Page     func(title string) view.Page
	Render   func(status int, page templ.Component) error
	Redirect func(path string) error
	Notice   func(text string)        // shows a message on the next page
	Audit    func(act, object string) // writes an entry of the audit log
	// Renew gives the browser a new session of the user as it is now, in place of the one that it has, and sets User and Session.
	Renew func(*store.User) error
	// Theme keeps the colour scheme in the browser.
	Theme func(theme string)
}

func (r *Request) path() string { return r.Root + "/account" }

// Route is one page or action.
type Route struct {
	Pattern string // below the root of the site
	Handle  func(*Request) error
}

// Routes lists all pages and actions.
func (a *Accounts) Routes() []Route {
	return []Route{
		{"GET /account", a.show},
		{"POST /account/password", a.changePassword},
		{"POST /account/preferences", a.savePreferences},
		{"POST /account/totp", a.beginTOTP},
		{"POST /account/totp/confirm", a.confirmTOTP},
		{"POST /account/totp/codes", a.renewCodes},
		{"POST /account/totp/off", a.turnOffTOTP},
		{"POST /account/sessions/end", a.endOthers},
		{"POST /account/sessions/{session}/end", a.endOne},
		{"POST /account/tokens", a.makeToken},
		{"POST /account/tokens/{token}/revoke", a.revokeToken},
	}
}

func (a *Accounts) show(r *Request) error { return a.render(r, http.StatusOK, "", "") }

// render shows the page. trouble says what is wrong with a field of the form of the password; empty: nothing.
func (a *Accounts) render(r *Request, status int, field, trouble string) error {
	return a.renderWith(r, status, func(page *view.Account) { page.Field, page.Trouble = field, trouble })
}

// renderWith shows the page after change.
func (a *Accounts) renderWith(r *Request, status int, change func(*view.Account)) error {
	open, err := a.open(r)
	if err != nil {
		return err
	}
	tokens, err := a.tokens(r)
	if err != nil {
		return err
	}
	page := view.Account{
		User: r.User, Sessions: open, Last: view.SignInBefore(r.Session.Last), Tokens: tokens,
		Given: r.User.Preferences, Fixed: r.User.Name == a.config.Fixed,
	}
	if r.User.Hash != "" {
		page.Factor = &view.SecondFactor{On: r.User.HasTOTP(), Since: r.User.TOTPSince, Left: len(r.User.Recovery)}
	}
	change(&page)
	return r.Render(status, view.AccountPage(r.Page(language.T(r.HTTP.Context(), "Your account")), page))
}

// open returns the sessions of the user that still count, that of the browser first.
func (a *Accounts) open(r *Request) ([]view.OpenSession, error) {
	all, err := a.config.Sessions.List(r.HTTP.Context(), r.User.Name)
	if err != nil {
		return nil, err
	}
	var own, others []view.OpenSession
	for _, one := range all {
		shown := view.OpenSession{ID: one.ID, Site: one.Site, IP: one.IP, Device: one.Device, Began: one.Began, Seen: one.Seen, This: one.ID == r.Session.ID()}
		switch {
		case one.Epoch != r.User.Epoch: // ended by a change of the user
		case shown.This:
			own = append(own, shown)
		default:
			others = append(others, shown)
		}
	}
	return append(own, others...), nil
}
