package console

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/steprecord"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// requestState is the state of one request: the request, its response and the signed-in user. It is used by the
// request's goroutine only.
type requestState struct {
	console *Console
	site    *site
	w       http.ResponseWriter
	r       *http.Request
	body    io.ReadCloser    // of r, without its limit
	session *session.Session // nil: not signed in
	user    *store.User      // nil: not signed in
	who     *auth.Principal  // nil: not signed in
	flow    int64            // that the request is about, by its path; zero: none, or it is not known
	nonce   string           // of the page's Content-Security-Policy, for styles created by the editor

	outlines map[string]map[string]steprecord.Place // of versions of flows, by flow and version; see places
	away     bool                                   // Redis does not answer: the session is the one that was found last, and pages show what the history has
	before   recordBefore                           // what a write is about, for the audit log
	noted    bool                                   // the audit log has the write
	status   int                                    // of the response; zero: not sent
	sentTo   string                                 // path of the page to which the response leads; empty: it is a page itself
}

func (c *Console) newRequestState(at *site, w http.ResponseWriter, r *http.Request) *requestState {
	return &requestState{console: c, site: at, w: w, r: r, nonce: rand.Text()}
}

func (req *requestState) ctx() context.Context { return req.r.Context() }

// ip returns the address of the browser.
func (req *requestState) ip() string {
	host, _, err := net.SplitHostPort(req.r.RemoteAddr)
	if err != nil {
		return req.r.RemoteAddr
	}
	return host
}

// headerRequestID is the header of the response with the id of the request, under which the front door logs it.
const headerRequestID = "X-Request-Id"

// page returns the layout data of a page.
func (req *requestState) page(section, title string) view.Page {
	p := view.Page{
		Site: req.site.Site, Section: section, Title: title, Nonce: req.nonce, Theme: req.theme(), Notice: req.takeNotice(),
		Asset: req.console.assets.URL, Now: req.console.config.Now(), Dev: req.console.config.Dev,
		Request: req.w.Header().Get(headerRequestID), Posted: isWrite(req.r), Away: req.away,
	}
	if (req.session != nil || req.away) && !req.fragment() {
		p.Troubles = req.troubles()
	}
	if req.session != nil {
		p.CSRF, p.User, p.MaxForm = session.MaskToken(req.session.CSRF), req.user.Name, req.console.maxForm()
		p.May, p.MayForSome = req.may, req.mayForSome
		p.HasFolders = len(req.who.Granted) > 0 || req.mayForSome(auth.ScopeFolders)
	}
	return p
}

const (
	// cookieTheme has the colour scheme that was chosen in the browser, which scripts may set: "light", "dark" or "system".
	cookieTheme = "penstock_theme"
	// themeAge is how long a browser keeps it, in seconds.
	themeAge = 365 * 24 * 3600
)

// theme returns the chosen colour scheme, "light" or "dark"; empty: that of the system. What was chosen in the browser counts, and
// without that what the user chose elsewhere.
func (req *requestState) theme() string {
	if cookie, err := req.r.Cookie(cookieTheme); err == nil {
		switch cookie.Value {
		case "light", "dark":
			return cookie.Value
		case "system":
			return ""
		}
	}
	if req.user != nil {
		return req.user.Preferences.Theme
	}
	return ""
}

// setTheme keeps the colour scheme of a user in the browser, also for when nobody is signed in.
func (req *requestState) setTheme(theme string) {
	http.SetCookie(req.w, &http.Cookie{
		Name: cookieTheme, Value: cmp.Or(theme, "system"), Path: req.site.Root, MaxAge: themeAge,
		SameSite: http.SameSiteLaxMode, Secure: req.console.secure || req.r.TLS != nil,
	})
}

// withLanguage returns the context of the request with the language that the user has chosen, or that of the browser.
func (req *requestState) withLanguage() context.Context {
	if l := language.Named(req.user.Preferences.Language); l != nil {
		return language.With(req.ctx(), l)
	}
	return req.ctx()
}

// fragment reports whether the script requested a part of a page.
func (req *requestState) fragment() bool { return req.r.Header.Get("HX-Request") == "true" }

// render responds with a page or a part of one.
func (req *requestState) render(status int, component templ.Component) error {
	var page bytes.Buffer
	if err := component.Render(req.ctx(), &page); err != nil {
		return err
	}
	h := req.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Encoding, Accept-Language, HX-Request")
	req.send(status, page.Bytes())
	return nil
}

// minGzipSize is the minimum size of a compressed response in bytes.
const minGzipSize = 1400

// send writes a complete response, compressed if the browser accepts it. Compression does not reveal secrets through
// the size of the response (BREACH): CSRF tokens are masked anew on each page, and pages with other secrets contain no
// text of the caller.
func (req *requestState) send(status int, body []byte) {
	var w io.Writer = req.w
	if len(body) >= minGzipSize && strings.Contains(req.r.Header.Get("Accept-Encoding"), "gzip") {
		req.w.Header().Set("Content-Encoding", "gzip")
		zipper := gzip.NewWriter(req.w)
		defer zipper.Close()
		w = zipper
	}
	req.status = status
	req.w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the browser has disconnected
}

// redirect sends the browser to another page of the site after a write.
func (req *requestState) redirect(path string) error {
	req.sentTo = path
	if req.fragment() {
		req.w.Header().Set("HX-Redirect", path)
		req.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(req.w, req.r, path, http.StatusSeeOther)
	return nil
}

// setSecurityHeaders sets the headers of every response: nothing is loaded from other servers, inline scripts and
// framing are forbidden, and nothing is cached. Styles created by the editor need the nonce of the page.
func (req *requestState) setSecurityHeaders() {
	h := req.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+req.nonce+"'; "+
		"img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if req.console.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

const cookieNotice = "penstock_notice"

// setNotice sets the message that the next page shows once.
func (req *requestState) setNotice(text string) {
	req.setCookie(cookieNotice, base64.RawURLEncoding.EncodeToString([]byte(text)), 60)
}

// takeNotice returns and deletes the message of the previous page; empty when there is none.
func (req *requestState) takeNotice() string {
	cookie, err := req.r.Cookie(cookieNotice)
	if err != nil || req.fragment() {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	req.setCookie(cookieNotice, "", -1)
	return string(text)
}

// setCookie sets a cookie that scripts cannot read. age is in seconds; negative deletes the cookie, zero keeps it until
// the browser closes.
func (req *requestState) setCookie(name, value string, age int) {
	http.SetCookie(req.w, &http.Cookie{
		Name: name, Value: value, Path: req.site.Root, MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: req.console.secure || req.r.TLS != nil,
	})
}
