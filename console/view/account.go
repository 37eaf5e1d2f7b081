package view

import (
	"context"
	"strings"
	"time"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/store"
)

// Account is the page of the signed-in user.
type Account struct {
	User     *store.User
	Sessions []OpenSession // that of the browser first
	Last     SignInBefore
	Tokens   *PersonalTokens   // nil: the user may not have one
	Given    store.Preferences // of the form
	Fixed    bool              // the settings of the process have the password, and set it again

	Factor *SecondFactor // nil: the user has no password

	Field, Trouble string // what is wrong with a field of the forms of the password and the second factor; empty: nothing
}

// SignInBefore is when and from where the user signed in before this session; zero: not known.
type SignInBefore struct {
	At     time.Time
	IP     string
	Device string
}

// OpenSession is a session of the user.
type OpenSession struct {
	ID          string
	Site        string // root of the pages
	IP          string
	Device      string // User-Agent header
	Began, Seen time.Time
	This        bool // it is that of the browser
}

// troubleOf returns what is wrong with a field.
func (a Account) troubleOf(field string) string {
	if a.Field == field {
		return a.Trouble
	}
	return ""
}

func (s OpenSession) siteName(ctx context.Context) string {
	if s.Site == Developers {
		return language.T(ctx, "developer portal")
	}
	return language.T(ctx, "console")
}

// browsers and systems are what a User-Agent header has of them, in the order in which they are looked for: most browsers name others,
// too. Read only.
var (
	browsers = [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Vivaldi/", "Vivaldi"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Chromium/", "Chromium"}, {"Safari/", "Safari"}}
	systems  = [][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}}
)

// deviceName describes a User-Agent header, such as "Firefox on Linux". It is what the browser says of itself.
func deviceName(ctx context.Context, agent string) string {
	find := func(all [][2]string) string {
		for _, one := range all {
			if strings.Contains(agent, one[0]) {
				return one[1]
			}
		}
		return ""
	}
	browser, system := find(browsers), find(systems)
	switch {
	case agent == "":
		return language.T(ctx, "unknown device")
	case browser == "":
		return clip(agent, 40)
	case system == "":
		return browser
	}
	return language.T(ctx, "%s on %s", browser, system)
}
