package httpstep

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"

	"golang.org/x/net/publicsuffix"
)

// maxCookies is the maximum size in bytes of all cookies that the responses of one step set for one item; further ones
// are ignored. A browser keeps about as much for one domain.
const maxCookies = 256 << 10

// limitedJar is a cookie jar of bounded size. The requests of one item use it one after the other.
type limitedJar struct {
	*cookiejar.Jar
	size int
}

func newCookieJar() *limitedJar {
	jar, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List}) // it never fails
	return &limitedJar{Jar: jar}
}

// SetCookies implements http.CookieJar.
func (j *limitedJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for i, cookie := range cookies {
		if j.size += len(cookie.Raw); j.size > maxCookies {
			cookies = cookies[:i]
			break
		}
	}
	j.Jar.SetCookies(u, cookies)
}
