package console

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// exchange is one request and its answer. It belongs to the request's
// goroutine.
type exchange struct {
	console *Console
	w       http.ResponseWriter
	r       *http.Request
	session *session        // nil: nobody is signed in
	user    *store.User     // likewise
	who     *auth.Principal // likewise
	nonce   string          // of the styles that the editor makes
}

func (c *Console) newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	return &exchange{console: c, w: w, r: r, nonce: rand.Text()}
}

func (x *exchange) ctx() context.Context { return x.r.Context() }

// may reports whether the user holds a scope for all flows.
func (x *exchange) may(scope auth.Scope) bool { return x.who != nil && x.who.May(scope, 0) }

// ip is where the browser is.
func (x *exchange) ip() string {
	host, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		return x.r.RemoteAddr
	}
	return host
}

// page is what the layout of every page needs.
func (x *exchange) page(section, title string) view.Page {
	p := view.Page{
		Section: section, Title: title, Nonce: x.nonce, Theme: x.theme(), Notice: x.takeNotice(),
		Asset: x.console.assets.url, Now: x.console.config.Now(),
	}
	if x.session != nil {
		p.CSRF, p.User = mask(x.session.CSRF), x.user.Name
		p.May = func(scope auth.Scope) bool { return x.may(scope) }
	}
	return p
}

// theme is what the user chose; empty: as the system has it.
func (x *exchange) theme() string {
	if cookie, err := x.r.Cookie("penstock_theme"); err == nil && (cookie.Value == "dark" || cookie.Value == "light") {
		return cookie.Value
	}
	return ""
}

// fragment reports whether the script asked for a part of a page.
func (x *exchange) fragment() bool { return x.r.Header.Get("HX-Request") == "true" }

// show answers with a page, or a part of one.
func (x *exchange) show(status int, component templ.Component) error {
	var page bytes.Buffer
	if err := component.Render(x.ctx(), &page); err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Encoding, HX-Request")
	x.send(status, page.Bytes())
	return nil
}

// worthZipping is from how many bytes on an answer is compressed.
const worthZipping = 1400

// send writes a whole answer, compressed if the browser likes. The secrets of
// a page are of as many random characters each time, or none of the caller's
// text is beside them.
func (x *exchange) send(status int, body []byte) {
	var w io.Writer = x.w
	if len(body) >= worthZipping && strings.Contains(x.r.Header.Get("Accept-Encoding"), "gzip") {
		x.w.Header().Set("Content-Encoding", "gzip")
		zipper := gzip.NewWriter(x.w)
		defer zipper.Close()
		w = zipper
	}
	x.w.WriteHeader(status)
	_, _ = w.Write(body) // a browser that is gone needs nothing
}

// redirect sends the browser to another page of the console after a write.
func (x *exchange) redirect(path string) error {
	if x.fragment() {
		x.w.Header().Set("HX-Redirect", path)
		x.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(x.w, x.r, path, http.StatusSeeOther)
	return nil
}
