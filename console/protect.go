package console

// protect sets the headers that keep a page to itself: nothing is loaded from
// elsewhere, no script stands in a page, nobody frames it, nothing is kept.
// Styles that the editor makes carry the nonce of the page.
func (x *exchange) protect() {
	h := x.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+x.nonce+"'; "+
		"img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if x.console.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
