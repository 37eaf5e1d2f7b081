package account

import (
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/store"
)

// savePreferences sets how pages look for the user, in all browsers.
func (a *Accounts) savePreferences(r *Request) error {
	want := store.Preferences{Theme: r.HTTP.PostFormValue("theme"), Zone: strings.TrimSpace(r.HTTP.PostFormValue("zone")), Hours: r.HTTP.PostFormValue("hours"), Language: r.HTTP.PostFormValue("language")}
	if want != r.User.Preferences {
		_, err := a.config.Users.Change(r.HTTP.Context(), r.User.Name, func(u *store.User) error {
			u.Preferences = want
			return nil
		})
		if err != nil {
			return err
		}
	}
	ctx := language.With(r.HTTP.Context(), language.Choose(want.Language, r.HTTP.Header.Get("Accept-Language")))
	r.Theme(want.Theme)
	r.Notice(language.T(ctx, "Your preferences were saved."))
	return r.Redirect(r.path())
}
