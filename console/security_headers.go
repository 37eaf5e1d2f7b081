package console

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
