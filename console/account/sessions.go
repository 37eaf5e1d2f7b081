package account

import (
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
)

// endOne ends a session of the user. That of the browser ends by signing out.
func (a *Accounts) endOne(r *Request) error {
	id := r.HTTP.PathValue("session")
	if id == r.Session.ID() {
		r.Notice(language.T(r.HTTP.Context(), "This is the session of this browser: sign out to end it."))
		return r.Redirect(r.path())
	}
	n, err := a.end(r, id)
	if err != nil {
		return err
	}
	if n == 0 {
		r.Notice(language.T(r.HTTP.Context(), "That session had ended already."))
	} else {
		r.Notice(language.T(r.HTTP.Context(), "The session was ended."))
	}
	return r.Redirect(r.path())
}

// endOthers ends all sessions of the user but that of the browser.
func (a *Accounts) endOthers(r *Request) error {
	all, err := a.config.Sessions.List(r.HTTP.Context(), r.User.Name)
	if err != nil {
		return err
	}
	n, err := a.end(r, others(all, r.Session.ID())...)
	if err != nil {
		return err
	}
	if n == 0 {
		r.Notice(language.T(r.HTTP.Context(), "There was no other session."))
	} else {
		r.Notice(language.N(r.HTTP.Context(), n, "One other session was ended.", "%d other sessions were ended."))
	}
	return r.Redirect(r.path())
}

func others(all []session.Open, this string) []string {
	var ids []string
	for _, one := range all {
		if one.ID != this {
			ids = append(ids, one.ID)
		}
	}
	return ids
}

// end ends sessions and notes it in the audit log if there were some.
func (a *Accounts) end(r *Request, ids ...string) (int, error) {
	n, err := a.config.Sessions.EndOf(r.HTTP.Context(), r.User.Name, ids...)
	if n > 0 {
		r.Audit("POST "+r.path()+"/sessions/end", r.User.Name)
	}
	return n, err
}
