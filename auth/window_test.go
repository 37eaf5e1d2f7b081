package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

func TestCheckTime(t *testing.T) {
	t.Parallel()
	at := time.Unix(1795280000, 999_999_999)
	for _, tc := range []struct{ ts, refused string }{
		{"1795280000", ""},
		{"1795279700", ""},
		{"1795280300", ""},
		{"001795280000", ""},
		{"1795279699", "301 s in the past"},
		{"1795280301", "301 s in the future"},
		{"0", "in the past"},
		{"999999999999", "in the future"},
		{"", "digits"},
		{"1795280000000", "digits"},
		{"-1795280000", "digits"},
		{"+1795280000", "digits"},
		{" 1795280000", "digits"},
		{"1795280000.5", "digits"},
		{"1e9", "digits"},
		{"١٧٩٥", "digits"},
	} {
		err := CheckTime(tc.ts, at, 300*time.Second)
		if tc.refused == "" && err != nil || tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)) {
			t.Errorf("CheckTime(%q) = %v, want %q", tc.ts, err, tc.refused)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	if got := Window(&store.Key{}); got != 300*time.Second {
		t.Errorf("default window %v", got)
	}
	if got := Window(&store.Key{Window: time.Minute}); got != time.Minute {
		t.Errorf("window %v", got)
	}
}
