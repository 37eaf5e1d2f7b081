package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
)

// maxSmallForm is the maximum size of the body of a request without a session, in bytes.
const maxSmallForm = 1 << 20

// maxForm returns the maximum size of a form of somebody who is signed in, in bytes: an event or a flow of the size that the API
// takes, and the rest of its form. In URL encoding a byte takes three, and a line break, which forms send as CR LF, six.
func (c *Console) maxForm() int64 { return 6*min(c.config.MaxBody, maxSheet) + maxSmallForm }

// maxSheet is the size of the largest text for which forms have room, in bytes: browsers do not edit larger ones.
const maxSheet = 64 << 20

// readForm parses the body of a write, if it is a form. It returns a fault if it is larger than forms may be.
func (req *requestState) readForm() error {
	err := req.r.ParseForm()
	if err == nil && strings.HasPrefix(req.r.Header.Get("Content-Type"), "multipart/") {
		err = req.r.ParseMultipartForm(maxFormMemory)
	}
	if large := new(http.MaxBytesError); errors.As(err, &large) {
		return &fault{http.StatusRequestEntityTooLarge, language.Key("The form is too large"), view.TooLarge(req.ctx(), req.r.ContentLength, large.Limit) + ". " + language.T(req.ctx(), "Nothing was done. Go back to what you typed.")}
	}
	return nil // what else is wrong lacks the token
}

// maxFormMemory is how much of the files of a form is kept in memory, in bytes; the rest is in temporary files.
const maxFormMemory = 1 << 20

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
