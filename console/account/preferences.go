package account

import (
	"strings"

	"github.com/penstock/penstock/store"
)

// savePreferences sets how pages look for the user, in all browsers.
func (a *Accounts) savePreferences(r *Request) error {
	want := store.Preferences{Theme: r.HTTP.PostFormValue("theme"), Zone: strings.TrimSpace(r.HTTP.PostFormValue("zone")), Hours: r.HTTP.PostFormValue("hours")}
	if err := a.prefer(r, func(p *store.Preferences) { *p = want }); err != nil {
		return err
	}
	r.Theme(want.Theme)
	r.Notice("Your preferences were saved.")
	return r.Redirect(r.path())
}

// saveTheme sets the colour scheme alone, which the script has changed on the page already.
func (a *Accounts) saveTheme(r *Request) error {
	theme := r.HTTP.PostFormValue("theme")
	if err := a.prefer(r, func(p *store.Preferences) { p.Theme = theme }); err != nil {
		return err
	}
	r.Theme(theme)
	return r.Redirect(r.path())
}

// prefer changes the preferences of the user if that makes a difference.
func (a *Accounts) prefer(r *Request, change func(*store.Preferences)) error {
	want := r.User.Preferences
	change(&want)
	if want == r.User.Preferences {
		return nil
	}
	_, err := a.config.Users.Change(r.HTTP.Context(), r.User.Name, func(u *store.User) error {
		change(&u.Preferences)
		return nil
	})
	return err
}
