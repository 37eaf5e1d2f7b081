package sender

import (
	"net/url"
	"strings"
)

// URLs returns the spellings in which a sender may sign a URL: with and without the default port.
func URLs(target string) []string {
	u, err := url.Parse(target)
	if err != nil {
		return []string{target}
	}
	usual := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	bare, _ := strings.CutSuffix(u.Host, ":"+usual)
	if bare != u.Host {
		return []string{target, strings.Replace(target, u.Host, bare, 1)}
	}
	if u.Port() == "" && usual != "" {
		return []string{target, strings.Replace(target, u.Host, u.Host+":"+usual, 1)}
	}
	return []string{target}
}
