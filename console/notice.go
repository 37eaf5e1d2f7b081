package console

import (
	"encoding/base64"
	"net/http"
)

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
