package store

import (
	"regexp"
	"slices"
	"time"
)

const maxZone = 64 // bytes

// languageCode is a language tag (RFC 5646) without private parts. Which languages there are is known to the pages.
var languageCode = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{2,8}){0,3}$`)

// Preferences are how a user wants pages to look. The zero value is what the browser says.
type Preferences struct {
	Theme string `json:"theme,omitempty"` // "light" or "dark"; empty: that of the system
	Zone  string `json:"zone,omitempty"`  // time zone of printed times, as "Europe/Berlin"; empty: that of the browser
	Hours string `json:"hours,omitempty"` // "12" or "24"; empty: those of the browser's language

	Language string `json:"language,omitempty"` // of the pages, as "de"; empty: that of the browser
}

func (p *Preferences) validate() error {
	if !slices.Contains([]string{"", "light", "dark"}, p.Theme) {
		return &InvalidError{"theme", "must be light, dark, or empty for that of the system"}
	}
	if !slices.Contains([]string{"", "12", "24"}, p.Hours) {
		return &InvalidError{"hours", "must be 12, 24, or empty for those of the browser's language"}
	}
	if p.Language != "" && !languageCode.MatchString(p.Language) {
		return &InvalidError{"language", "must be a code such as de, or empty for that of the browser"}
	}
	if p.Zone == "" {
		return nil
	}
	if _, err := time.LoadLocation(p.Zone); err != nil || p.Zone == "Local" || len(p.Zone) > maxZone {
		return &InvalidError{"time zone", "must be UTC, or a name such as Europe/Berlin"}
	}
	return nil
}
