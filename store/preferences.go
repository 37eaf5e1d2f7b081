package store

import (
	"slices"
	"time"
)

const maxZone = 64 // bytes

// Preferences are how a user wants pages to look. The zero value is what the browser says.
type Preferences struct {
	Theme string `json:"theme,omitempty"` // "light" or "dark"; empty: that of the system
	Zone  string `json:"zone,omitempty"`  // time zone of printed times, as "Europe/Berlin"; empty: that of the browser
	Hours string `json:"hours,omitempty"` // "12" or "24"; empty: those of the browser's language
}

func (p *Preferences) validate() error {
	if !slices.Contains([]string{"", "light", "dark"}, p.Theme) {
		return &InvalidError{"theme", "must be light, dark, or empty for that of the system"}
	}
	if !slices.Contains([]string{"", "12", "24"}, p.Hours) {
		return &InvalidError{"hours", "must be 12, 24, or empty for those of the browser's language"}
	}
	if p.Zone == "" {
		return nil
	}
	if _, err := time.LoadLocation(p.Zone); err != nil || p.Zone == "Local" || len(p.Zone) > maxZone {
		return &InvalidError{"time zone", "must be UTC, or a name such as Europe/Berlin"}
	}
	return nil
}
