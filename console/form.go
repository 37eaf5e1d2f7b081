package console

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
)

// errTwice is the response to a form that came before.
var errTwice = &fault{http.StatusConflict, language.Key("This was sent already"), language.Key("The form came twice and is done once. Look at what has changed before you send it again from a new page.")}

// maxFormToken is the maximum length of the token of a form, in bytes.
const maxFormToken = 64

// handleOnce handles a write. A form with a token is done once, however often it comes: a later one leads to the page to which
// the first one led. One that failed may come again.
func (req *requestState) handleOnce(handle func(*requestState) error) error {
	token := req.r.PostFormValue(view.FieldOnce)
	if token == "" || len(token) > maxFormToken {
		return handle(req)
	}
	first, page, err := req.console.sessions.ClaimForm(req.ctx(), req.user.Name, token)
	switch {
	case err != nil && redis.HasErrorPrefix(err, "OOM"): // what frees memory must be possible
		return handle(req)
	case err != nil:
		return redisAway(err)
	case !first && page != "":
		return req.redirect(page)
	case !first:
		return errTwice
	}
	err = handle(req)
	ctx := context.WithoutCancel(req.ctx()) // the browser may have gone
	var noted error
	switch {
	case err != nil || req.status >= http.StatusBadRequest:
		noted = req.console.sessions.ReleaseForm(ctx, req.user.Name, token)
	case req.sentTo != "":
		noted = req.console.sessions.SettleForm(ctx, req.user.Name, token, req.sentTo)
	}
	if noted != nil { // it is known for as long as an unfinished one
		req.console.config.Log.LogAttrs(ctx, slog.LevelWarn, "console", slog.String("error", noted.Error()))
	}
	return err
}
