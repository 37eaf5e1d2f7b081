package callbacks

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/queue"
)

// Call stores the result of a waiting step and resumes its run, as queue.Client.Call does.
type Call func(ctx context.Context, run, key string, result []byte) error

// maxFields is the maximum number of fields of a form.
const maxFields = 100

// openCallback verifies the token in the path.
func (a *api) openCallback(c *gin.Context) (callback.Call, error) {
	call, err := a.config.Callbacks.Open(c.Param("token"), httpx.Now(c))
	switch {
	case errors.Is(err, callback.ErrExpired):
		return call, &httpx.Fault{Status: http.StatusGone, Code: "expired", Message: "this address has expired"}
	case err != nil:
		return call, &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "nothing is at this address"}
	}
	return call, nil
}

// acceptCallback answers POST /v1/callbacks/{token}: what the body says becomes the item of the waiting step.
func (a *api) acceptCallback(c *gin.Context) {
	call, err := a.openCallback(c)
	var item []byte
	if err == nil {
		item, err = readItem(c, call)
	}
	if err == nil {
		httpx.StateOf(c).Run = call.Run
		result := slices.Concat([]byte(`{"items":[`), item, []byte(`]}`))
		err = callFault(a.config.Call(c.Request.Context(), call.Run, call.Key, result))
		if refused := (*httpx.Fault)(nil); !errors.As(err, &refused) { // after another error the step may have the item
			httpx.StateOf(c).KeepFiles()
		}
	}
	switch {
	case isForm(c.Request) && err != nil:
		writeFault(c, err)
	case err != nil:
		httpx.Fail(c, err)
	case isForm(c.Request):
		writeHTML(c, http.StatusOK, "Thank you", "<p>Your answer has been received.</p>")
	default:
		httpx.Write(c, http.StatusOK, httpx.TypeJSON, []byte(`{"accepted":true}`))
	}
}

// callFault returns the error for a call that has no effect, because the step has its result already or the run has
// ended.
func callFault(err error) error {
	switch {
	case errors.Is(err, queue.ErrCalled):
		return &httpx.Fault{Status: http.StatusConflict, Code: "already_called", Message: "this has been answered already", Err: err}
	case errors.Is(err, queue.ErrOver), errors.Is(err, queue.ErrNotFound):
		return &httpx.Fault{Status: http.StatusGone, Code: "over", Message: "the run has ended, so this answer has no effect", Err: err}
	}
	return err
}

// readItem returns the body as JSON, an empty body as null, and an empty form as an empty object.
func readItem(c *gin.Context, call callback.Call) ([]byte, error) {
	body, err := httpx.DecodeFiles(c, httpx.BodyRule{MaxBody: call.MaxBody, Owner: call.Run})
	switch {
	case err != nil || len(body) > 0:
	case isForm(c.Request):
		body = []byte("{}")
	default:
		body = []byte("null")
	}
	return body, err
}

// isForm reports whether a browser may have sent the request, which then shows a page.
func isForm(r *http.Request) bool {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "application/x-www-form-urlencoded" || media == "multipart/form-data"
}

// showConfirmation answers GET /v1/callbacks/{token} with a page whose button posts the parameters of the link. A
// GET alone has no effect, because programs such as mail scanners open links.
func (a *api) showConfirmation(c *gin.Context) {
	if _, err := a.openCallback(c); err != nil {
		writeFault(c, err)
		return
	}
	fields, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil || len(fields) > maxFields {
		writeFault(c, &httpx.Fault{Status: http.StatusBadRequest, Code: "bad_query", Message: "the link cannot be read"})
		return
	}
	writeHTML(c, http.StatusOK, "Confirm your answer", confirmation(fields))
}

// confirmation returns a form with the fields.
func confirmation(fields url.Values) string {
	var b strings.Builder
	b.WriteString(`<form method="post" action="?"><dl>`)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		for _, value := range fields[name] {
			b.WriteString("<dt>" + escape(name) + "</dt><dd>" + escape(value) +
				`<input type="hidden" name="` + escape(name) + `" value="` + escape(value) + `"></dd>`)
		}
	}
	b.WriteString(`</dl><button>Confirm</button></form>`)
	return b.String()
}
