package console

import (
	"encoding/base64"
	"net/http"
)

const cookieNotice = "penstock_notice"

// leaveNotice has the next page say what was done.
func (x *exchange) leaveNotice(text string) {
	x.setCookie(cookieNotice, base64.RawURLEncoding.EncodeToString([]byte(text)), 60)
}

// takeNotice returns what the page before left to say, once.
func (x *exchange) takeNotice() string {
	cookie, err := x.r.Cookie(cookieNotice)
	if err != nil || x.fragment() {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	x.setCookie(cookieNotice, "", -1)
	return string(text)
}

// setCookie sets a cookie that scripts cannot read. Age is in seconds;
// negative: delete it; zero: until the browser closes.
func (x *exchange) setCookie(name, value string, age int) {
	http.SetCookie(x.w, &http.Cookie{
		Name: name, Value: value, Path: Root, MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: x.console.secure || x.r.TLS != nil,
	})
}
