package view

import (
	"context"

	"github.com/penstock/penstock/console/language"
)

// TooLarge says that an event or a form is larger than it may be, in bytes. A size that is not known is negative.
func TooLarge(ctx context.Context, size, limit int64) string {
	if size < 0 {
		return language.T(ctx, "It is larger than %d bytes, the limit here", limit)
	}
	return language.T(ctx, "It has %d bytes; the limit here is %d", size, limit)
}
