package flows

import (
	"net/url"
	"regexp"
	"strings"
)

// schemeNone is the scheme of senders that prove nothing.
const schemeNone = "none"

// openWords are the words of the schemes that pages of other sites may use, besides those of sender.Takes. Read only.
var openWords = map[string][]string{schemeNone: {"origins", "limit", "max_body", "honeypot", "honeypot_location"}, "token": {"origins"}}

// Unsigned bounds the senders of a webhook that anybody may call.
type Unsigned struct {
	Limit            string // rate of each address, as limits.ParseRate reads it
	MaxBody          int    // bytes
	Honeypot         string // member of the event that must be empty; empty: none
	HoneypotLocation string // Location of the answer to who filled it; empty: 200
}

// openRate is the form of Unsigned.Limit.
var openRate = regexp.MustCompile(`^[1-9][0-9]{0,3}/[smh]$`)

// openTo reads what bounds senders without a proof, and the origins.
func (c *compiler) openTo(a *Args, v *Verify) {
	for _, origin := range v.Origins {
		if !IsOrigin(origin) {
			c.add(a.places["origins"], "", "verify: %q is no origin, such as https://www.example.org", origin)
		}
	}
	if v.Scheme != schemeNone {
		return
	}
	if at, given := a.places["secret"]; given {
		c.add(at, "", "verify: the scheme none has no secret")
	}
	o := &Unsigned{Limit: "10/m", MaxBody: 64 << 10, Honeypot: a.String("honeypot"), HoneypotLocation: a.String("honeypot_location")}
	if a.Has("limit") {
		o.Limit = a.String("limit")
	}
	if a.Has("max_body") {
		o.MaxBody = a.Int("max_body")
	}
	switch {
	case !openRate.MatchString(o.Limit):
		c.add(a.places["limit"], "", "verify: %q is not a rate: write 10/m, 1/s or 100/h", o.Limit)
	case o.MaxBody < 1:
		c.add(a.places["max_body"], "", "verify: max_body: expected at least 1 byte")
	case a.Has("honeypot") && o.Honeypot == "":
		c.add(a.places["honeypot"], "", "verify: honeypot: expected the name of a field")
	case a.Has("honeypot_location") && o.Honeypot == "":
		c.add(a.places["honeypot_location"], "", "verify: honeypot_location needs honeypot")
	case a.Has("honeypot_location") && !isLocation(o.HoneypotLocation):
		c.add(a.places["honeypot_location"], "", "verify: honeypot_location: expected an http or https URL, or a path")
	}
	v.Open = o
}

// IsOrigin reports whether a text is an origin as browsers send it: a scheme, a host and an optional port.
func IsOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && text == u.Scheme+"://"+u.Host
}

// isLocation reports whether a text may be a Location.
func isLocation(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.String() == text && (u.Scheme == "" && u.Host == "" && strings.HasPrefix(text, "/") || (u.Scheme == "http" || u.Scheme == "https") && u.Host != "")
}
